"""Cases of the simulator, and what they do to alerts on the real node."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.kibana import alerts_index
from tests.kibana.asking import Answer, ask
from tests.kibana.fixtures import over
from tests.kibana.seeding import seed, stored
from tests.kibana.simulator import Simulator

pytestmark = pytest.mark.server
STATUS, REASON = "kibana.alert.workflow_status", "kibana.alert.workflow_reason"
CASES = "kibana.alert.case_ids"


@pytest.fixture
def kibana_of(elasticsearch_url: str) -> Iterator[Callable[[str], Simulator]]:
    """Simulators of a version."""
    with ExitStack() as stack:
        yield lambda version: stack.enter_context(over(elasticsearch_url, version=version))


def _open(kibana: Simulator, *, sync: bool = True) -> dict[str, Any]:
    body = {
        "title": "Odd logins",
        "description": "From the night",
        "tags": ["night"],
        "connector": {"id": "none", "name": "none", "type": ".none", "fields": None},
        "settings": {"syncAlerts": sync},
        "owner": "securitySolution",
    }
    made: dict[str, Any] = ask(kibana, "POST", "/api/cases", body).json
    return made


def _attach(kibana: Simulator, case: str, ids: list[str]) -> Answer:
    index = alerts_index.backing(kibana.home)
    body = {
        "type": "alert",
        "alertId": ids,
        "index": [index] * len(ids),
        "rule": {"id": "r", "name": "R"},
        "owner": "securitySolution",
    }
    return ask(kibana, "POST", f"/api/cases/{case}/comments", body)


def _patch(kibana: Simulator, case: dict[str, Any], **changes: object) -> Answer:
    change = {"id": case["id"], "version": case["version"], **changes}
    return ask(kibana, "PATCH", "/api/cases", {"cases": [change]})


def test_an_attached_alert_names_its_case_until_it_is_removed(kibana: Simulator) -> None:
    ids = seed(kibana, 2)
    case = _open(kibana)
    attached = _attach(kibana, case["id"], ids).json
    assert (attached["totalAlerts"], attached["totalComment"]) == (2, 0)
    assert stored(kibana, ids[0])[CASES] == [case["id"]]
    listed = ask(kibana, "GET", f"/api/cases/{case['id']}/alerts").json
    assert [one["id"] for one in listed] == ids
    found = ask(kibana, "GET", f"/api/cases/alerts/{ids[1]}").json
    assert [one["id"] for one in found] == [case["id"]]
    assert ask(kibana, "GET", "/api/cases/alerts/nobody").json == []
    again = _attach(kibana, case["id"], ids[:1]).json
    assert again["totalAlerts"] == 2
    assert len(again["comments"]) == 1
    assert ask(kibana, "DELETE", "/api/cases", params={"ids": f'["{case["id"]}"]'}).status == 204
    assert stored(kibana, ids[0])[CASES] == []


def test_a_closed_case_gives_its_alerts_status_and_reason_but_no_user(kibana: Simulator) -> None:
    ids = seed(kibana, 1)
    case = _open(kibana)
    case = _attach(kibana, case["id"], ids).json
    (closed,) = _patch(kibana, case, status="closed", closeReason="benign_positive").json
    assert closed["updateSummary"] == {"syncedAlertCount": 1}
    assert "closeReason" not in closed
    assert closed["closed_at"]
    alert = stored(kibana, ids[0])
    assert (alert[STATUS], alert[REASON]) == ("closed", "benign_positive")
    assert "kibana.alert.workflow_user" not in alert
    kibana.cluster.asked("POST", f"/{alerts_index.alias(kibana.home)}/_refresh")
    (reopened,) = _patch(kibana, closed, status="in-progress").json
    assert reopened["closed_at"] is None
    alert = stored(kibana, ids[0])
    assert alert[STATUS] == "acknowledged"
    assert REASON not in alert


def test_alerts_of_a_case_that_does_not_sync_stay_as_they_are(kibana: Simulator) -> None:
    ids = seed(kibana, 1)
    case = _attach(kibana, _open(kibana, sync=False)["id"], ids).json
    refused = _patch(kibana, case, status="closed", closeReason="duplicate")
    assert (refused.status, "sync" in refused.json["message"]) == (400, True)
    assert _patch(kibana, case, status="closed").status == 200
    assert stored(kibana, ids[0])[STATUS] == "open"


def test_a_reason_that_the_space_does_not_know_is_refused(kibana: Simulator) -> None:
    refused = _patch(kibana, _open(kibana), status="closed", closeReason="because")
    assert (refused.status, "because" in refused.json["message"]) == (400, True)


def test_9_2_refuses_a_closing_reason_of_a_case(kibana_of: Callable[[str], Simulator]) -> None:
    kibana = kibana_of("9.2")
    refused = _patch(kibana, _open(kibana), status="closed", closeReason="duplicate")
    assert (refused.status, "closeReason" in refused.json["message"]) == (400, True)


def test_a_stale_version_is_409_and_no_change_is_406(kibana: Simulator) -> None:
    case = _open(kibana)
    (changed,) = _patch(kibana, case, title="Odder logins").json
    stale = _patch(kibana, case, title="Oddest logins")
    assert (stale.status, stale.json["error"]) == (409, "Conflict")
    assert _patch(kibana, changed, title="Odder logins").status == 406
    assert _patch(kibana, {**changed, "id": "nobody"}, title="x").status == 404


def test_cases_are_found_and_commented_on(kibana: Simulator) -> None:
    case = _open(kibana)
    said = {"type": "user", "comment": "The scanner again", "owner": "securitySolution"}
    path = f"/api/cases/{case['id']}/comments"
    comment = ask(kibana, "POST", path, said).json["comments"][0]
    change = {**said, "id": comment["id"], "version": comment["version"], "comment": "No"}
    assert ask(kibana, "PATCH", path, change).status == 200
    assert ask(kibana, "PATCH", path, change).status == 409
    assert ask(kibana, "GET", f"{path}/{comment['id']}").json["comment"] == "No"
    assert ask(kibana, "GET", f"{path}/_find").json["total"] == 1
    assert ask(kibana, "DELETE", f"{path}/{comment['id']}").status == 204
    for params, total in (({"tags": "night"}, 1), ({"tags": "day"}, 0), ({"status": "closed"}, 0)):
        found = ask(kibana, "GET", "/api/cases/_find", params=params).json
        assert (found["total"], found["count_open_cases"]) == (total, 1)


def test_a_case_takes_no_more_than_a_thousand_alerts(kibana: Simulator) -> None:
    refused = _attach(kibana, _open(kibana)["id"], [f"a{number}" for number in range(1001)])
    assert (refused.status, "1000" in refused.json["message"]) == (400, True)


def test_a_second_change_before_the_indexs_own_refresh_is_a_conflict(kibana: Simulator) -> None:
    ids = seed(kibana, 1)
    case = _attach(kibana, _open(kibana)["id"], ids).json
    settings = {"index": {"refresh_interval": "-1"}}
    kibana.cluster.asked("PUT", f"/{alerts_index.backing(kibana.home)}/_settings", settings)
    (closed,) = _patch(kibana, case, status="closed").json
    assert _patch(kibana, closed, status="in-progress").status == 409
    assert stored(kibana, ids[0])[STATUS] == "closed"
    now = ask(kibana, "GET", f"/api/cases/{case['id']}").json
    assert now["status"] == "in-progress"  # the case itself was written before its alerts


def test_an_alert_is_in_ten_cases_at_most(kibana: Simulator) -> None:
    ids = seed(kibana, 1, **{CASES: [f"c{number}" for number in range(10)]})
    refused = _attach(kibana, _open(kibana)["id"], ids)
    assert (refused.status, "10 cases" in refused.json["message"]) == (400, True)
