"""A detection rule as a file of Elastic's detection-rules."""

import json
import tomllib
from datetime import date

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.rules.body import wanted
from scoreback.connectors.elastic.kibana.rules.toml import rule_file
from scoreback.connectors.elastic.kibana.versions import SINCE
from scoreback.deployment import AlertRule
from tests.shared_data import DATA, require
from tests.unit.connectors.elastic.kibana.rules.examples import NAMES, health_rule, rule

SCHEMAS = DATA.parent / "vendor" / "elastic-rule-schemas"
DAYS = {"created": date(2026, 6, 1), "updated": date(2026, 6, 2)}


@pytest.mark.parametrize("of", [rule(), health_rule()])
def test_a_file_says_what_the_api_is_told(of: AlertRule) -> None:
    require(SCHEMAS)
    body = wanted(of, NAMES, SINCE[max(SINCE)], suppresses=True).body
    found = tomllib.loads(rule_file(body, **DAYS))
    assert found["metadata"] == {
        "creation_date": "2026/06/01",
        "maturity": "production",
        "min_stack_version": "8.19.0",
        "updated_date": "2026/06/02",
    }
    del body["timestamp_override_fallback_disabled"]
    assert found["rule"] == body
    schema = json.loads((SCHEMAS / "9.5.query.json").read_text(encoding="utf-8"))
    jsonschema.Draft4Validator(schema).validate(found["rule"])


_TEXTS = st.text(max_size=40).filter(
    lambda text: all(sign.isprintable() or sign in "\n\t" for sign in text)
)


@given(_TEXTS, _TEXTS)
def test_every_text_is_read_back_as_it_was(one: str, other: str) -> None:
    body = {"note": f"{one}\n{other}", "tags": [one, other], "a": {"b": [{"c": other}]}}
    assert tomllib.loads(rule_file(body, **DAYS))["rule"] == body
