"""The demo: the whole cycle on a simulated company, from nothing, in one command."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from scoreback.service.connections import Connection


def demo(
    home: Annotated[
        Path | None,
        typer.Option(help="Keep the workspace in this new folder.", metavar="FOLDER"),
    ] = None,
    reports: Annotated[
        Path, typer.Option(help="Write the training reports here.", metavar="FOLDER")
    ] = Path("scoreback-demo"),
    elastic: Annotated[
        str | None,
        typer.Option(
            help="Play it on this Elasticsearch (the address of a test cluster), in a new"
            " namespace.",
            metavar="URL",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the simulated company.", metavar="NUMBER", min=0)
    ] = 7,
    exports: Annotated[
        Path | None,
        typer.Option(
            help="Only write two example exports into this folder, closed.csv and open.csv.",
            metavar="FOLDER",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Play the whole cycle with a simulated company in a few minutes, on the embedded SIEM.

    With --elastic, all data streams, indices and templates are in a new namespace of the cluster.
    """
    import tempfile

    from scoreback.errors import ConfigError
    from scoreback.service.cli.demo_view import whats_next

    if exports is not None:
        _write_exports(exports, json)
        return
    if home is not None:
        if home.exists() and any(home.iterdir()):
            raise ConfigError(
                f"{home} is not empty",
                hint="name a new folder: the demo writes a whole SIEM into it",
            )
        _play(home, reports, elastic, seed, json)
        if not json:
            whats_next(home)
        return
    with tempfile.TemporaryDirectory(prefix="scoreback-demo-") as folder:
        _play(Path(folder), reports, elastic, seed, json)
    if not json:
        whats_next(None)


def _write_exports(folder: Path, json: bool) -> None:
    from scoreback.errors import ConfigError
    from scoreback.service.demo.exports import write_exports

    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = write_exports(folder)
    except OSError as error:
        raise ConfigError(
            f"the example exports cannot be written into {folder}: {error.strerror}",
            hint="name a folder that this user may write to",
        ) from None
    if json:
        show.as_json({"exports": [str(path) for path in written]})
        return
    for path in written:
        show.say(f"wrote {path}")
    show.say(f"Next: scoreback load {written[0]} --stream alerts --time raised_at --id alert_id")


def _play(home: Path, reports: Path, elastic: str | None, seed: int, json: bool) -> None:
    from scoreback.service.app import opened
    from scoreback.service.cli.demo_view import story_json, summary
    from scoreback.service.demo import SYNTHETIC_NOTICE
    from scoreback.service.demo.play import DETECTORS, company, play
    from scoreback.service.training.report_job import write_report

    played, stories, pages = company(seed), [], []
    namespace = f"demo_{int(options.now().timestamp()):x}" if elastic else None
    if not json:
        _begin(len(DETECTORS), reports, elastic)
    with opened(options.settings(home), connection=_connection(elastic, namespace)) as app:
        resources = app.connector.resources
        if resources is not None:
            for resource in resources.wanted():
                resources.apply(resource)
        for stream, file in DETECTORS:
            with show.stages(file.removesuffix(".yml")) as stage:
                tell = partial(stage, 0, 0)
                stories.append(play(app, played, stream, file, tell))
            story = stories[-1]
            name, version = story.detector.name, story.second.version.version
            page = reports / f"{name}.html"
            pages.append(write_report(app, name, version, page, SYNTHETIC_NOTICE))
            if not json:
                show.say(f"{name}: done; analysts closed {story.closed} of its alerts")
    if json:
        told = [story_json(s) | {"report": str(p)} for s, p in zip(stories, pages, strict=True)]
        show.as_json({"notice": SYNTHETIC_NOTICE, "stories": told})
    else:
        summary(stories)
        show.say("Reports of the last trainings, to open in a browser:")
        for page in pages:
            show.say(f"  {page}")


def _begin(detectors: int, reports: Path, elastic: str | None) -> None:
    """Say what happens in the next minutes before it begins."""
    where = "the embedded SIEM, in a folder" if elastic is None else elastic
    show.say(
        f"Forty days of a simulated company, on {where}: {detectors} detectors, one after another."
    )
    show.say(
        "Each detector learns from labels, scores new events and raises alerts, which analysts"
        " close. Then the company changes, and each detector is trained again. For the first"
        " one, somebody promotes a bad model by mistake and rolls it back. This takes about two"
        f" minutes; the reports go to {reports}."
    )


def _connection(elastic: str | None, namespace: str | None) -> "Connection | None":
    """The test cluster at *elastic*, without settle time: all events are there before a read."""
    if elastic is None:
        return None
    from scoreback.service.connections import Connection

    settings = {"hosts": [elastic], "namespace": namespace, "settle": "PT0S", "replicas": 0}
    return Connection("demo", "elastic", settings)
