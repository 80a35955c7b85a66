"""What a sound detector file becomes."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.errors import ConfigError
from scoreback.models.detector.checks import SCORE_NAMES
from scoreback.models.detector.features import EVENT_NAMES, EVENT_TIMES
from scoreback.models.detector.file import explain, load_detector, parse_detector
from scoreback.models.detector.quantities import LONGEST, format_duration, parse_duration
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.learners.algorithms import algorithms
from scoreback.records import EVENT_COLUMNS, SCORE_COLUMNS

EXAMPLES = Path(__file__).parents[4] / "examples" / "detectors"

SMALLEST = r"""
name: triage
events: {local: {stream: alerts}}
entity: source.ip
labels: {verdicts: {join: event}}
features:
  - category: rule.id
alerts: {budget: 20/day}
"""

FEATURES = r"""
  - category: rule.id
  - number: destination.port
  - {entropy: dns.question.name}
  - {hour_of_day: event_time}
  - {matches: url.path, pattern: '\.php$', name: php}
  - {ratio: [source.bytes, destination.bytes]}
  - {count: events, by: source.ip, over: 1h}
  - {distinct: destination.port, by: [source.ip, user.name], over: 90m}
  - {since_last: events, by: '@host', over: 7d}
"""


def with_features(lines: str) -> str:
    return SMALLEST.replace("\n  - category: rule.id\n", "\n" + lines.strip("\n") + "\n")


def test_six_keys_suffice_and_the_rest_is_defaulted(tmp_path: Path) -> None:
    path = tmp_path / "triage.yml"
    path.write_text(SMALLEST, encoding="utf-8")
    detector = load_detector(path)
    assert detector.name == "triage"
    assert detector.features == [EventFeature(kind="category", field="rule.id", name="rule.id")]
    assert detector.alerts.budget == 20
    assert detector.alerts.per_entity == 3
    assert detector.lag == timedelta(minutes=5)
    assert detector.train.algorithms == [*algorithms()]
    assert detector.write.keep.top == 0.01


def test_short_forms_become_features_with_readable_names() -> None:
    features = parse_detector(with_features(FEATURES)).features
    assert [f.name for f in features] == [
        "rule.id",
        "destination.port",
        "entropy(dns.question.name)",
        "hour_of_day(event_time)",
        "php",
        "ratio(source.bytes, destination.bytes)",
        "count(events by source.ip over 1h)",
        "distinct(destination.port by source.ip, user.name over 90m)",
        "since_last(events by @host over 7d)",
    ]
    ratio, distinct, gap = features[5], features[7], features[8]
    assert isinstance(ratio, EventFeature)
    assert (ratio.field, ratio.divisor) == ("source.bytes", "destination.bytes")
    assert isinstance(distinct, WindowFeature)
    assert distinct.by == ("source.ip", "user.name")
    assert distinct.over == timedelta(minutes=90)
    assert isinstance(gap, WindowFeature)
    assert gap.field is None


def test_a_field_that_is_both_a_number_and_a_category_has_two_names() -> None:
    detector = parse_detector(with_features("  - number: rule.id\n  - category: rule.id"))
    assert [f.name for f in detector.features] == ["number(rule.id)", "category(rule.id)"]


def test_features_that_take_other_numbers_of_a_list_are_named_for_it() -> None:
    lines = [
        "number: bytes", "{number: bytes, take: max}",
        "{number: port, take: sum}", "{ratio: [a, b], take: min}",
        "{sum: bytes, by: host, over: 1h, take: max}", "{sum: bytes, by: host, over: 1h}",
    ]  # fmt: skip
    detector = parse_detector(with_features("\n".join(f"  - {line}" for line in lines)))
    assert [f.name for f in detector.features] == [
        "number(bytes)", "number(bytes, max)", "number(port, sum)", "ratio(a, b, min)",
        "sum(max bytes by host over 1h)", "sum(bytes by host over 1h)",
    ]  # fmt: skip
    forms = [row.value for row in explain(detector) if row.key.startswith("features")]
    assert [("take" in form) for form in forms] == [False, True, True, True, True, False]
    written = "\n".join(f"  - {form}" for form in forms)
    assert parse_detector(with_features(written)).features == detector.features
    assert Detector.model_validate_json(detector.model_dump_json()) == detector


def test_the_first_of_a_list_is_the_default_and_is_not_written_down() -> None:
    said, unsaid = (
        parse_detector(with_features(f"  - {{number: bytes{more}, name: n}}")).features
        for more in (", take: first", "")
    )
    assert said == unsaid
    assert "take" not in said[0].model_dump()
    assert "take" not in said[0].model_dump(mode="json")


def test_label_values_are_text_as_the_file_shows_them() -> None:
    text = SMALLEST.replace(
        "{verdicts: {join: event}}",
        "{field: {name: outcome, positive: [1, true, no, 007, 1.50], negative: 0, delay: 0s}}",
    )
    field = parse_detector(text).labels.field
    assert field is not None
    assert field.positive == ["1", "true", "no", "007", "1.50"]
    assert field.negative == ["0"]


def test_a_detector_survives_json() -> None:
    detector = parse_detector(with_features(FEATURES))
    assert Detector.model_validate_json(detector.model_dump_json()) == detector


def test_explain_prints_every_key_and_says_which_are_defaults() -> None:
    rows = {row.key: row for row in explain(parse_detector(with_features(FEATURES)))}
    assert rows["alerts.budget"] == ("alerts.budget", "20/day", False)
    assert rows["alerts.per_entity"] == ("alerts.per_entity", "3/day", True)
    assert rows["alerts.throttle"] == ("alerts.throttle", "1h", True)
    assert rows["write.keep.sample"] == ("write.keep.sample", "0.1%", True)
    assert rows["labels.verdicts.join"] == ("labels.verdicts.join", "event", False)
    assert rows["events.local"].value == "{stream: alerts}"
    assert rows["schedule.train"].is_default
    assert rows["features[4]"].value == r"{matches: url.path, pattern: \.php$, name: php}"


def test_what_explain_prints_of_features_can_be_written_into_a_file() -> None:
    detector = parse_detector(with_features(FEATURES))
    lines = [f"  - {row.value}" for row in explain(detector) if row.key.startswith("features")]
    assert parse_detector(with_features("\n".join(lines))).features == detector.features


def test_defaults_that_explain_prints_are_the_same_when_written_down() -> None:
    detector = parse_detector(SMALLEST)
    schedule = {row.key: row.value for row in explain(detector)}
    written = SMALLEST.replace(
        "budget: 20/day",
        "budget: 20/day, per_entity: {alerts.per_entity}, throttle: {alerts.throttle}",
    )
    for key in ("alerts.per_entity", "alerts.throttle"):
        written = written.replace(f"{{{key}}}", schedule[key])
    assert parse_detector(written) == detector


@given(st.integers(0, int(LONGEST.total_seconds())))
def test_durations_are_read_back_as_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


def test_names_of_the_columns_that_travel_are_known_here() -> None:
    assert {*EVENT_NAMES, *EVENT_TIMES} == set(EVENT_COLUMNS.names)
    assert set(SCORE_NAMES) == set(SCORE_COLUMNS.names)


def test_pipes_inside_quotes_are_text() -> None:
    events = (
        r"""{splunk: {search: 'index=ids msg="a|b"'}, elastic: {query: 'a:"x|y" || b: /c|d/'}}"""
    )
    detector = parse_detector(SMALLEST.replace("{local: {stream: alerts}}", events))
    assert set(detector.events) == {"splunk", "elastic"}


def test_reading_a_detector_loads_no_learning_library() -> None:
    heavy = ["numpy", "pyarrow", "duckdb", "xgboost", "sklearn", "sqlalchemy", "apscheduler"]
    code = (
        "import sys, scoreback.models.detector.file; print(*set(sys.argv[1:]) & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == []


def test_shipped_examples_are_sound() -> None:
    for path in sorted(EXAMPLES.glob("*.yml")):
        try:
            load_detector(path)
        except ConfigError as error:
            pytest.fail(f"{error}\n{error.hint}")
