"""Documents that alerts were made of are looked up where they lay, in requests of bounded size."""

from typing import Any
from urllib.parse import unquote

from scoreback.connectors.elastic.kibana.labels import documents
from scoreback.connectors.elastic.kibana.labels.documents import Documents
from scoreback.connectors.elastic.names import Names


class Node:
    """Holds documents by id, in whatever index; *status* is what it answers, 200 if not said."""

    def __init__(self, there: set[str], status: int = 200) -> None:
        self.there, self.status = there, status
        self.paths: list[str] = []

    def call(
        self,
        _method: str,
        path: str,
        body: dict[str, Any],
        *,
        params: dict[str, object],
        absent: tuple[int, ...],
    ) -> dict[str, Any] | None:
        assert params["ignore_unavailable"]
        self.paths.append(path)
        if self.status != 200:
            assert self.status in absent
            return None
        asked = set(body["query"]["ids"]["values"])
        assert len(asked) <= documents.SOME
        return {"hits": {"hits": [{"_id": name} for name in asked & self.there]}}


def lookup(node: Any) -> Documents:  # noqa: ANN401
    return Documents(node, Names("ns"))


def test_what_is_gone_or_may_not_be_read_is_not_there() -> None:
    places = [(".ds-logs-x-000001", "a"), (".ds-logs-x-000002", "b")]
    assert lookup(Node({"a"})).there(places) == {"a"}
    for status in (403, 404):
        assert lookup(Node({"a"}, status)).there(places) == set()
        assert lookup(Node({"a"}, status)).times(places) == {}


def test_names_of_many_indices_fit_into_the_first_line_of_a_request() -> None:
    places = [(f"eu:.ds-logs-{'x' * 60}-{n:06d}", f"e{n}") for n in range(200)]
    node = Node({"e0", "e199"})
    assert lookup(node).there(places) == {"e0", "e199"}
    assert len(node.paths) > 1
    assert max(map(len, node.paths)) < 4_000
    named = [name for path in node.paths for name in unquote(path).split("/")[1].split(",")]
    assert sorted(named) == sorted(index for index, _ in places)
