"""Commands that train, and that show versions and reports."""

from typing import Annotated

import typer

from scoreback.service.cli import options, show


def train(
    file: options.DetectorFile,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Train as of this time (else now), with only what was known then.", metavar="TIME"
        ),
    ] = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Promote the new version at once.")
    ] = False,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Train a detector and register the best model as a candidate."""
    from dataclasses import asdict

    from scoreback.service.app import opened
    from scoreback.service.cli.training_view import training_tables
    from scoreback.service.deploying.promotion import promote as promote_version
    from scoreback.service.state.versions import Versions
    from scoreback.service.training.gate import let_in
    from scoreback.service.training.train_job import train_detector

    detector = options.detector(file)
    now = options.now()
    moment = options.moment(as_of, "--as-of") or now
    with opened(options.settings(home)) as app:
        with show.counting("reading events") as count, show.stages("training") as stage:
            outcome = train_detector(
                app,
                detector,
                as_of=moment,
                now=now,
                progress=count,
                stages=stage,
                because=f"{options.user()} asked for it",
            )
        version, why = outcome.version, ""
        if promote:
            version = promote_version(app, detector, version.version, by=options.user(), at=now)
        else:
            why = let_in(app, detector, version, at=now).why
            version = Versions(app.state).get(detector.name, version.version)
    if json:
        ledger = None if outcome.synced is None else asdict(outcome.synced)
        show.as_json(outcome.account | {"version": asdict(version), "label_ledger": ledger})
        return
    training_tables(detector, outcome)
    if version.status == "champion":
        show.say(f"{version.version} scores from now on.")
    else:
        show.say(f"{version.version} {why}.")
        show.say("To let it score:" if version.status == "candidate" else "To let it alert now:")
        show.say(f"  scoreback promote {file} {version.version}")


def versions(
    file: options.DetectorFile,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Compare shadows with the champion as of now; change nothing."
        ),
    ] = False,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """List a detector's versions: what each promised, and how its alerts turned out.

    With --compare: shadows beside the champion, on the units that both have scored.
    """
    from dataclasses import asdict

    if compare:
        from scoreback.service.cli.comparing import compare_versions

        compare_versions(file, options.detector(file), home, json)
        return

    from scoreback.service.cli.looking import looked_at, place
    from scoreback.service.deploying.artifacts import unusable_versions
    from scoreback.service.in_force.detector import in_force
    from scoreback.service.in_force.paused import paused
    from scoreback.service.monitoring.promises import promises

    detector = options.detector(file)
    with looked_at(home) as app:
        found = promises(app, detector, now=options.now())
        held = paused(in_force(app.state, detector))
        unusable = unusable_versions(app, detector)
        where = place(options.settings(home).home)
    for version, why in unusable.items():
        show.warn(f"{version} cannot score: {why}")
    if json:
        show.as_json(
            [
                {
                    **asdict(p.version), "promised": p.promised, "came": p.came,
                    "raises_alerts": held is None and p.version.status == "champion",
                    "unusable": unusable.get(p.version.version),
                }
                for p in found
            ]
        )  # fmt: skip
        return
    if not found:
        show.say(f"{detector.name} has no version yet in {where}")
        show.say(f"  train one with: scoreback train {file}")
        return
    show.table(
        f"Versions of {detector.name}",
        (
            "version", "status", "algorithm", "trained as of", "parent", "average precision",
            "promised precision", "what came", "judged", "promised recall", "daily (promised)",
            "trained because",
        ),
        [
            (
                p.version.version,
                p.version.status,
                p.version.algorithm,
                f"{p.version.trained_as_of:%Y-%m-%d %H:%M} UTC",
                p.version.parent or "-",
                show.figure(p.version.metrics.get("average_precision")),
                _with_interval(p.promised, "precision"),
                _with_interval(p.came, "precision"),
                f"{p.came.get('labelled', 0):.0f} of {p.came.get('alerts', 0):.0f}",
                _with_interval(p.promised, "recall"),
                _daily(p.came) + f" ({_daily(p.promised)})",
                p.version.trained_because or "-",
            )
            for p in found
        ],
        numbers="     rrrrrr",
        prose=("trained because",),
    )  # fmt: skip
    if held is not None:
        show.say(f"{detector.name}: {held.in_words}")


def _daily(figures: dict[str, float]) -> str:
    return show.figure(figures.get("alerts_per_day"), 1)


def _with_interval(figures: dict[str, float], name: str) -> str:
    """A share with its 90 % interval."""
    if name not in figures:
        return "-"
    if f"{name}_low" not in figures:
        return show.figure(figures[name], 2)
    low, high = figures[f"{name}_low"], figures.get(f"{name}_high")
    shown = (show.figure(value, 2) for value in (figures[name], low, high))
    return "{} ({}-{})".format(*shown)


def report(
    file: options.DetectorFile,
    version: Annotated[
        str | None,
        typer.Argument(
            help=f"Version{options.SHORT_VERSION}. Default: the one that scores, else the newest.",
            metavar="VERSION",
        ),
    ] = None,
    out: options.Out = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Write the training report of a version as one HTML page."""
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.monitoring.promises import promises
    from scoreback.service.state.versions import Versions
    from scoreback.service.training.report_job import write_report

    detector = options.detector(file)
    with looked_at(home) as app:
        if version is not None:
            version = Versions(app.state).named(detector.name, version).version
        found = promises(app, detector, now=options.now())
        came = {promise.version.version: promise.came for promise in found}
        page = write_report(app, detector.name, version, out, came=came)
    if json:
        show.as_json({"report": str(page)})
    else:
        show.say(f"report: {page}")


def export_model(
    file: options.DetectorFile,
    version: Annotated[
        str | None,
        typer.Argument(
            help=f"Version{options.SHORT_VERSION}. Default: the one that scores.", metavar="VERSION"
        ),
    ] = None,
    compressed: Annotated[
        bool, typer.Option("--compressed", help="Write the definition gzipped, in base64.")
    ] = False,
    out: options.Out = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Write a version for Elasticsearch's own inference: the body of PUT _ml/trained_models/ID.

    The model can only use numbers and categories, and the licence must include machine learning.
    """
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.deploying.trained_models import write_trained_model
    from scoreback.service.state.versions import Versions

    detector = options.detector(file)
    with looked_at(home) as app:
        if version is not None:
            version = Versions(app.state).named(detector.name, version).version
        path = write_trained_model(app, detector.name, version, out, compressed=compressed)
    if json:
        show.as_json({"model": str(path)})
    else:
        show.say(f"model: {path}")
