"""Which of Elastic's paid features the cluster's licence has."""

from collections.abc import Callable
from threading import Lock

from scoreback.connectors.elastic.wire.client import Client

_WITH_SUPPRESSION = frozenset({"platinum", "enterprise", "trial"})
_UNKNOWN = (400, 403, 404, 405, 500)  # no such endpoint, or no permission: assume the free features


def suppression(client: Client) -> Callable[[], bool]:
    """Returns whether rules may suppress alerts; asks the cluster once, on first use."""
    asking, known = Lock(), list[bool]()

    def has_suppression() -> bool:
        with asking:
            if not known:
                known.append(_type(client) in _WITH_SUPPRESSION)
            return known[0]

    return has_suppression


def _type(client: Client) -> str:
    answer = client.call("GET", "/_license", absent=_UNKNOWN) or {}
    found = answer.get("license") or {}
    return str(found.get("type")) if found.get("status") == "active" else "basic"
