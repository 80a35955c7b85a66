"""Runs the tests of detectors, and says in words what was not as expected."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from scoreback.errors import ScorebackError
from scoreback.models.detector.fixture_file import FoundTest, tests_of
from scoreback.models.detector.fixture_tests import FixtureTest, wanted
from scoreback.models.detector.spec import Detector
from scoreback.service.app import needed_fields
from scoreback.service.settings import Settings
from scoreback.service.testing.fixture_model import model_of

if TYPE_CHECKING:
    from scoreback.models.artifact.folder import Artifact
    from scoreback.service.testing.cells import FixtureRows
    from scoreback.service.testing.fixture_alerts import Said


class Result(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # it needs a model, and was to run without one
    ERROR = "error"  # it could not run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one test."""

    detector: str
    test: str
    file: Path
    result: Result
    problems: tuple[str, ...] = ()  # what was not as expected, or why it did not run
    hint: str = ""
    seconds: float = 0.0


def run_tests(
    path: Path,
    detector: Detector,
    settings: Settings,
    *,
    model: Path | None = None,
    without_model: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Run all tests of *detector*, which the file *path* describes.

    Args:
        path: the detector's file; its tests and fixtures lie beside it.
        detector: the detector that the file describes.
        settings: settings of the workspace whose champion scores if no *model* is named.
        model: the folder of a model; see `model_of`.
        without_model: skip tests that need a model.
        progress: called after each test.

    Raises:
        ConfigError: a file of tests has errors.
    """
    found = tests_of(path, detector)
    models = _Once(lambda: model_of(detector, settings, model))
    outcomes = []
    for one in found:
        outcomes.append(_run(one, detector, None if without_model else models))
        if progress:
            progress(1)
    return outcomes


class _Once:
    """Loads the model for the first test that needs it, and remembers an error in doing so."""

    def __init__(self, load: "Callable[[], Artifact]") -> None:
        self._load = load
        self._found: Artifact | ScorebackError | None = None

    def __call__(self) -> "Artifact":
        if self._found is None:
            try:
                self._found = self._load()
            except ScorebackError as error:
                self._found = error
        if isinstance(self._found, ScorebackError):
            raise self._found
        return self._found


def _run(found: FoundTest, detector: Detector, models: _Once | None) -> Outcome:
    test, begun = found.test, time.monotonic()
    problems: list[str] = []
    hint = ""
    try:
        problems = list(_problems(found, detector, models))
        result = Result.FAILED if problems else Result.PASSED
        if not problems and models is None and test.expect.needs_model:
            result = Result.SKIPPED
            problems = ["left out, as it needs a model: alerts, scores and reasons"]
    except ScorebackError as error:
        problems, hint, result = [error.message], error.hint, Result.ERROR
    return Outcome(
        detector=detector.name,
        test=test.name,
        file=found.file,
        result=result,
        problems=tuple(problems),
        hint=hint,
        seconds=time.monotonic() - begun,
    )


def _problems(found: FoundTest, detector: Detector, models: _Once | None) -> Iterator[str]:
    from scoreback.service.testing.cells import fixture_rows
    from scoreback.service.testing.fixture_events import fixture_events, refuse_unknown_events

    test = found.test
    events = fixture_events(test, found.file, needed_fields(detector))
    refuse_unknown_events(test, found.file, events)
    rows = fixture_rows(detector, events)
    named = sorted(test.expect.events() & rows.left_out)
    if named:
        yield (
            f"{_listed(named)} of the test belong to no unit: they arrive later than lag, or have"
            " none of the fields of unit.group"
        )
        return
    yield from _wrong_cells(test, rows)
    if test.expect.needs_model and models is not None:
        artifact = models()
        from scoreback.service.testing.fixture_alerts import said_of

        said = said_of(detector, artifact, rows.table, rows.entities)
        yield from _wrong_alerts(test, rows, said)
        yield from _wrong_scores(test, rows, said)
        yield from _wrong_reasons(test, rows, artifact)


def _wrong_cells(test: FixtureTest, rows: "FixtureRows") -> Iterator[str]:
    from scoreback.service.testing.cells import cell

    for event, cells in (test.expect.cells or {}).items():
        for name, written in cells.items():
            expected = wanted(written)
            value = cell(rows, event, name)
            if not expected.holds(value):
                yield f"event {event}: {name} is {_shown(value)}, expected {expected.written}"


def _wrong_alerts(test: FixtureTest, rows: "FixtureRows", said: "Said") -> Iterator[str]:
    if test.expect.alerts is None:
        return
    expected = {rows.places[event]: event for event in test.expect.alerts}
    opens = said.opens
    for row, event in sorted(expected.items()):
        if opens[row]:
            continue
        score = f"its score is {said.scores[row]:.4f}, the threshold {said.threshold:.4f}"
        if said.hits[row]:
            score = f"it joins the alert of event {rows.names[said.opener[row]]}"
        yield f"event {event} opens no alert, expected one: {score}"
    for row, name in enumerate(rows.names):
        if opens[row] and row not in expected:
            yield (
                f"event {name} opens an alert, expected none: its score is {said.scores[row]:.4f},"
                f" the threshold {said.threshold:.4f}"
            )


def _wrong_scores(test: FixtureTest, rows: "FixtureRows", said: "Said") -> Iterator[str]:
    for event, written in (test.expect.scores or {}).items():
        expected, score = wanted(written), float(said.scores[rows.places[event]])
        if not expected.holds(score):
            yield f"event {event}: its score is {score:.4f}, expected {expected.written}"


def _wrong_reasons(test: FixtureTest, rows: "FixtureRows", artifact: "Artifact") -> Iterator[str]:
    if not test.expect.reasons:
        return
    import pyarrow as pa

    from scoreback.service.testing.fixture_alerts import reasons_of

    places = [rows.places[event] for event in test.expect.reasons]
    told = reasons_of(artifact, rows.table.take(pa.array(places)))
    for (event, names), given in zip(test.expect.reasons.items(), told, strict=True):
        for name in names:
            if name not in given:
                yield (
                    f"event {event}: {name} is not among its reasons, which are:"
                    f" {', '.join(given) or 'none'}"
                )


def _listed(events: Sequence[str]) -> str:
    return ("event " if len(events) == 1 else "events ") + ", ".join(events)


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
