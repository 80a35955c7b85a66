"""What an input of times asks for."""

import requests

from tests.splunkd.connection import PASSWORD, USER
from tests.splunkd.simulator import Simulator


def asked(simulator: Simulator, path: str, **given: str | list[str]) -> requests.Response:
    """The answer to a GET, as JSON."""
    return requests.get(
        f"{simulator.url}/servicesNS/nobody/search/{path}",
        {"output_mode": "json", **given},
        auth=(USER, PASSWORD),
        timeout=10,
    )


def test_the_ranges_on_offer_have_labels_and_an_order(splunkd: Simulator) -> None:
    entries = asked(splunkd, "data/ui/times").json()["entry"]
    content = {entry["name"]: entry["content"] for entry in entries}
    assert content["last_24_hours"]["label"] == "Last 24 hours"
    assert content["last_24_hours"]["earliest_time"] == "-24h@h"
    assert len({c["order"] for c in content.values()}) == len(content) > 1


def test_modifiers_of_time_are_reckoned_from_now(splunkd: Simulator) -> None:
    given: dict[str, str | list[str]] = {"time": ["-1h", "@d", "1700000000"], "now": "1700000000"}
    assert asked(splunkd, "search/timeparser", output_time_format="%s", **given).json() == {
        "-1h": "1699996400",
        "@d": "1699920000",
        "1700000000": "1700000000",
    }
    told = asked(splunkd, "search/timeparser", **given).json()
    assert told["@d"] == "2023-11-14T00:00:00.000+00:00"


def test_what_is_no_time_is_refused(splunkd: Simulator) -> None:
    refused = asked(splunkd, "search/timeparser", time="soon")
    assert refused.status_code == 400
    assert "soon" in refused.json()["messages"][0]["text"]
