"""What a wrong detector file is answered: file, line, key, what is wrong, and a remedy."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.errors import ConfigError
from scoreback.models.detector.file import load_detector, parse_detector
from scoreback.models.detector.spec import WRITTEN_AFTER_CLOSING

GOOD = r"""name: triage
events:
  local: {stream: alerts}
entity: source.ip
labels:
  verdicts: {join: event}
features:
  - category: rule.id
alerts: {budget: 20/day}
"""


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_detector(text, "d.yml")
    assert caught.value.hint
    assert str(caught.value).startswith("d.yml")
    return caught.value


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("name: [triage\n", "d.yml:2", "not valid YAML"),
        ("name: a: b\n", "d.yml:1", "not valid YAML"),
        ("name: x\n\tentity: y\n", "d.yml:2", "not valid YAML"),
        ("a: &a [x]\nb: [*a, *a]\n", "d.yml:1", "anchors and aliases"),
        ("a: 1\nb: *a\n", "d.yml:2", "anchors and aliases"),
        ("name: !!python/object/apply:os.system [id]\n", "d.yml:1", "tag"),
        ("name: !secret x\n", "d.yml:1", "tag !secret"),
        ("<<: {name: x}\n", "d.yml:1", "merge keys"),
        ("name: x\nentity: y\nname: z\n", "d.yml:3", "'name' is there already, on line 1"),
        ("? [a, b]\n: c\n", "d.yml:1", "not plain text"),
        ("- name: x\n", "d.yml:1", "not a mapping"),
        ("just text\n", "d.yml:1", "not a mapping"),
        ("name: x\n---\nname: y\n", "d.yml:2", "another document"),
        ("name: x\nowner: \x07\n", "d.yml:2", "control character 0x07"),
        ("a: " + "[" * 200_000, "d.yml:1", "nested deeper"),
        ("a: [" + "1, " * 30_000 + "]", "d.yml:1", "more than 20000 values"),
        ("", "d.yml", "is empty"),
        ("# nothing but a comment\n", "d.yml", "is empty"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, where: str, says: str) -> None:
    error = refused(text)
    assert str(error).startswith(f"{where}")
    assert says in str(error)


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    binary, latin, large = tmp_path / "b.yml", tmp_path / "l.yml", tmp_path / "g.yml"
    binary.write_bytes(bytes(range(256)))
    latin.write_bytes("name: x\nowner: Jörg\n".encode("latin-1"))
    large.write_text("# " + "x" * 300_000, encoding="utf-8")
    for path, says in [
        (tmp_path / "absent.yml", "does not exist"),
        (tmp_path, "is a directory"),
        (binary, "not UTF-8"),
        (latin, "l.yml:2: not UTF-8 text (byte 0xf6)"),
        (large, "larger than 256 KB"),
        (tmp_path / "nul\0.yml", "cannot be read"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load_detector(path)
        assert says in str(caught.value)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "where", "says", "hint"),
    [
        ("entity:", "entitty:", "4: entitty", "unknown key", "'entity'"),
        ("{budget:", "{bugdet: 1/day, budget:", "9: alerts.bugdet", "unknown", "'budget'"),
        ("name: triage\n", "", "1: name", "required", "suricata_triage"),
        ("name: triage", "name: Bad Name", "1: name", "not valid here", "suricata"),
        ("name: triage", "name: 7", "1: name", "expected text, found the number 7", "write"),
        ("name: triage", "name:", "1: name", "found nothing", "write"),
        ("20/day", "20", "9: alerts.budget", "20 is not a number a day", "20/day"),
        ("20/day", "0/day", "9: alerts.budget", "never raise an alert", "20/day"),
        ("20/day", "-1/day", "9: alerts.budget", "not a number a day", "20/day"),
        ("20/day", "20/day, per_entity: 0.5/day", "9: alerts.per_entity", "0.5/day", "3/day"),
        ("20/day", "20/day, severity: hihg", "9: alerts.severity", "'hihg'", "'high'"),
        ("20/day", "20/day, attack: [T1]", "9: alerts.attack[0]", "'T1'", "T1071.004"),
        ("20/day", "20/day, throttle: soon", "9: alerts.throttle", "not a duration", "5m"),
        ("20/day", "20/day, throttle: 99999w", "9: alerts.throttle", "ten years", "90d"),
        ("alerts: {budget: 20/day}", "alerts: []", "9: alerts", "found a list", "budget"),
        ("entity: source.ip", "entity: source ip", "4: entity", "not a valid field name", "source"),
        ("entity: source.ip", "entity: event_time", "4: entity", "not whom alerts", "event_id"),
        ("{stream: alerts}", "alerts", "3: events.local", "expected a mapping", "local"),
        ("verdicts: {join: event}", "unlabelled: ignore", "5: labels", "no source", "verdicts"),
        ("join: event", "join: entity", "6: labels.verdicts", "needs a window", "1h"),
        ("event}", "event, window: 1h}", "6: labels.verdicts", "with join: entity", "remove"),
        ("join: event", "join: evnt", "6: labels.verdicts.join", "'evnt'", "'event'"),
        ("  - category: rule.id", "  []", "7: features", "found none", "category"),
        ("  - category: rule.id", "  - rule.id", "8: features[0]", "found the text", "- category"),
        ("category:", "categry:", "8: features[0].categry", "'categry'", "'category'"),
    ],
)  # fmt: skip
def test_wrong_keys_and_values_are_refused(
    old: str, new: str, where: str, says: str, hint: str
) -> None:
    error = refused(changed(old, new))
    assert str(error).startswith(f"d.yml:{where}: ")
    assert says in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ("{category: a, over: 1h}", "category reads one event, so it takes no over"),
        ("{category: a, by: b}", "takes no by"),
        ("{category: a, number: b}", "category and number in one feature"),
        ("{category: a, pattern: b}", "takes no pattern"),
        ("{category: a, nmae: b}", "unknown key"),
        ("{category: [a]}", "expected text, found a list"),
        ("{category: event_id}", "identifies one event"),
        ("{number: event_time}", "never repeats"),
        ("{count: events, by: event_id, over: 1h}", "identifies one event"),
        ("{matches: a}", "matches without pattern"),
        ("{matches: a, pattern: '('}", "not a regular expression"),
        ("{matches: a, pattern: 'a(?=b)'}", "which RE2 does not support"),
        ("{ratio: a}", "expected two fields"),
        ("{number: a, take: last}", "take: 'last' is not known"),
        ("{number: a, take: [max]}", "is not known"),
        ("{sum: a, by: b, over: 1h, take: 1}", "is not known"),
        ("{category: a, take: max}", "category reads no number"),
        ("{count: events, by: b, over: 1h, take: max}", "count reads no number"),
        ("{ratio: [a, b, c]}", "expected two fields"),
        ("{count: a, by: b, over: 1h}", "count counts events"),
        ("{count: events, over: 1h}", "features[0].by: this key is required"),
        ("{count: events, by: [], over: 1h}", "features[0].by"),
        ("{count: events, by: [a, a], over: 1h}", "twice"),
        ("{count: events, by: b}", "features[0].over: this key is required"),
        ("{count: events, by: b, over: 59s}", "too short"),
        ("{ngrams: event_time}", "never repeats"),
        ("{mean: a, by: tags, over: 1h}", "'tags' is written after an alert is closed"),
        ("{ratio: [a, urgency]}", "'urgency' is written after"),
        ("{number: scoreback.score}", "written by Scoreback itself"),
    ],
)
def test_wrong_features_are_refused(feature: str, says: str) -> None:
    error = refused(changed("category: rule.id", feature))
    assert str(error).startswith("d.yml:8: features[0]")
    assert says in str(error)


@pytest.mark.parametrize("field", [*WRITTEN_AFTER_CLOSING, "status.keyword", "Tags", "owner.name"])
def test_fields_written_after_closing_are_refused_as_features(field: str) -> None:
    error = refused(changed("rule.id", field))
    assert repr(field) in str(error)


@pytest.mark.parametrize("feature", ["category: outcome", "number: outcome.code", "category: done"])
def test_the_label_is_no_feature(feature: str) -> None:
    text = changed(
        "  verdicts: {join: event}",
        "  field: {name: outcome, positive: [bad], time: done}",
    ).replace("category: rule.id", feature)
    assert "would give away the answer" in str(refused(text))


def test_repeated_features_and_names_are_refused() -> None:
    repeated = changed("  - category: rule.id", "  - category: a\n  - {category: a, name: b}")
    assert "features[1]: repeats category: a of features[0]" in str(refused(repeated))
    named = changed("  - category: rule.id", "  - {category: c, name: a}\n  - {number: b, name: a}")
    assert "repeats the name 'a'" in str(refused(named))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("20/day", "20/day, deliver: rank", "alerts.deliver"),
        ("entity:", "write: {copy_fields: default}\nentity:", "write.copy_fields"),
    ],
)
def test_what_is_not_built_yet_is_refused_by_name(old: str, new: str, key: str) -> None:
    error = refused(changed(old, new))
    assert f": {key}: " in str(error)
    assert "is not supported yet" in str(error)
    assert "unknown" not in str(error)


def test_a_rule_over_events_needs_scores_beside_them() -> None:
    error = refused(changed("20/day", "20/day, reads: events"))
    assert "alerts.reads: write.enrich: none puts no score on events" in str(error)
    assert "write: {enrich: event}" in error.hint
    assert "reads" in str(refused(changed("20/day", "20/day, reads: both")))


@pytest.mark.parametrize(
    "line",
    [
        "* * * *", "61 * * * *", "* * * * * *", "never", "0 0 31 2 *", "*/0 * * * *", "0 0 1 * 1",
        "0 0 * * 5-2", "0 0 * * 9",
    ],
)  # fmt: skip
def test_wrong_cron_lines_are_refused(line: str) -> None:
    error = refused(changed("entity:", f"schedule: {{score: '{line}'}}\nentity:"))
    assert "d.yml:4: schedule.score: " in str(error)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ("splunk: {search: 'index=ids | delete'}", "pipe"),
        ("splunk: {search: '| makeresults'}", "pipe"),
        ("splunk: {search: 'index=ids \"x | delete'}", "quote is not closed"),
        ("elastic: {query: 'from logs | limit 1'}", "pipe"),
    ],
)
def test_events_are_a_selection_only(events: str, says: str) -> None:
    assert says in str(refused(changed("local: {stream: alerts}", events)))


def test_impossible_combinations_are_refused() -> None:
    short = changed("entity:", "train: {history: 7d}\nentity:")
    assert "too recent to learn from" in str(refused(short))
    both = changed("verdicts: {join: event}", "field: {name: a, positive: [x], negative: [x]}")
    assert "both positive and negative" in str(refused(both))
    for copied in ("[score]", "[host.name, host.name]"):
        assert "write.copy_fields" in str(
            refused(changed("entity:", f"write: {{copy_fields: {copied}}}\nentity:"))
        )
    kept = changed("entity:", "write: {keep: {top: 0%}}\nentity:")
    assert "write.keep.top: 0% would store no score" in str(refused(kept))


def test_all_problems_of_a_file_come_in_one_error_in_order_of_lines() -> None:
    text = GOOD.replace("20/day", "0/day").replace("name: triage", "name: T\nlagg: 5m")
    error = refused(text.replace("category:", "categry:"))
    lines = str(error).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["d.yml:1", "name"],
        ["d.yml:2", "lagg"],
        ["d.yml:9", "features[0].categry"],
        ["d.yml:10", "alerts.budget"],
    ]
    assert len(error.hint.splitlines()) == 4
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_but_never_breaks(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_detector(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["event", "1h", "source.ip", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["join", "field", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["name", "unit", "events", "labels", "features", "train", "write"]), _values)
def test_any_value_of_any_key_is_read_or_refused(key: str, value: object) -> None:
    lines = [line for line in GOOD.splitlines() if not line.startswith(f"{key}:")]
    if key in ("events", "labels", "features"):
        start = GOOD.splitlines().index(f"{key}:")
        lines = GOOD.splitlines()[:start] + GOOD.splitlines()[start + 2 :]
    try:
        parse_detector("\n".join([*lines, f"{key}: {json.dumps(value)}"]))
    except ConfigError as error:
        assert "detector:" in str(error)  # noqa: PT017 - either outcome is right
