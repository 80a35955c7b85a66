"""Events in a simulator for tests, and what is read of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from scoreback.connectors.contract.data import START
from scoreback.connectors.splunk import SplunkConnector
from scoreback.records import EventQuery, TimeWindow
from tests.splunkd.simulator import Simulator

INDEX = "ids"
SELECTION: Mapping[str, object] = {"search": f"index={INDEX}", "id": ["n"]}


def fill(
    simulator: Simulator, count: int, *, every: float = 1.0, start: datetime = START
) -> list[str]:
    """*count* events, indexed *every* so many seconds from *start* on; their ids in order."""
    names = [f"e{n:06d}" for n in range(count)]
    simulator.add_events(
        {
            "index": INDEX,
            "time": start.timestamp() + n * every - 5,
            "indextime": start.timestamp() + n * every,
            "raw": {"n": name, "src": f"10.0.0.{n % 9}", "signature_id": n % 5},
        }
        for n, name in enumerate(names)
    )
    return names


def rows(
    connector: SplunkConnector,
    selection: Mapping[str, object] = SELECTION,
    fields: Sequence[str] = (),
    *,
    since: datetime = START - timedelta(days=2),
    until: datetime = START + timedelta(days=2),
    parts: int = 1,
) -> list[dict[str, Any]]:
    """All events that are read of *selection*, in the order in which they come."""
    query = EventQuery(selection=selection, fields=tuple(fields))
    window = TimeWindow(since=since, until=until)
    return [
        row
        for piece in connector.events.slices(query, window, parts)
        for batch in connector.events.read(piece)
        for row in batch.batch.to_pylist()
    ]


def ids(connector: SplunkConnector, **more: Any) -> list[str]:  # noqa: ANN401 - as `rows`
    """The ids of those events."""
    return [row["event_id"] for row in rows(connector, **more)]
