"""Stops a test whose connector makes a call that its keys would not be allowed.

So the roles of the keys cannot fall behind what the product calls: every test on the node asks.
"""

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any
from urllib.parse import urlencode

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.deploying.privileges import installing, running
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.sample import PREFIX
from tests.elasticsearch.rights import CLUSTER, Need, has, needs, of_stream

EVENTS = frozenset({"read", "view_index_metadata", "index"})
"""What a key may have on events; ``index`` where scores are written onto them."""
_INSTALLS = "scoreback.connectors.elastic.deploying.deployer"


def guard(connector: ElasticConnector) -> None:
    """Have each request of *connector* looked at before it is sent."""
    client, given = connector.client, connector.given
    names, roles = Names(given.namespace), (running(given, []), installing(given))
    ours = {
        getattr(names, name) for name in dir(Names) if isinstance(getattr(Names, name), property)
    }
    send = client.send

    def looked_at(
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        params: Mapping[str, object] | None = None,
        **more: Any,  # noqa: ANN401 - as the client takes it
    ) -> Any:  # noqa: ANN401 - as the client gives it
        query = {k: str(v).lower() for k, v in (params or {}).items() if v is not None}
        target = f"{path}?{urlencode(query)}" if query else path
        wanted = (
            () if PREFIX in path else needs(method, target, body)
        )  # a shipper's key writes those
        missing = [one for one in wanted if not _granted(roles[0], one, ours)]
        if missing and not (_installs() and all(has(roles[1], one) for one in missing)):
            raise AssertionError(
                f"{method} {target} needs {missing}, which no key of ours has: see"
                " connectors/elastic/deploying/privileges.py"
            )
        return send(method, path, body, params=params, **more)

    client.send = looked_at  # type: ignore[method-assign]


def _granted(role: Mapping[str, Any], wanted: Need, ours: set[str]) -> bool:
    if (
        wanted.index == CLUSTER
        or of_stream(wanted.index) in ours
        or wanted.index.startswith((".alerts", ".internal"))
    ):
        return has(role, wanted)
    return wanted.privilege in EVENTS


def _installs() -> bool:
    """Whether it is `apply` or `remove` that calls."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != _INSTALLS:
        frame = frame.f_back
    return frame is not None
