"""The JSON Schema that editors check files of tests with."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scoreback.errors import ConfigError
from scoreback.models.detector import fixture_file, schema
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.located_yaml import parse

SHIPPED = Path(__file__).parents[4] / "examples" / "detectors" / "tests.schema.json"
DETECTOR = """
name: triage
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}}
features:
  - category: rule.id
  - {count: events, by: host.name, over: 1h}
alerts: {budget: 20/day}
"""
GOOD = """
tests:
  - name: A burst on one host is counted
    events:
      - {"@timestamp": "2026-01-05T10:00:00Z", host.name: ws-1, rule.id: R-1, event_id: first}
      - {repeat: 50, every: 1s, event: {"@timestamp": "2026-01-05T10:01:00Z", host.name: ws-1}}
    expect:
      cells: {first: {rule.id: R-1}}
      alerts: []
      scores: {first: "< 0.5"}
  - name: A file of events
    events_file: events.ndjson
    expect: {reasons: {first: [rule.id]}}
"""


def errors(text: str) -> list[str]:
    checker = Draft202012Validator(schema.tests_schema())
    return [error.message for error in checker.iter_errors(parse(text, "d.tests.yml").root)]


def refused(text: str, folder: Path) -> bool:
    (folder / "d.tests.yml").write_text(text)
    try:
        fixture_file.tests_of(folder / "d.yml", parse_detector(DETECTOR))
    except ConfigError:
        return True
    return False


def test_the_shipped_schema_is_up_to_date() -> None:
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == schema.tests_schema(), "make schema"
    Draft202012Validator.check_schema(schema.tests_schema())


def test_a_sound_file_passes_both_checks(tmp_path: Path) -> None:
    assert errors(GOOD) == []
    assert not refused(GOOD, tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: A file of events", "nam: A file of events"),
        ("    events_file: events.ndjson\n", ""),
        ("expect: {reasons: {first: [rule.id]}}", "expect: {}"),
        ("expect: {reasons: {first: [rule.id]}}", "expect: {reason: {first: [rule.id]}}"),
        ("{first: {rule.id: R-1}}", "{first: R-1}"),
        ("tests:", "test:"),
    ],
)
def test_what_the_product_refuses_the_schema_refuses_too(
    tmp_path: Path, old: str, new: str
) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    assert errors(text)
    assert refused(text, tmp_path)


@pytest.mark.parametrize("ids", ["first", "1", "[first, 1]", "[]"])
def test_one_id_needs_no_list_in_either_check(tmp_path: Path, ids: str) -> None:
    text = GOOD.replace("alerts: []", f"alerts: {ids}").replace("[rule.id]", "rule.id")
    assert errors(text) == []
    assert not refused(text, tmp_path)


@pytest.mark.parametrize("ids", ["{a: 1}", "[[a]]"])
def test_what_is_no_id_neither_check_takes(tmp_path: Path, ids: str) -> None:
    text = GOOD.replace("alerts: []", f"alerts: {ids}")
    assert errors(text)
    assert refused(text, tmp_path)
