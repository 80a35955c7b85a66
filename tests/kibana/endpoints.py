"""The list of endpoint files: what is not reached from here, the simulator answers 404."""

from types import ModuleType

from tests.kibana import (
    alert_endpoints,
    case_comment_endpoints,
    case_endpoints,
    dashboard_endpoints,
    data_view_endpoints,
    key_endpoints,
    note_endpoints,
    saved_object_endpoints,
    setting_endpoints,
    space_endpoints,
    status_endpoints,
)
from tests.kibana.exceptions import endpoints as exception_endpoints
from tests.kibana.routing import Route
from tests.kibana.rules import alerting_endpoints, bulk, preview, transfer
from tests.kibana.rules import endpoints as rule_endpoints

TOPICS: tuple[ModuleType, ...] = (
    alert_endpoints,
    alerting_endpoints,
    bulk,
    case_comment_endpoints,
    case_endpoints,
    dashboard_endpoints,
    data_view_endpoints,
    exception_endpoints,
    key_endpoints,
    note_endpoints,
    preview,
    rule_endpoints,
    saved_object_endpoints,
    setting_endpoints,
    space_endpoints,
    status_endpoints,
    transfer,
)
ROUTES: list[Route] = [route for topic in TOPICS for route in topic.router.routes]
