"""What a Sigma rule's drafted query selects on a real Elasticsearch node."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from scoreback.connectors.elastic.sigma import ElasticSigma
from tests.elasticsearch.direct import done, fill, make
from tests.elasticsearch.fixtures import remove

pytestmark = pytest.mark.server

VALUES = (
    "AND", "NOT", "plain", "two words", ">5", "<a", "a:b", "c:\\windows\\x.exe", "(x)", "a*b?",
    "say \"hi\"", "a/b", "x@y#z", "--flag", "a && b || c", "cmd.exe /c whoami", "TO", "{1}[2]^~!",
)  # fmt: skip


@pytest.fixture(scope="module")
def index(elasticsearch_url: str) -> Iterator[str]:
    name = f"sbt-{uuid.uuid4().hex[:12]}"
    make(elasticsearch_url, name, {"f": {"type": "keyword"}, "n": {"type": "keyword"}})
    fill(elasticsearch_url, name, [{"_id": str(i), "f": v} for i, v in enumerate(VALUES)])
    fill(elasticsearch_url, name, [{"_id": "none", "n": "x"}])
    yield name
    remove(elasticsearch_url, name)


def selected(url: str, index: str, detection: dict[str, Any]) -> set[str]:
    """The values of ``f`` of the events that a rule with *detection* selects."""
    rule = {"title": "T", "logsource": {"product": "x"}, "detection": detection}
    query = ElasticSigma().translate(rule).words["query"]
    body = {"size": 100, "query": {"query_string": {"query": query, "analyze_wildcard": True}}}
    found = done(url, "POST", f"/{index}/_search", body)
    return {hit["_source"].get("f", "") for hit in found["hits"]["hits"]}


def test_every_value_is_selected_by_itself_and_nothing_else(
    elasticsearch_url: str, index: str
) -> None:
    for value in VALUES:
        written = value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
        found = selected(elasticsearch_url, index, {"s": {"f": written}, "condition": "s"})
        assert found == {value}


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ({"s": {"f|contains": "b"}, "condition": "s"}, {v for v in VALUES if "b" in v}),
        ({"s": {"f|contains": "&& b |"}, "condition": "s"}, {"a && b || c"}),
        ({"s": {"f|startswith": "<"}, "condition": "s"}, {"<a"}),
        ({"s": {"f|endswith": "\\x.exe"}, "condition": "s"}, {"c:\\windows\\x.exe"}),
        ({"s": {"f|re": "who.mi"}, "condition": "s"}, {"cmd.exe /c whoami"}),
        ({"s": {"f|re": "^cmd\\.exe\\s+/c"}, "condition": "s"}, {"cmd.exe /c whoami"}),
        ({"s": {"f|re": "y#z$"}, "condition": "s"}, {"x@y#z"}),
        ({"s": {"f|re|i": "^PLAIN$"}, "condition": "s"}, {"plain"}),
        ({"s": {"f|re": '"h\\w"'}, "condition": "s"}, {'say "hi"'}),
        ({"s": {"f": ["AND", "TO", ">5"]}, "condition": "s"}, {"AND", "TO", ">5"}),
        ({"s": {"f": None}, "condition": "s"}, {""}),
        ({"s": {"f|exists": True}, "condition": "s"}, set(VALUES)),
        (
            {"s": {"f|contains": "a"}, "t": {"f": ["plain", "a/b"]}, "condition": "s and not t"},
            {v for v in VALUES if "a" in v} - {"plain", "a/b"},
        ),
        ({"s": {"f": "plain"}, "t": {"f": None}, "condition": "1 of *"}, {"plain", ""}),
    ],
)
def test_a_query_selects_what_the_rule_means(
    elasticsearch_url: str, index: str, detection: dict[str, Any], expected: set[str]
) -> None:  # fmt: skip
    assert selected(elasticsearch_url, index, detection) == expected
