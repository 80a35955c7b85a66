"""A connection of ours to the node of the test run and to a simulator of Kibana over it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scoreback.connectors.elastic import ElasticConnector
from tests.elasticsearch.connection import connected
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.simulator import Simulator


@contextmanager
def joined(
    simulator: Simulator,
    name: str = "contract",
    *,
    sleep: Callable[[float], None] = time.sleep,
    apply: bool = True,
    **settings: object,
) -> Iterator[ElasticConnector]:
    """A connector to *simulator*'s home space and to the node that it is over.

    Its resources are applied in a namespace of its own, as `connected` does it. The node has no
    security: user and password count in the simulator alone, unless *settings* have a key for it.
    """
    node = simulator.options.elasticsearch
    assert node is not None
    given: dict[str, Any] = {
        "kibana": simulator.url,
        "space": simulator.home,
        "user": USER,
        "password": PASSWORD,
        **settings,
    }
    with connected(node, name, sleep=sleep, apply=apply, **given) as connector:
        yield connector
