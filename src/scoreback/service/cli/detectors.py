"""Commands that draft detector files and check them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.junit import Case, Junit, write_junit

if TYPE_CHECKING:
    from scoreback.models.detector.draft import Draft


def new(
    name: Annotated[
        str, typer.Argument(help="Name of the detector.", metavar="NAME", show_default=False)
    ],
    select: Annotated[
        list[str],
        typer.Option(
            help="Which events, as KEY=VALUE with the SIEM's own keys, such as stream=alerts. Can"
            " be repeated.",
            metavar="KEY=VALUE",
        ),
    ],
    out: options.Out = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Draft a detector file from a sample of events, and say how it uses each field."""
    from dataclasses import asdict

    from scoreback.models.detector.file import load_detector
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.detectors.draft_job import draft_detector

    path = _new_file(out, name)
    selection = options.pairs(select, "--select", "--select stream=alerts")
    with looked_at(home) as app:
        found = draft_detector(app, name, selection, options.now())
    _write(path, found)
    if json:
        show.as_json({"file": str(path)} | asdict(found))
    else:
        _show_choices(f"Fields of the sample, as {path} uses them", found)
        if not found.complete:
            show.say(
                "No label was found; the file says where labels can come from. Train once"
                " analysts have closed alerts on these events (see: scoreback verdict --help)."
            )
        show.say(f"Read {path} and edit it, then run: scoreback train {path}")
        if found.complete and found.as_of is not None:
            day = f"{found.as_of:%Y-%m-%d}"
            show.say(
                "The events are old. To replay what came after them, train as of their last day:"
                f" --as-of {day}"
            )
    load_detector(path)  # a draft has to be valid


def import_sigma(
    rule: Annotated[
        Path, typer.Argument(help="File with one Sigma rule.", metavar="RULE", show_default=False)
    ],
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the detector (else made from the rule's title).", metavar="NAME"
        ),
    ] = None,
    out: options.Out = None,
    json: options.Json = False,
) -> None:
    """Draft a detector file from a Sigma rule: its selection, and features of its fields."""
    from dataclasses import asdict

    from scoreback.connectors.registry import connector_names
    from scoreback.service.sigma.sigma_job import draft_from_sigma

    called, found = draft_from_sigma(rule, name, connector_names())
    path = _new_file(out, called)
    _write(path, found)
    if json:
        show.as_json({"file": str(path)} | asdict(found))
        return
    _show_choices(f"Fields of the rule, as {path} uses them", found)
    show.say("Nothing was searched yet. Choose in the file where labels come from, then run:")
    show.say(f"  scoreback validate {path} && scoreback check {path}")


def _new_file(out: Path | None, name: str) -> Path:
    from scoreback.errors import ConfigError

    path = out or Path(f"{name}.yml")
    if path.exists():
        raise ConfigError(f"{path} already exists", hint="name another file with --out")
    return path


def _write(path: Path, found: "Draft") -> None:
    from scoreback.errors import ConfigError

    try:
        path.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="use --out"
        ) from error


def _show_choices(title: str, found: "Draft") -> None:
    show.table(
        title,
        ("field", "use", "why"),
        [(c.field, c.use, c.why) for c in found.choices],
        prose=("why",),
    )


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every key with its value or default.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors, and exit.")
    ] = False,
    tests_schema: Annotated[
        bool,
        typer.Option("--tests-schema", help="Print the JSON Schema of NAME.tests.yml, and exit."),
    ] = False,
    crontab: Annotated[
        bool, typer.Option("--crontab", help="Print only the lines for cron.")
    ] = False,
    junit: Junit = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Check detector files and their tests; errors name the file, line, key and remedy."""
    from scoreback.errors import ConfigError
    from scoreback.models.detector import file as detector_file
    from scoreback.models.detector.fixture_file import tests_of
    from scoreback.service.cli import crontab as cron
    from scoreback.service.cli.usage import UsageError
    from scoreback.service.deploying.techniques import unknown_techniques
    from scoreback.service.detectors.detector_files import (
        files_in,
        refuse_unusable_incidents,
        schema_of_files,
    )

    if schema:
        show.as_json(schema_of_files())
        return
    if tests_schema:
        from scoreback.models.detector.schema import tests_schema as schema_of_tests

        show.as_json(schema_of_tests())
        return
    if not files:
        raise UsageError("no detector file is named", hint="scoreback validate FILE...")
    wrong: list[ConfigError] = []
    results = []
    cases = []
    for file in files_in(files):
        try:
            detector = options.detector(file)
            refuse_unusable_incidents(file, detector)
            tests_of(file, detector)
        except ConfigError as error:
            wrong.append(error)
            cases.append(Case(group=str(file), name="is valid", failure=error.message,
                              hint=error.hint, file=str(file)))  # fmt: skip
            results.append({"file": str(file), "ok": False, "error": error.message})
            continue
        cases.append(Case(group=str(file), name="is valid", file=str(file)))
        rows = detector_file.explain(detector)
        warnings = unknown_techniques(detector)
        found = {"file": str(file), "ok": True, "keys": {r[0]: r[1] for r in rows},
                 "warnings": warnings}  # fmt: skip
        lines = cron.lines(file, detector, options.settings(home)) if crontab else []
        results.append(found | ({"crontab": lines} if crontab else {}))
        if json:
            continue
        if crontab:
            for line in lines:
                show.line(line)
            continue
        show.say(f"{file}: {detector.name} is valid")
        for warning in warnings:
            show.warn(warning)
        if explain:
            marked = [(key, value, "default" if default else "") for key, value, default in rows]
            show.table(detector.name, ("key", "value", ""), marked, prose=("value",))
    write_junit(junit, "validate", cases)
    if json:
        show.as_json(results)
    for problem in wrong:
        show.fail(problem)
    if wrong:
        raise typer.Exit(show.code_of(wrong))
