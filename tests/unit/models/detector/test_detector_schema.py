"""The JSON Schema that editors check detector files with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from scoreback.errors import ConfigError
from scoreback.models.detector.features import EventFeature, WindowFeature
from scoreback.models.detector.file import json_schema, parse_detector
from scoreback.models.detector.located_yaml import parse
from scoreback.models.detector.problems import model_within
from scoreback.models.detector.spec import Detector
from scoreback.service.detectors.detector_files import schema_of_files

EXAMPLES = Path(__file__).parents[4] / "examples" / "detectors"
SHIPPED = EXAMPLES / "detector.schema.json"

GOOD = r"""
name: triage
events: {local: {stream: alerts}}
entity: source.ip
labels:
  verdicts: {join: event}
  field: {name: outcome, positive: attack, negative: [1, true], delay: 0s}
features:
  - category: rule.id
  - {hour_of_day: event_time, name: hour}
  - {matches: url.path, pattern: '\.php$'}
  - {ratio: [source.bytes, destination.bytes]}
  - {count: events, by: source.ip, over: 1h}
  - {rarity: rule.id, by: [source.ip, user.name], over: 7d}
alerts: {budget: 20/day, attack: [T1071.004]}
write: {keep: {top: 0.5%}}
"""


def errors(text: str) -> list[str]:
    checker = Draft202012Validator(json_schema())
    return [error.message for error in checker.iter_errors(parse(text, "d.yml").root)]


def test_the_shipped_schema_is_up_to_date() -> None:
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert shipped == schema_of_files(), "make schema"
    assert (
        "stream" in shipped["properties"]["events"]["properties"]["local"]["propertyNames"]["enum"]
    )


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_sound_files_pass_both_checks() -> None:
    assert errors(GOOD) == []
    assert parse_detector(GOOD).name == "triage"


def test_shipped_examples_pass() -> None:
    for path in sorted(EXAMPLES.glob("*.yml")):
        assert errors(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("entity: source.ip", "entiti: source.ip"),
        ("name: triage", "name: Bad Name"),
        ("20/day", "20"),
        ("0.5%", "0.5"),
        ("0s", "soon"),
        ("category:", "categry:"),
        ("over: 1h", "ovr: 1h"),
        ("{hour_of_day: event_time,", "{hour_of_day: event_time, over: 1h,"),
        (", pattern: '\\.php$'", ""),
        ("[source.bytes, destination.bytes]", "source.bytes"),
        ("count: events", "count: source.ip"),
        ("T1071.004", "dns"),
        ("join: event", "join: evnt"),
        ("  - category: rule.id", "  - rule.id"),
    ],
)
def test_typical_slips_fail_both_checks(old: str, new: str) -> None:
    assert old in GOOD
    wrong = GOOD.replace(old, new)
    assert errors(wrong)
    with pytest.raises(ConfigError):
        parse_detector(wrong, "d.yml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("category:", "categry:", "'categry' is not one of"),
        ("over: 1h", "ovr: 1h", "'ovr' is not one of"),
        (
            "{hour_of_day: event_time,",
            "{hour_of_day: event_time, over: 1h,",
            "'over' was unexpected",
        ),
        (", pattern: '\\.php$'", "", "'pattern' is a required property"),
    ],
)
def test_a_wrong_feature_is_told_in_one_sentence_about_its_own_form(
    old: str, new: str, said: str
) -> None:
    found = errors(GOOD.replace(old, new))
    assert any(said in message for message in found)
    assert not any("valid under any of" in message for message in found)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        inner = model_within(field.annotation)
        if inner:
            yield from _models(inner)


def test_every_key_is_described() -> None:
    models: list[type[BaseModel]] = [*_models(Detector), EventFeature, WindowFeature]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_defaults_in_the_schema_are_written_as_in_a_file() -> None:
    definitions: dict[str, Any] = json_schema()["$defs"]  # type: ignore[assignment]
    assert definitions["Alerts"]["properties"]["throttle"]["default"] == "1h"
    assert definitions["Keep"]["properties"]["sample"]["default"] == "0.1%"
