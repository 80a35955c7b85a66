"""The list of endpoint files: what is not reached from here, the simulator answers 404."""

from types import ModuleType

from tests.kibana import (
    alert_endpoints,
    key_endpoints,
    note_endpoints,
    setting_endpoints,
    space_endpoints,
    status_endpoints,
)
from tests.kibana.cases import comments
from tests.kibana.cases import endpoints as case_endpoints
from tests.kibana.exceptions import endpoints as exception_endpoints
from tests.kibana.objects import dashboards, data_views
from tests.kibana.objects import endpoints as object_endpoints
from tests.kibana.routing import Route
from tests.kibana.rules import alerting_endpoints, bulk, old_bulk, preview, transfer
from tests.kibana.rules import endpoints as rule_endpoints

TOPICS: tuple[ModuleType, ...] = (
    alert_endpoints,
    alerting_endpoints,
    bulk,
    case_endpoints,
    comments,
    dashboards,
    data_views,
    exception_endpoints,
    key_endpoints,
    note_endpoints,
    object_endpoints,
    old_bulk,
    preview,
    rule_endpoints,
    setting_endpoints,
    space_endpoints,
    status_endpoints,
    transfer,
)
ROUTES: list[Route] = [route for topic in TOPICS for route in topic.router.routes]
