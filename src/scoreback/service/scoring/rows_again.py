"""Feature rows of past units, read from the SIEM again: the same cells that scoring had."""

from collections.abc import Container, Iterator
from datetime import datetime, timedelta

import pyarrow as pa

from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.units import UnitPlan
from scoreback.models.features.whole_history import feature_rows
from scoreback.models.features.whole_units import Grouping
from scoreback.records import EventBatch, TimeWindow
from scoreback.service.app import App
from scoreback.times import MICROSECOND

_SLACK = timedelta(hours=1)  # after the last lag; few events come later


def soon_after(detector: Detector, event_time: datetime) -> datetime:
    """When most of what happened until *event_time* has arrived, and its units are closed."""
    every = timedelta(0) if detector.group is None else detector.group.every
    return event_time + detector.lag + every + _SLACK


def rows_again(
    app: App,
    detector: Detector,
    first: datetime,
    until: datetime,
    *,
    asked: Container[str] = (),
    units: dict[str, str] | None = None,
) -> pa.Table:
    """The feature rows of units from *first* on, made from what arrived before *until*.

    Args:
        app: the open workspace.
        detector: the detector that has the units.
        first: event time of the first unit; windows reach back from there.
        until: an arrival time.
        asked: events whose units are wanted.
        units: filled with the unit of each event of *asked* that was read.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    read = _units(app, detector, first, until, asked, {} if units is None else units)
    plan = FeaturePlan.of(detector)
    return feature_rows(plan, read, since=first, fields=(detector.entity,)).rows


def _units(
    app: App,
    detector: Detector,
    first: datetime,
    until: datetime,
    asked: Container[str],
    units: dict[str, str],
) -> Iterator[EventBatch]:
    """What arrived before *until*, from far enough back that windows at *first* are full."""
    plan, groups = FeaturePlan.of(detector), UnitPlan.of(detector)
    begin = first - reach(plan) - plan.lag
    if groups is not None:
        begin = groups.window_of(begin)
    window = TimeWindow(since=begin, until=max(until, begin + MICROSECOND))
    if groups is None:
        for batch in events_again(app, detector, window):
            ids = batch.batch.column("event_id").to_pylist() if asked else ()
            units.update({name: name for name in ids if name in asked})
            yield batch
        return
    grouping = Grouping(groups, begin, until, spill=app.settings.home / "spill")
    try:
        for batch in events_again(app, detector, window):
            unit = grouping.add(batch)
            if asked:
                pairs = zip(
                    batch.batch.column("event_id").to_pylist(), unit.to_pylist(), strict=True
                )
                units.update({name: its for name, its in pairs if name in asked and its})
        yield from grouping.units()
    finally:
        grouping.close()


def events_again(app: App, detector: Detector, window: TimeWindow) -> Iterator[EventBatch]:
    """The events of *detector* that arrived in *window*."""
    query = app.scoring_query(detector)
    for piece in app.connector.events.slices(query, window):
        yield from app.connector.events.read(piece)
