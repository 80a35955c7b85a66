"""The list of endpoint files: what is not reached from here, the simulator answers 404."""

from types import ModuleType

from tests.kibana import key_endpoints, space_endpoints, status_endpoints
from tests.kibana.routing import Route

TOPICS: tuple[ModuleType, ...] = (
    key_endpoints,
    space_endpoints,
    status_endpoints,
)
ROUTES: list[Route] = [route for topic in TOPICS for route in topic.router.routes]
