"""Scores what arrived since the last run, in bounded steps, and writes the kept part back.

Events are read by arrival time, and only once for all detectors that select the same events and
have read equally far. Detectors that have not are read for apart, up to where the others end, so
that they share their next read. Each detector still has a run of its own (`ScoreRun`).
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime

from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.models.detector.spec import Detector
from scoreback.records import EventBatch, EventQuery, TimeWindow
from scoreback.service.app import App
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import Model, ScoreJob, selected
from scoreback.service.scoring.run import ScoreRun
from scoreback.service.stopping import Stopped


def score(
    app: App,
    detector: Detector,
    *models: Model,
    now: datetime,
    since: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreOutcome:
    """Score every event that arrived since the last run and can be read at *now*.

    Args:
        app: the open workspace.
        detector: the detector to score.
        models: the models that score the same rows, the champion first.
        now: the current time; events that arrived less than ``settle`` before it wait.
        since: where a first run begins, by arrival time; by default, where training ended.
        progress: called with the number of events read.

    Raises:
        StateError: another process scores this detector, or the clock went backwards.
        SiemUnavailable: nothing is lost; the next run goes on where this one stopped.
    """
    job = ScoreJob(detector=detector, models=models, since=since)
    (outcome,) = score_together(app, [job], now=now, progress=progress)
    if outcome.error is not None:
        raise outcome.error
    return outcome


def score_together(
    app: App,
    jobs: Sequence[ScoreJob],
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> list[ScoreOutcome]:
    """Score for several detectors, with one read for those that select the same events.

    An error with one detector ends only its run; a SIEM that does not answer a read ends all runs
    that have not finished. Either is in the outcome's ``error``, and nothing is lost.

    Args:
        app: the open workspace.
        jobs: the jobs, each of another detector.
        now: the current time; events that arrived less than ``settle`` before it wait.
        progress: called with the number of events read, and with 0 between two detectors' steps.

    Returns:
        The result of each of *jobs*, in their order.
    """
    told = progress or _silently
    with ExitStack() as all_runs:
        runs = [all_runs.enter_context(ScoreRun(app, job, now)) for job in jobs]
        for run in runs:
            told(0)
            run.begin()
        groups = _groups([run for run in runs if run.going])
        while groups:
            group = groups.popleft()
            try:
                _read(app, group, now - app.settle, told)
            except Stopped:
                raise
            except SiemUnavailable as error:
                _fail(runs, error)
                break
            except Exception as error:  # noqa: BLE001 - it may be the mistake of one selection
                if isinstance(error, SiemRefused) and len(group) > 1:
                    groups.extendleft(_halves(group))
                else:
                    _fail(group, error)
    return [run.outcome for run in runs]


def _groups(runs: Sequence[ScoreRun]) -> deque[list[ScoreRun]]:
    """Runs that one read can feed, those that have read furthest first: stragglers delay nobody."""
    found: dict[tuple[datetime, str], list[ScoreRun]] = {}
    for run in runs:
        found.setdefault((run.watermark, selected(run.query.selection)), []).append(run)
    return deque(found[key] for key in sorted(found, reverse=True))


def _read(app: App, runs: Sequence[ScoreRun], until: datetime, told: Callable[[int], None]) -> None:
    """Feed *runs*, which have read equally far, with what arrived up to *until*; finish them."""
    fields = dict.fromkeys(name for run in runs for name in run.query.fields)
    texts = {name for run in runs for name in set(run.query.fields) - run.query.numbers}
    query = EventQuery(
        selection=runs[0].query.selection,
        fields=tuple(fields),
        numbers=frozenset(fields.keys() - texts),
    )
    window = TimeWindow(since=runs[0].watermark, until=until)
    with closing(_batches(app, query, window)) as batches:
        for batch in batches:
            told(batch.num_rows)
            for run in _each_going(runs, told):
                run.feed(batch)
            if not any(run.going for run in runs):
                return
    for run in _each_going(runs, told):
        run.finish()


def _batches(app: App, query: EventQuery, window: TimeWindow) -> Generator[EventBatch, None, None]:
    for piece in app.connector.events.slices(query, window):
        yield from app.connector.events.read(piece)


def _each_going(runs: Iterable[ScoreRun], told: Callable[[int], None]) -> Iterator[ScoreRun]:
    """The runs in progress; *told* is called between two of them, so that it can stop."""
    for number, run in enumerate(run for run in runs if run.going):
        if number:
            told(0)
        yield run


def _halves(group: Sequence[ScoreRun]) -> list[list[ScoreRun]]:
    """Two groups in place of one, as a field that no event has is only one detector's trouble."""
    left = [run for run in group if run.going]
    for run in left:
        run.rewind()
    half = (len(left) + 1) // 2
    return [part for part in (left[:half], left[half:]) if part]


def _fail(runs: Iterable[ScoreRun], error: Exception) -> None:
    for run in runs:
        if run.going:
            run.fail(error)


def _silently(_read: int) -> None:
    """Tell nobody."""
