"""Events that came in after scoring had read past their arrival time: prevented, or counted."""

import json
from collections.abc import Iterable, Mapping

from scoreback.connectors.doors.events import CountsEvents
from scoreback.connectors.doors.intake import Scored
from scoreback.models.detector.spec import Detector
from scoreback.records import EventQuery, Finding, TimeWindow
from scoreback.service.app import App
from scoreback.service.state.batches import Progress
from scoreback.service.state.workspace_state import State


def scored_so_far(state: State) -> list[Scored]:
    """The arrival times that each detector has read, batches in doubt included."""
    known = list(state.progress_of_all())
    for detector in {progress.detector for progress in known}:
        begun = (batch.next_progress for batch in state.open_batches(detector))
        known += [progress for progress in begun if progress is not None]
    return [_all_of(same) for same in _by_selection(known).values()]


def never_scored(app: App, detector: Detector) -> int:
    """How many events of *detector* came in after scoring had read past their arrival time.

    Zero where that is unknown: before the first batch, or with a SIEM that does not count.

    Raises:
        ConfigError: the file has no selection for this SIEM.
    """
    query, events = app.query(detector), app.connector.events
    last = app.state.latest_progress(detector.name)
    if last is None or last.events is None or not isinstance(events, CountsEvents):
        return 0
    if selection_of(last) != query.selection or last.watermark <= last.score_since:
        return 0
    window = TimeWindow(since=last.score_since, until=last.watermark)
    there = events.count(EventQuery(selection=query.selection, fields=()), window)
    return max(0, there - last.events)


def in_words(detector: str, count: int) -> str:
    """A sentence about *count* events that are never scored."""
    return (
        f"{count:,} events of {detector} came in late, after events that arrived later were"
        " scored: training learns from them, but they are never scored"
    )


def finding(detector: str, count: int) -> Finding:
    """The same sentence as a finding of `check`, with a remedy."""
    return Finding(
        what=in_words(detector, count),
        fix="load exports in order of arrival, or without --arrival, so that late events are"
        " still scored",
        fatal=False,
    )


def _by_selection(known: Iterable[Progress]) -> Mapping[tuple[str, str], list[Progress]]:
    """Progress that scored something, grouped by detector and selection."""
    found: dict[tuple[str, str], list[Progress]] = {}
    for progress in known:
        if progress.selection is not None and progress.score_since < progress.watermark:
            found.setdefault((progress.detector, progress.selection), []).append(progress)
    return found


def _all_of(same: list[Progress]) -> Scored:
    """The arrival times that one detector read under all its feature plans, as one span."""
    return Scored(
        selection=selection_of(same[0]) or {},
        since=min(progress.score_since for progress in same),
        until=max(progress.watermark for progress in same),
    )


def selection_of(progress: Progress) -> Mapping[str, object] | None:
    """The selection that *progress* was made with; None where that is unknown."""
    if progress.selection is None:
        return None
    found: Mapping[str, object] = json.loads(progress.selection)
    return found
