"""The list of endpoint files: what is not reached from here, the simulator answers 404."""

from types import ModuleType

from tests.kibana import alert_endpoints, key_endpoints, space_endpoints, status_endpoints
from tests.kibana.routing import Route

TOPICS: tuple[ModuleType, ...] = (
    alert_endpoints,
    key_endpoints,
    space_endpoints,
    status_endpoints,
)
ROUTES: list[Route] = [route for topic in TOPICS for route in topic.router.routes]
