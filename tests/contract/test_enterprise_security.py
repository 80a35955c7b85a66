"""The contract of alerts and labels where Splunk has Enterprise Security, over the simulator."""

from collections.abc import Callable

import pytest

from scoreback.connectors.contract import CHECKS, Subject, alert_checks, label_checks
from tests.splunkd.connection import APP, NOW, connected, subject
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options

ROOMS = (alert_checks.__name__, label_checks.__name__)
ASKED = [check for check in CHECKS if check.__module__ in ROOMS]


@pytest.mark.parametrize("check", ASKED, ids=lambda check: check.__name__)
def test_splunk_keeps_it_with_enterprise_security(check: Callable[[Subject], None]) -> None:
    options = Options(apps=(APP,), now=NOW.timestamp(), enterprise_security=True)
    with running(options) as simulator, connected(simulator) as connector:
        assert connector.rules.delivers[0] == "risk"
        check(subject(simulator, connector))
