"""Alerts are read page by page, each once, though points in time expire under way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.labels import pages
from scoreback.connectors.elastic.kibana.labels.pages import RENEWALS, AlertPages, Changed
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.point_in_time import Expired
from scoreback.errors import SiemUnavailable


class Node:
    """Alerts with their times in milliseconds, behind points in time that break now and then."""

    def __init__(self, times: list[int], broken: set[int]) -> None:
        self.alerts = sorted((at, f"a{n}") for n, at in enumerate(times))
        self.broken, self.asked = broken, 0

    @contextmanager
    def open(self, _client: Client, _index: str) -> Iterator["Node"]:
        yield self

    def search(self, body: dict[str, Any]) -> bytes:
        self.asked += 1
        if self.asked in self.broken:
            raise Expired("gone", hint="again")
        bounds = body["query"]["bool"]["filter"][0]["range"]
        (limits,) = bounds.values()
        after = tuple(body.get("search_after", (-1, "")))
        some = [
            (at, name)
            for at, name in self.alerts
            if at >= limits["gte"] and at < limits.get("lt", at + 1) and (at, name) > after
        ][: body["size"]]
        hits = [
            {"_id": name, "_index": "i", "sort": [at, name],
             "_source": {"kibana.alert.workflow_status": "open"}}
            for at, name in some
        ]  # fmt: skip
        return json.dumps({"pit_id": "p", "hits": {"hits": hits}}).encode()

    def renew(self, _pit: str) -> None:
        """Nothing changes."""


def read(node: Node, since: int = 0, until: int | None = None) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "PAGE_ROWS", 3)
        patch.setattr(pages, "point_in_time", node.open)
        client: Any = None
        asked = Changed(since=since * 1_000, until=None if until is None else until * 1_000)
        return [
            hit.id for page in AlertPages(client, "s").read(asked, "source.ip") for hit in page.hits
        ]


@settings(max_examples=200)
@given(
    times=st.lists(st.integers(0, 6), max_size=20),
    broken=st.sets(st.integers(1, 12), max_size=4),
    since=st.integers(0, 3),
    until=st.none() | st.integers(3, 7),
)
def test_each_alert_of_the_time_is_read_once_and_in_order(
    times: list[int], broken: set[int], since: int, until: int | None
) -> None:
    node = Node(times, broken)
    wanted = [n for at, n in node.alerts if at >= since and (until is None or at < until)]
    try:
        found = read(node, since, until)
    except SiemUnavailable:
        assert len(broken) > RENEWALS
        return
    assert sorted(found) == sorted(wanted)
    order = {name: at for at, name in node.alerts}
    assert [order[name] for name in found] == sorted(order[name] for name in found)


def test_points_in_time_that_never_hold_are_an_outage() -> None:
    with pytest.raises(SiemUnavailable, match="expire"):
        read(Node([1], set(range(1, 20))))
