"""A Sigma rule's fields become those of ECS, and hints name what to look at before it is used."""

import copy

import pytest

from scoreback.connectors.doors import SigmaTranslation
from scoreback.connectors.elastic.sigma import ElasticSigma


def translated(detection: dict[str, object], **logsource: str) -> SigmaTranslation:
    source = logsource or {"product": "linux"}
    rule = {"title": "T", "logsource": source, "detection": {**detection, "condition": "s"}}
    before = copy.deepcopy(rule)
    found = ElasticSigma().translate(rule)
    assert rule == before
    return found


@pytest.mark.parametrize(
    ("logsource", "field", "name"),
    [
        ({"product": "windows", "category": "process_creation"}, "Image", "process.executable"),
        ({"product": "zeek", "service": "http"}, "uri", "url.original"),
        ({"product": "linux", "category": "process_creation"}, "Image", "process.executable"),
        ({"category": "proxy"}, "cs-method", "http.request.method"),
        ({"category": "dns"}, "query", "dns.question.name"),
    ],
)
def test_a_field_is_named_as_ecs_names_it_for_the_product(
    logsource: dict[str, str], field: str, name: str
) -> None:
    assert translated({"s": {field: "x"}}, **logsource).names[field] == name


def test_a_field_that_nothing_maps_has_no_name() -> None:
    assert "odd" not in translated({"s": {"odd": "x"}}).names


def test_a_multi_field_is_named_as_the_field_that_events_have() -> None:
    assert translated({"s": {"process.name.caseless": "x"}}).names == {
        "process.name.caseless": "process.name"
    }


def test_a_rule_without_a_selection_says_why_and_still_names_its_fields() -> None:
    found = translated({"s": {"Image|re": "(?=x)y"}})
    assert "Lucene's regular expressions do not have" in found.why_not
    assert not found.words
    assert found.names["Image"] == "process.executable"


def test_words_in_any_field_come_with_a_hint_that_they_are_slow() -> None:
    assert any("slow" in hint for hint in translated({"s": ["evil"]}).hints)
    assert not any("slow" in hint for hint in translated({"s": {"a": "evil"}}).hints)


def test_a_selection_is_the_same_for_every_detector() -> None:
    found = translated({"s": {"a": "b"}})
    assert found.selection("d", {"host.name": ""}) == {"index": "logs-*", "query": "a:b"}
