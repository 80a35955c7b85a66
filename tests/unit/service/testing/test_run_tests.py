"""Tests of detectors that need no model: fixture events, and the cells made of them."""

from pathlib import Path

import pytest

from scoreback.errors import ConfigError
from scoreback.models.detector.file import load_detector
from scoreback.service.settings import Settings
from scoreback.service.testing.run_tests import Outcome, Result, run_tests

DETECTOR = """
name: tiny
lag: 5m
events: {local: {stream: tiny}}
entity: host.name
labels: {verdicts: {join: event}}
features:
  - category: rule
  - number: size
  - {count: events, by: host.name, over: 1h, name: count}
  - {rarity: rule, by: host.name, over: 1h, name: rarity}
alerts: {budget: 5/day}
"""
GROUPED = """
name: tiny
unit: {group: [host.name], every: 1m, fields: {size: sum}}
events: {local: {stream: tiny}}
entity: host.name
labels: {verdicts: {join: event}}
features: [{number: size}, {count: events, by: host.name, over: 1h, name: count}]
alerts: {budget: 5/day}
"""


def outcome(folder: Path, tests: str, detector: str = DETECTOR) -> Outcome:
    """What becomes of the only test in *tests*, a file beside *detector*."""
    path = folder / "tiny.yml"
    path.write_text(detector)
    (folder / "tiny.tests.yml").write_text(tests)
    settings = Settings(home=folder / "home")
    (found,) = run_tests(path, load_detector(path), settings, without_model=True)
    assert not settings.home.exists()
    return found


def test_a_burst_is_written_as_a_repetition_and_counted(tmp_path: Path) -> None:
    found = outcome(tmp_path, """
tests:
  - name: a burst
    events:
      - repeat: 50
        every: 10s
        event: {"@timestamp": 2026-01-05T10:00:00Z, host: {name: h1}, rule: r1, size: 3.5}
      - {"@timestamp": 2026-01-05T10:20:00Z, host.name: h1, rule: r2, event_id: last}
      - {"@timestamp": 2026-01-05T10:20:00Z, host.name: h2, rule: r2, event_id: other}
    expect:
      cells:
        1: {count: 0, size: 3.5, rule: r1}
        50: {count: 49}
        last: {count: 50, size: null, rarity: ">= 5.6"}
        other: {count: 0}
""")  # fmt: skip
    assert found.problems == ()
    assert found.result is Result.PASSED


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("{count: 1}", "event 1: count is 0, expected 1"),
        ("{rule: r9}", "event 1: rule is 'r1', expected r9"),
        ("{size: 3}", "event 1: size is missing, expected 3"),
        ("{rule: null}", "event 1: rule is 'r1', expected missing"),
        ('{count: "> 0"}', "event 1: count is 0, expected > 0"),
        ('{size: ">= 0"}', "event 1: size is missing, expected >= 0"),
    ],
)
def test_a_cell_that_differs_is_told_with_both_values(
    tmp_path: Path, cells: str, said: str
) -> None:
    found = outcome(tmp_path, f"""
tests:
  - name: one
    events: [{{"@timestamp": 2026-01-05T10:00:00Z, host.name: h1, rule: r1}}]
    expect: {{cells: {{1: {cells}}}}}
""")  # fmt: skip
    assert found.result is Result.FAILED
    assert found.problems == (said,)


def test_an_event_that_arrives_late_has_no_windows(tmp_path: Path) -> None:
    found = outcome(tmp_path, """
tests:
  - name: late
    events:
      - {"@timestamp": 2026-01-05T10:00:00Z, host.name: h1}
      - {event_time: 2026-01-05T10:01:00Z, arrival_time: 2026-01-05T10:06:01Z, host.name: h1}
      - {event_time: 2026-01-05T10:01:00Z, arrival_time: 2026-01-05T10:06:00Z, host.name: h1}
    expect: {cells: {2: {count: null}, 3: {count: 1}}}
""")  # fmt: skip
    assert found.problems == ()


def test_fixture_events_may_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "burst.ndjson").write_text(
        '{"@timestamp": "2026-01-05T10:00:00Z", "host": {"name": "h1"}, "size": [7, 8]}\n\n'
        '{"@timestamp": "2026-01-05T10:00:01Z", "host": {"name": "h1"}, "event_id": "x"}\n'
    )
    found = outcome(tmp_path, """
tests:
  - {name: file, events_file: burst.ndjson, expect: {cells: {1: {size: 7}, x: {count: 1}}}}
""")  # fmt: skip
    assert found.problems == ()


def test_events_of_a_group_are_asked_about_by_any_of_them(tmp_path: Path) -> None:
    found = outcome(tmp_path, """
tests:
  - name: groups
    events:
      - {"@timestamp": 2026-01-05T10:00:01Z, host.name: h1, size: 1}
      - {"@timestamp": 2026-01-05T10:00:59Z, host.name: h1, size: 2}
      - {"@timestamp": 2026-01-05T10:01:00Z, host.name: h1, size: 4}
    expect: {cells: {1: {size: 3}, 2: {size: 3, count: 0}, 3: {size: 4, count: 1}}}
""", GROUPED)  # fmt: skip
    assert found.problems == ()


