"""Groups as units in detector files: what is read, and what each mistake is answered."""

import pytest
from jsonschema import Draft202012Validator

from scoreback.errors import ConfigError
from scoreback.models.detector.file import explain, json_schema, parse_detector
from scoreback.models.detector.located_yaml import parse
from scoreback.models.detector.units import EVENTS, REDUCERS, Reduced

GOOD = """name: grouped
events: {local: {stream: alerts}}
unit:
  group: [host.name, rule.id]
  every: 1m
  fields:
    network.bytes: sum
    largest: {max: network.bytes}
    user.name: most_common
    size: {count: events}
entity: host.name
labels:
  field: {name: outcome, positive: attack, time: closed}
features:
  - category: rule.id
  - number: network.bytes
  - number: largest
  - {count: events, by: user.name, over: 1h}
train: {today_queue: size}
alerts: {budget: 20/day}
"""


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_detector(text, "d.yml")
    assert caught.value.hint
    return caught.value


def test_a_group_names_its_key_its_window_and_what_becomes_of_each_other_field() -> None:
    unit = parse_detector(GOOD).group
    assert unit is not None
    assert unit.names == (
        "host.name", "rule.id", "network.bytes", "largest", "user.name", "size"
    )  # fmt: skip
    assert unit.sources == ("host.name", "network.bytes", "rule.id", "user.name")
    assert unit.reduced == (
        Reduced("largest", "max", "network.bytes"),
        Reduced("network.bytes", "sum", "network.bytes"),
        Reduced("size", "count", EVENTS),
        Reduced("user.name", "most_common", "user.name"),
    )


def test_explain_prints_a_unit_as_the_file_writes_it() -> None:
    keys = {setting.key: setting.value for setting in explain(parse_detector(GOOD))}
    assert keys["unit.group"] == "[host.name, rule.id]"
    assert keys["unit.every"] == "1m"
    assert keys["unit.fields.network.bytes"] == "sum"
    assert keys["unit.fields.largest"] == "{max: network.bytes}"
    event = GOOD[: GOOD.index("unit:")] + GOOD[GOOD.index("entity:") :]
    assert explain(parse_detector(event))[3] == ("unit", "event", True)
    assert parse_detector(event).group is None


@pytest.mark.parametrize("reducer", REDUCERS)
def test_every_reducer_passes_both_checks_in_both_spellings(reducer: str) -> None:
    for form in (reducer, f"{{{reducer}: network.bytes}}"):
        text = GOOD.replace("network.bytes: sum", f"network.bytes: {form}")
        assert parse_detector(text)
        checker = Draft202012Validator(json_schema())
        assert not list(checker.iter_errors(parse(text, "d.yml").root))


@pytest.mark.parametrize(
    ("old", "new", "where", "says", "hint"),
    [
        ("    user.name: most_common\n", "", "17: features[3]", "'user.name'", "most_common}"),
        ("    network.bytes: sum\n", "", "15: features[1]", "'network.bytes'", "{network.bytes: "),
        ("entity: host.name", "entity: source.ip", "11: entity", "'source.ip'", "first}"),
        ("today_queue: size", "today_queue: event.severity", "19: train.today_queue",
         "'event.severity'", "max}"),
        ("alerts:", "write: {copy_fields: [url.path]}\nalerts:", "20: write.copy_fields[0]",
         "'url.path'", "first}"),
        ("alerts:", "split: {hold_out: [net]}\nalerts:", "20: split.hold_out[0]", "'net'",
         "first}"),
        ("sum\n", "sum\n    idle: max\n", "8: unit.fields.idle", "nothing in the file uses",
         "remove"),
        ("alerts: {", "write: {enrich: event}\nalerts: {reads: events, ", "21: alerts.reads",
         "an alert per event", "unit: event"),
        ("sum\n", "total\n", "7: unit.fields.network.bytes", "no reducer is called",
         "write one of"),
        ("sum\n", "[sum]\n", "7: unit.fields.network.bytes", "found a list", "sum"),
        ("{max: network.bytes}", "{max: events}", "8: unit.fields.largest", "takes a field",
         "count"),
        ("{max: network.bytes}", "{max: 7}", "8: unit.fields.largest", "the name of a field",
         "max"),
        ("{max: network.bytes}", "{max: outcome}", "8: unit.fields.largest", "holds the label",
         "positive when any"),
        ("{max: network.bytes}", "{max: status}", "8: unit.fields.largest",
         "after an alert is closed", "remove"),
        ("{max: network.bytes}", "{max: event_time}", "8: unit.fields.largest", "already has",
         "remove"),
        ("    size:", "    rule.id:", "10: unit.fields.rule.id", "part of the group's key", "own"),
        ("[host.name, rule.id]", "[]", "4: unit.group", "at least 1", "group"),
        ("[host.name, rule.id]", "[host.name, host.name, rule.id]", "4: unit.group[1]", "already",
         "remove"),
        ("rule.id]", "rule.id, event_time]", "4: unit.group", "never repeats", "hour"),
        ("rule.id]", "rule.id, outcome]", "4: unit.group[2]", "holds the label", "known in time"),
        ("rule.id]", "rule.id, tags]", "4: unit.group", "after an alert is closed", "remove"),
        ("every: 1m", "every: 0s", "5: unit.every", "too short", "1s"),
        ("every: 1m", "every: often", "5: unit.every", "not a duration", "5m"),
        ("every: 1m", "every: 52w", "5: unit.every", "do not fit into the 90d", "shorter every"),
        ("  every: 1m\n", "", "3: unit.every", "required", "windows"),
        ("every:", "evry:", "5: unit.evry", "unknown key", "'every'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_unit_names_line_key_and_remedy(
    old: str, new: str, where: str, says: str, hint: str
) -> None:
    assert old in GOOD
    error = refused(GOOD.replace(old, new, 1))
    assert f"d.yml:{where}: " in str(error)
    assert says in str(error)
    assert hint in error.hint


@pytest.mark.parametrize("unit", ["evnt", "7", "[host.name]", "", "group"])
def test_a_unit_is_an_event_or_a_group(unit: str) -> None:
    text = GOOD[: GOOD.index("unit:")] + f"unit: {unit}\n" + GOOD[GOOD.index("entity:") :]
    assert "d.yml:3: unit: " in str(refused(text))
