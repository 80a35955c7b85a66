"""What a detector leaves aside of lists is counted, with the field, the share and a remedy."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.multivalue import cell
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch
from scoreback.service.detectors.list_tally import ListTally

FILE = """
name: lists
events: {{local: {{stream: s}}}}
entity: {entity}
labels: {{verdicts: {{join: event}}}}
features: [{feature}]
alerts: {{budget: 5/day}}
{more}
"""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SINGLE = "category: rule.id"


def events(name: str, values: list[str | None]) -> EventBatch:
    ids = [str(n) for n in range(len(values))]
    times = pa.array([NOON] * len(values), TIME)
    columns = [pa.array(ids), pa.array(ids), times, times, pa.array(values, pa.string())]
    schema = pa.schema([*EVENT_COLUMNS, pa.field(name, pa.string())])
    return EventBatch(pa.RecordBatch.from_arrays(columns, schema=schema))


def told(field: str, feature: str = SINGLE, entity: str = "host.name", more: str = "") -> list[str]:
    detector = parse_detector(FILE.format(feature=feature, entity=entity, more=more), "d.yml")
    tally = ListTally(detector)
    batches: list[list[str | None]] = [[cell(["a", "b"]), "a", None], [cell(["1", "2"])], ["a"]]
    for values in batches:
        tally.add(events(field, values))
    found = tally.findings()
    assert all(finding.fix and not finding.fatal for finding in found)
    return [finding.what for finding in found]


MANY = "2 of 5 events have several values in 'x'"


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ("number: x", "feature 'x' reads the first"),
        ("{ratio: [x, y], name: f}", "feature 'f' reads the first"),
        ("{ratio: [y, x], name: f}", "feature 'f' reads the first"),
        ("{hour_of_day: x, name: f}", "feature 'f' reads the first"),
        ("{is_private_ip: x, name: f}", "feature 'f' reads the first"),
        ("{sum: x, by: y, over: 1h, name: f}", "feature 'f' reads the first"),
    ],
)
def test_features_of_one_value_say_that_there_are_more(feature: str, says: str) -> None:
    assert told("x", feature) == [f"{MANY}: {says}"]


@pytest.mark.parametrize(
    "feature",
    [
        "category: x", "ngrams: x", "{matches: x, pattern: a}", "{number: x, take: max}",
        "{distinct: x, by: y, over: 1h}", "{count: events, by: x, over: 1h}",
        "{sum: x, by: y, over: 1h, take: min}", "number: y",
    ],
)  # fmt: skip
def test_features_that_read_all_values_say_nothing(feature: str) -> None:
    assert told("x", feature) == []


def test_entity_and_queue_are_one_value() -> None:
    assert told("x", entity="x") == [f"{MANY}: the first is the entity"]
    (queue,) = told("x", more="train: {today_queue: x}")
    assert queue == f"{MANY}: the first is what today's queue is sorted by"


def test_of_units_the_fields_count_that_keep_several_values() -> None:
    unit = "unit: {group: [host.name], every: 1m, fields: {x: first}}"
    most = unit.replace("x: first", "most: {max: x}")
    assert told("host.name", "number: x", more=unit) == [
        "2 of 5 events have several values in 'host.name': the first is the entity"
    ]
    assert told("x", "number: x", more=unit) == [f"{MANY}: feature 'x' reads the first"]
    assert told("x", "number: most", more=most) == []


def test_more_values_than_windows_count_are_told() -> None:
    detector = parse_detector(
        FILE.format(feature="{distinct: x, by: y, over: 1h, name: f}", entity="y", more=""), "d.yml"
    )
    tally = ListTally(detector)
    tally.add(events("x", [cell(map(str, range(101))), cell(["a"] * 200), cell(["a", "b"])]))
    (finding,) = tally.findings()
    assert finding.what.startswith("1 of 3 events have more than 100 values in 'x': feature 'f'")