def test_an_event_without_a_unit_is_told(tmp_path: Path) -> None:
    found = outcome(tmp_path, """
tests:
  - name: nobody's
    events:
      - {"@timestamp": 2026-01-05T10:00:00Z, host.name: h1}
      - {"@timestamp": 2026-01-05T10:00:00Z, size: 1}
    expect: {cells: {2: {size: 1}}}
""", GROUPED)  # fmt: skip
    assert found.result is Result.FAILED
    assert "event 2 of the test belong to no unit" in found.problems[0]


def test_what_needs_a_model_is_left_out_where_none_is_to_be_used(tmp_path: Path) -> None:
    test = """
tests:
  - name: both
    events: [{"@timestamp": 2026-01-05T10:00:00Z, host.name: h1, rule: r1}]
    expect: {cells: {1: {rule: RULE}}, alerts: []}
"""
    assert outcome(tmp_path, test.replace("RULE", "r1")).result is Result.SKIPPED
    assert outcome(tmp_path, test.replace("RULE", "r2")).result is Result.FAILED


def test_a_test_that_needs_a_model_is_no_pass_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yml"
    path.write_text(DETECTOR + """
tests:
  - name: quiet
    events: [{"@timestamp": 2026-01-05T10:00:00Z, host.name: h1}]
    expect: {alerts: []}
""")  # fmt: skip
    (found,) = run_tests(path, load_detector(path), Settings(home=tmp_path / "home"))
    assert found.result is Result.ERROR
    assert "needs a model" in found.problems[0]
    assert "--model" in found.hint
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("{host.name: h1}", "event 1 of its list: has no time"),
        ('{"@timestamp": noon}', "'noon' is not a valid time"),
        (
            "{event_time: 2026-01-05T10:00:00Z, arrival_time: 2026-01-05T09:00:00Z}",
            "arrives before it happens",
        ),
        ("{repeat: many, event: {}}", "is not a repetition"),
        ("{repeat: 0, event: {}}", "repeat is not between 1 and"),
        ("{repeat: 2, event: {event_id: a}}", "2 events would have one id"),
        ("{repeat: 2, every: soon, event: {}}", "'soon' is not a duration"),
        ('{"@timestamp": 2026-01-05T10:00:00Z, event_id: b}', "the event '1', which it does not"),
    ],
)
def test_an_event_that_cannot_be_used_is_named(tmp_path: Path, event: str, said: str) -> None:
    found = outcome(tmp_path, f"""
tests:
  - {{name: broken, events: [{event}], expect: {{cells: {{1: {{count: 0}}}}}}}}
""")  # fmt: skip
    assert found.result is Result.ERROR
    assert said in found.problems[0]
    assert "tiny.tests.yml: test 'broken'" in found.problems[0]
    assert found.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("nonsense\n", "broken.ndjson:1 is not JSON"),
        ("{}\n[1]\n", "broken.ndjson:2 is not an object"),
    ],
)
def test_a_file_of_events_that_cannot_be_used_is_named(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "broken.ndjson").write_text(content)
    found = outcome(
        tmp_path,
        "tests: [{name: f, events_file: broken.ndjson, expect: {cells: {1: {count: 0}}}}]",
    )
    assert found.result is Result.ERROR
    assert said in found.problems[0]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("tests: []", "tests.yml:1: tests"),
        ("tests:\n  - {name: a, expect: {alerts: []}}", "tests.yml:2: tests[0]: the test has no"),
        ("tests:\n  - {name: a, events: [{a: 1}], expect: {}}", "nothing is expected"),
        (
            "tests:\n  - name: a\n    events: [{a: 1}]\n    expect: {cells: {1: {cuont: 0}}}",
            "tests.yml:4: tests[0].expect.cells.1.cuont: 'cuont' is not a feature",
        ),
        (
            "tests:\n  - {name: a, events: [{a: 1}], expect: {scores: {1: high}}}",
            "'high', the score of '1', is not a comparison or a number",
        ),
        (
            "tests:\n  - &a {name: a, events: [{a: 1}], expect: {alerts: []}}",
            "anchors and aliases",
        ),
    ],
)
def test_a_wrong_file_of_tests_is_an_error_with_line_and_key(
    tmp_path: Path, tests: str, said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        outcome(tmp_path, tests)
    assert said in raised.value.message


def test_two_tests_of_one_name_are_refused(tmp_path: Path) -> None:
    one = "{name: a, events: [{a: 1}], expect: {alerts: []}}"
    with pytest.raises(ConfigError, match="'a' is there already"):
        outcome(tmp_path, f"tests: [{one}, {one}]")
    with pytest.raises(ConfigError, match="in the detector's own file"):
        outcome(tmp_path, f"tests: [{one}]", f"{DETECTOR}tests: [{one}]\n")
