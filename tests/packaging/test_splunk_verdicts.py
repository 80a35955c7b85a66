"""The app's endpoint for verdicts, called as analysts' browsers call it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.packaging.splunk_app import SOURCES
from tests.packaging.splunk_pythons import VERSIONS, splunk_python
from tests.splunkd.accounts import User
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator
from tests.splunkd_handlers import Call, Handlers, Reply

NOON = 1_772_366_400.0  # 2026-03-01T12:00:00Z


@pytest.fixture(scope="module")
def splunk() -> Iterator[Simulator]:
    with running(Options(apps=(SOURCES,))) as simulator:
        users = simulator.head.accounts.users
        users["ann"] = User("ann", "a", ["scoreback_analyst"])
        users["bob"] = User("bob", "b", ["scoreback_admin"])
        users["otto"] = User("otto", "o", ["user"])
        yield simulator


@pytest.fixture(autouse=True)
def _one_alert(splunk: Simulator) -> None:
    for name in ("scoreback_alerts", "scoreback_verdicts"):
        splunk.head.kv.remove_where("scoreback", name, {}, "nobody")
    alert = {
        "_key": "a1", "alert_id": "a1", "rule": "r", "detector": "d", "version": "v1",
        "entity": "10.0.0.7", "event_id": "e1", "event_time": NOON, "status": "open",
        "tags": ["audit"], "touched": False,
    }  # fmt: skip
    splunk.head.kv.put("scoreback", "scoreback_alerts", alert, "nobody")


class Desk:
    """What analysts send, and what is kept."""

    def __init__(self, splunk: Simulator) -> None:
        self._splunk = splunk

    def says(self, user: str, **said: object) -> requests.Response:
        key = self._splunk.head.accounts.session_of(user)
        url = f"{self._splunk.url}/services/scoreback/verdict"
        headers = {"Authorization": f"Splunk {key}"}
        return requests.post(url, data=said, headers=headers, timeout=30)

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        found = self._splunk.head.kv.documents("scoreback", "scoreback_verdicts", "nobody")
        return sorted(found, key=lambda row: float(row["label_time"]))

    @property
    def alert(self) -> dict[str, Any]:
        (found,) = self._splunk.head.kv.documents("scoreback", "scoreback_alerts", "nobody")
        return dict(found)


@pytest.fixture
def desk(splunk: Simulator) -> Desk:
    return Desk(splunk)


def test_a_verdict_on_an_alert_closes_it_in_the_name_of_who_spoke(desk: Desk) -> None:
    answer = desk.says("ann", alert_id="a1", verdict="false_positive", labeller="bob")
    assert answer.json() == {"recorded": 1, "alerts": ["a1"]}
    (row,) = desk.verdicts
    expected = {
        "alert_id": "a1", "event_id": "e1", "rule": "r", "detector": "d", "labeller": "ann",
        "verdict": "false_positive", "source": "verdict", "withdrawn": False,
    }  # fmt: skip
    assert row | expected == row
    closed = {"status": "closed", "verdict": "false_positive", "labeller": "ann", "touched": True}
    assert desk.alert | closed == desk.alert
    assert desk.alert["closed_at"] == row["label_time"]
    assert desk.alert["tags"] == ["audit"]


def test_the_last_word_again_is_no_new_one(desk: Desk) -> None:
    desk.says("ann", alert_id="a1", verdict="false_positive")
    assert desk.says("ann", alert_id="a1", verdict="false_positive").json()["recorded"] == 0
    assert len(desk.verdicts) == 1


def test_a_change_of_mind_is_a_later_word(desk: Desk) -> None:
    for verdict in ("false_positive", "true_positive", "false_positive"):
        desk.says("ann", alert_id="a1", verdict=verdict)
    said = [row["verdict"] for row in desk.verdicts]
    assert said == ["false_positive", "true_positive", "false_positive"]
    assert len({row["label_time"] for row in desk.verdicts}) == 3
    assert desk.alert["verdict"] == "false_positive"


def test_reopening_takes_back_what_stands_in_the_name_of_who_said_it(desk: Desk) -> None:
    desk.says("ann", alert_id="a1", verdict="false_positive")
    answer = desk.says("bob", alert_id="a1", verdict="reopen")
    assert answer.json() == {"withdrawn": 1, "alerts": ["a1"]}
    said = [(row["verdict"], row["labeller"], row["withdrawn"]) for row in desk.verdicts]
    assert said == [("false_positive", "ann", False), ("false_positive", "ann", True)]
    assert (desk.alert["status"], desk.alert["verdict"]) == ("open", None)
    assert desk.says("bob", alert_id="a1", verdict="reopen").json()["withdrawn"] == 0


def test_a_verdict_on_an_event_closes_the_alert_that_it_opened(desk: Desk) -> None:
    answer = desk.says("ann", event_id="e1", detector="d", verdict="true_positive")
    assert answer.json()["alerts"] == ["a1"]
    assert desk.alert["status"] == "closed"


def test_a_verdict_on_an_event_that_opened_none_is_kept_by_itself(desk: Desk) -> None:
    answer = desk.says("ann", event_id="e9", detector="d", verdict="benign_positive", comment="ok")
    assert answer.json() == {"recorded": 1, "alerts": []}
    (row,) = desk.verdicts
    assert (row["event_id"], row["detector"], row["comment"]) == ("e9", "d", "ok")
    assert desk.alert["status"] == "open"


def test_a_verdict_on_an_entity_names_its_time(desk: Desk) -> None:
    said = {"entity": "10.0.0.7", "since": NOON, "until": NOON + 60, "verdict": "true_positive"}
    assert desk.says("ann", **said).status_code == 200
    (row,) = desk.verdicts
    assert (row["entity"], row["since"], row["until"]) == ("10.0.0.7", NOON, NOON + 60)


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"alert_id": "a1", "verdict": "harmless"}, 400, "verdict is 'harmless'"),
        ({"alert_id": "a1"}, 400, "verdict is ''"),
        ({"alert_id": "zz", "verdict": "true_positive"}, 404, "there is no alert 'zz'"),
        ({"verdict": "true_positive"}, 400, "name the subject of the verdict"),
        ({"entity": "e", "verdict": "true_positive"}, 400, "an entity needs since and until"),
        ({"entity": "e", "since": "2", "until": "1", "verdict": "true_positive"}, 400,
         "since must be before until"),
        ({"event_id": "e9", "verdict": "reopen"}, 400, "only an alert can be reopened"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(
    desk: Desk, said: dict[str, str], status: int, why: str
) -> None:
    answer = desk.says("ann", **said)
    assert answer.status_code == status
    assert why in answer.json()["error"]
    assert desk.verdicts == []


def test_who_may_not_judge_is_refused(desk: Desk) -> None:
    assert desk.says("otto", alert_id="a1", verdict="true_positive").status_code == 403
    assert desk.verdicts == []


def test_an_alert_is_not_judged_before_its_event(desk: Desk, splunk: Simulator) -> None:
    later = desk.alert | {"event_time": 4_000_000_000.0}
    splunk.head.kv.put("scoreback", "scoreback_alerts", later, "nobody")
    answer = desk.says("ann", alert_id="a1", verdict="true_positive")
    assert answer.status_code == 400
    assert "is later than now" in answer.json()["error"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_endpoint_works_whichever_python_splunk_has(version: str, splunk: Simulator) -> None:
    python = splunk_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    reply = _called(splunk, python, method="POST", body='{"alert_id": "a1", "verdict": "reopen"}')
    assert reply == Reply(status=200, payload={"withdrawn": 0, "alerts": ["a1"]})


def test_reading_it_says_nothing(splunk: Simulator) -> None:
    reply = _called(splunk, method="GET", body="")
    assert (reply.status, reply.payload) == (405, {"error": "send the verdict by POST"})


def test_a_splunkd_that_does_not_answer_is_told(splunk: Simulator) -> None:
    body = '{"alert_id": "a1", "verdict": "true_positive"}'
    reply = _called(splunk, method="POST", body=body, uri="http://127.0.0.1:1")
    assert reply.status == 503
    assert "splunkd did not answer" in reply.payload["error"]


def _called(splunk: Simulator, python: str = "", *, method: str, body: str, uri: str = "") -> Reply:
    handlers = Handlers(SOURCES, python) if python else Handlers(SOURCES)
    reply = handlers.answer(
        Call(
            method=method,
            path="/scoreback/verdict",
            user="ann",
            session_key="",
            system_key=splunk.head.accounts.session_of("admin"),
            uri=uri or splunk.url,
            capabilities=frozenset(["scoreback_verdict"]),
            body=body,
        )
    )
    assert reply is not None
    return reply
