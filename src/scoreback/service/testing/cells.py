"""The feature rows of a test's events: with the same cells as in training and scoring."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.units import UnitPlan
from scoreback.models.features.whole_history import feature_rows
from scoreback.models.features.whole_units import Grouping
from scoreback.multivalue import firsts
from scoreback.records import EventBatch
from scoreback.times import moment


@dataclass(frozen=True, slots=True)
class FixtureRows:
    """Feature rows of the units of a test, in order of time, then of id."""

    table: pa.Table  # `whole_history.IDENTITY`, then one column per feature
    entities: pa.Array  # the entity of each row; null without one
    places: dict[str, int]  # event → row of its unit
    names: list[str]  # the test's name for each row: its first event
    left_out: frozenset[str]  # events that belong to no unit: late, or without the group's fields


def cell(rows: FixtureRows, event: str, feature: str) -> float | str | None:
    """The cell of *feature* in the row of *event*'s unit; None where it is missing."""
    place = rows.table.schema.get_all_field_indices(feature)[-1]  # features come last
    found: float | str | None = rows.table.column(place)[rows.places[event]].as_py()
    return found


def fixture_rows(detector: Detector, events: EventBatch) -> FixtureRows:
    """The feature rows of *events*.

    Raises:
        DataError: the keys of a window feature would not fit.
    """
    units, unit_of = _units(detector, events)
    plan = FeaturePlan.of(detector)
    since = pc.min(events.batch["event_time"]).as_py()
    rows = feature_rows(plan, units, since=since, fields=(detector.entity,)).rows
    order = [("event_time", "ascending"), ("event_id", "ascending")]
    rows = rows.sort_by(order) if rows.num_rows else rows
    ids = rows["event_id"].to_pylist() if rows.num_rows else []
    at = {unit: row for row, unit in enumerate(ids)}
    names: dict[int, str] = {}
    places: dict[str, int] = {}
    for event, unit in unit_of.items():
        if unit is not None:
            places[event] = at[unit]
            names.setdefault(at[unit], event)
    entities = pa.nulls(0, pa.string())
    if rows.num_rows:
        entities = flat(firsts(rows["field:" + detector.entity]))
    left = frozenset(event for event, unit in unit_of.items() if unit is None)
    return FixtureRows(rows, entities, places, [names[row] for row in range(len(ids))], left)


def _units(
    detector: Detector, events: EventBatch
) -> tuple[list[EventBatch], dict[str, str | None]]:
    """The units of *events*, and the unit of each event, in the order of the events."""
    ids: list[str] = events.batch["event_id"].to_pylist()
    plan = UnitPlan.of(detector)
    if plan is None:
        return [events], {one: one for one in ids}
    times = events.batch["event_time"].cast(pa.int64())
    first, last = pc.min(times).as_py(), pc.max(times).as_py()
    reach = 2 * (plan.every + plan.lag)
    grouping = Grouping(plan, moment(first) - reach, moment(last) + reach)
    try:
        unit = grouping.add(events).to_pylist()
        return list(grouping.units()), dict(zip(ids, unit, strict=True))
    finally:
        grouping.close()
