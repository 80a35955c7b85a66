"""The page of settings and the keys that settings may change: the same ones, with the same values.

The service has the last word. What the page refuses it would refuse too, and what the page lets
through it takes, so that nobody finds out later that a change does not count.
"""

import json
import re
from typing import Any

import pytest

from scoreback.connectors.splunk.settings_pages import KEYS
from scoreback.errors import ConfigError
from scoreback.models.detector.alerts import OVERRIDABLE
from scoreback.models.detector.file import parse_detector
from scoreback.service.in_force.detector import overridden, value_of
from tests.packaging.splunk_app import SOURCES

CONFIG = json.loads((SOURCES.parent / "globalConfig.json").read_text())
(TAB,) = (t for t in CONFIG["pages"]["configuration"]["tabs"] if t.get("name") == "detectors")
FIELDS: dict[str, dict[str, Any]] = {one["field"]: one for one in TAB["entity"]}
BESIDE = {"name", "reason", "changed_by", "changed_at", "history"}  # no settings
DETECTOR = parse_detector(
    """
name: exfil
events: {splunk: {search: index=dns}}
entity: source.ip
labels: {verdicts: {join: event}}
features: [category: rule.id]
alerts: {budget: 20/day}
"""
)
# Of each field that is written by hand: what it takes, as the service tells it, and what it does
# not take.
WRITTEN: dict[str, tuple[dict[str, object], list[str]]] = {
    "alerts_budget": ({"35/day": "35/day", "2.5/day": "2.5/day"}, ["twenty", "20", "-1/day"]),
    "alerts_day_starts": (
        {"06:00 Europe/Berlin": "06:00 Europe/Berlin", "22:30": "22:30 UTC"},
        ["6", "24:00", "noon"],
    ),
    "alerts_burst": ({"50%": "50%", "0%": "0%", "100%": "100%"}, ["0.5", "half", "150%"]),
    "alerts_least_precision": ({"5%": "5%", "7.5%": "7.5%"}, ["5", "101%"]),
    "alerts_per_entity": ({"3/day": "3/day"}, ["0/day", "1.5/day", "3"]),
    "alerts_throttle": ({"30m": "30m", "2h": "2h", "0s": "0s"}, ["soon", "1.5h", "30"]),
    "alerts_audit": ({"2/day": "2/day"}, ["0/day", "2", "some"]),
    "gate_shadow": ({"5d": "5d", "0s": "0s", "1w": "7d"}, ["5", "a week"]),
    "gate_explore": ({"10%": "10%", "0%": "0%", "50%": "50%"}, ["0.1", "60%", "some"]),
    "gate_min_verdicts": ({"20": 20, "999999": 999_999}, ["0", "-5", "1.5", "many"]),
    "gate_min_precision": ({"30%": "30%"}, ["0.3", "130%"]),
    "labels_flood": ({"250": 250}, ["0", "2.5", "lots"]),
    "train_when_drift": ({"0.25": 0.25, "0.1": 0.1, "2": 2.0}, ["0.05", "much", "-1", "101"]),
    "train_when_precision_drop": ({"0.1": 0.1, "0": 0.0, "1": 1.0}, ["1.5", "a lot", "10%"]),
    "train_when_verdicts": ({"200": 200}, ["0", "1.5", "many"]),
    "train_when_at_most_every": ({"3d": "3d", "2w": "14d"}, ["0d", "3", "weekly"]),
    "schedule_score": ({"*/10 * * * *": "*/10 * * * *"}, ["daily", "* * *"]),
}  # fmt: skip


def test_the_page_has_each_key_that_settings_may_change_and_no_other() -> None:
    assert FIELDS.keys() - BESIDE == KEYS.keys()
    assert sorted(KEYS.values()) == sorted(OVERRIDABLE)


def test_every_field_that_is_written_by_hand_is_tried_here() -> None:
    texts = {name for name, one in FIELDS.items() if one["type"] == "text"}
    assert texts - BESIDE == WRITTEN.keys()


def test_every_setting_is_shown_when_a_row_is_opened_and_lies_in_one_group_at_most() -> None:
    shown = {one["field"] for part in ("moreInfo", "header") for one in TAB["table"][part]}
    assert shown >= FIELDS.keys() - {"history"}
    grouped = [name for group in TAB["groups"] for name in group["fields"]]
    assert len(grouped) == len(set(grouped))
    assert FIELDS.keys() - set(grouped) == {"enabled", *BESIDE}


@pytest.mark.parametrize("field", WRITTEN)
def test_what_the_page_takes_the_service_takes_and_what_it_refuses_too(field: str) -> None:
    (validator,) = FIELDS[field]["validators"]
    takes, refuses = WRITTEN[field]
    for text, value in takes.items():
        assert re.fullmatch(validator["pattern"], text), text
        assert value_of(overridden(DETECTOR, KEYS[field], text), KEYS[field]) == value
    assert re.fullmatch(validator["pattern"], ""), "an emptied field lets the file say it again"
    for text in refuses:
        assert not re.fullmatch(validator["pattern"], text), text
        with pytest.raises(ConfigError) as caught:
            overridden(DETECTOR, KEYS[field], text)
        assert KEYS[field] in caught.value.message


def test_the_service_takes_every_choice_of_the_page_and_there_is_no_other_to_take() -> None:
    for field, one in FIELDS.items():
        if one["type"] == "singleSelect":
            choices = [each["value"] for each in one["options"]["autoCompleteFields"]]
            held = [
                value_of(overridden(DETECTOR, KEYS[field], choice), KEYS[field])
                for choice in choices
            ]
            assert len(held) == len(set(map(str, held))) == len(choices), field
            with pytest.raises(ConfigError):
                overridden(DETECTOR, KEYS[field], "rank")


@pytest.mark.parametrize("name", ["exfil", "dns-exfil_2"])
def test_the_page_takes_every_name_that_a_detector_may_have(name: str) -> None:
    (validator,) = FIELDS["name"]["validators"]
    assert re.fullmatch(validator["pattern"], DETECTOR.model_copy(update={"name": name}).name)
    assert not re.fullmatch(validator["pattern"], f"{name}.audit")
