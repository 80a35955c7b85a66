"""The simulator as a command: started, steered from outside, stopped."""

import urllib.error
import urllib.request

import pytest

from tests.kibana.remote import child
from tests.simulators.remote import NotStarted


def test_the_command_starts_a_simulator_that_is_steered_from_outside() -> None:
    with child("--version", "9.2", "--now", "1000", "--no-scheduler") as simulator:
        assert simulator.now() == 1000
        assert simulator.advance(60) == 1060
        assert simulator.run_due() == []
        key = simulator.key("feature_siemV4.all")
        request = urllib.request.Request(  # noqa: S310
            f"{simulator.url}/api/status", headers={"Authorization": f"ApiKey {key}"}
        )
        with pytest.raises(urllib.error.HTTPError) as answer:  # 503: there is no node
            urllib.request.urlopen(request)  # noqa: S310
        with answer.value:
            assert b'"number": "9.2' in answer.value.read()


def test_a_version_that_is_not_simulated_is_refused() -> None:
    with pytest.raises(NotStarted, match=r"invalid choice: '7\.17'"), child("--version", "7.17"):
        pass
