"""The command that runs the tests of detectors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.junit import Case, Junit, reported, write_junit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scoreback.service.testing.run_tests import Outcome


def run(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the model to test with, or of one folder per detector, named after it"
            " (else the version that scores in the workspace).",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    without_model: Annotated[
        bool,
        typer.Option(
            "--without-model", help="Only test cells of the feature matrix; skip the rest."
        ),
    ] = False,
    junit: Junit = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Run the tests of detectors on fixture events, without a SIEM.

    Tests are in the detector file under `tests`, or beside it in NAME.tests.yml. Tests of feature
    cells need no model; tests of alerts, scores and reasons do. Exits with 3 if a test failed.
    """
    from scoreback.errors import ConfigError
    from scoreback.service.cli.usage import UsageError
    from scoreback.service.detectors.detector_files import read_detectors
    from scoreback.service.testing.run_tests import Result, run_tests

    if model is not None and without_model:
        raise UsageError("--model and --without-model cannot be combined", hint="use one of them")
    settings = options.settings(home)
    outcomes: list[Outcome] = []
    untested = []
    with reported(junit, "test", files):
        detectors = read_detectors(files)
        with show.counting("running tests") as count:
            for path, detector in detectors.items():
                found = run_tests(
                    path, detector, settings,
                    model=model, without_model=without_model, progress=count,
                )  # fmt: skip
                outcomes += found
                if not found:
                    untested.append(detector.name)
        if not outcomes:
            raise ConfigError(
                f"no tests found for {', '.join(untested)}",
                hint="write tests under `tests` in the detector file, or beside it in"
                " NAME.tests.yml",
            )
    write_junit(junit, "test", [_case(one) for one in outcomes])
    if json:
        show.as_json({"tests": [_entry(one) for one in outcomes], "untested": untested})
    else:
        _show(outcomes, untested)
    if any(one.result in (Result.FAILED, Result.ERROR) for one in outcomes):
        raise typer.Exit(show.PARTLY)


def _show(outcomes: "Sequence[Outcome]", untested: "Sequence[str]") -> None:
    from collections import Counter

    show.table(
        "Tests",
        ("detector", "test", "result"),
        [(one.detector, one.test, one.result.value) for one in outcomes],
        prose=("test",),
    )
    for one in outcomes:
        for problem in one.problems:
            show.say(f"{one.detector}: {one.test}: {problem}")
    hints = dict.fromkeys(one.hint for one in outcomes if one.hint)
    for hint in hints:
        show.say(f"  try: {hint}")
    for name in untested:
        show.say(f"{name} has no tests")
    counts = Counter(one.result.value for one in outcomes)
    show.say(", ".join(f"{count} {result}" for result, count in sorted(counts.items())))


def _case(one: "Outcome") -> Case:
    said = "\n".join(one.problems)
    kind = {"failed": "failure", "error": "error", "skipped": "skipped"}.get(one.result.value)
    given = {kind: said} if kind else {}
    return Case(
        group=one.detector, name=one.test, hint=one.hint, seconds=one.seconds, file=str(one.file),
        **given,
    )  # fmt: skip


def _entry(one: "Outcome") -> dict[str, object]:
    return {
        "detector": one.detector,
        "test": one.test,
        "file": str(one.file),
        "result": one.result.value,
        "problems": list(one.problems),
        "hint": one.hint,
        "seconds": round(one.seconds, 3),
    }
