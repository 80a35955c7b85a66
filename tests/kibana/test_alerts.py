"""Alerts on the real node are closed, tagged and assigned as Kibana's source does it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.kibana import alerts_index
from tests.kibana.asking import ask
from tests.kibana.fixtures import over
from tests.kibana.seeding import alert, seed, store, stored
from tests.kibana.settings import Settings
from tests.kibana.simulator import Simulator
from tests.kibana.times import iso

pytestmark = pytest.mark.server
SIGNALS = "/api/detection_engine/signals"
STATUS, REASON = "kibana.alert.workflow_status", "kibana.alert.workflow_reason"
USER, UPDATED = "kibana.alert.workflow_user", "kibana.alert.workflow_status_updated_at"
TAGS = "kibana.alert.workflow_tags"


@pytest.fixture
def kibana_of(elasticsearch_url: str) -> Iterator[Callable[[str], Simulator]]:
    """Simulators of a version."""
    with ExitStack() as stack:
        yield lambda version: stack.enter_context(over(elasticsearch_url, version=version))


def _close(kibana: Simulator, ids: list[str], **more: object) -> dict[str, object]:
    answer = ask(
        kibana, "POST", f"{SIGNALS}/status", {"signal_ids": ids, "status": "closed", **more}
    )
    assert answer.status == 200, answer.text
    said: dict[str, object] = answer.json
    return said


def test_closing_writes_status_reason_user_and_time(kibana: Simulator) -> None:
    ids = seed(kibana, 2)
    kibana.clock.set(1_793_527_600.5)
    body = {"signal_ids": ids[:1], "status": "closed", "reason": "false_positive"}
    ann = {"simulated-session": "ann"}
    said = ask(kibana, "POST", f"{SIGNALS}/status", body, headers=ann).json
    assert (said["total"], said["updated"], said["failures"]) == (1, 1, [])
    closed = stored(kibana, ids[0])
    assert (closed[STATUS], closed[REASON]) == ("closed", "false_positive")
    assert (closed[USER], closed[UPDATED]) == ("u_ann_0", iso(1_793_527_600.5))
    assert stored(kibana, ids[1])[STATUS] == "open"


def test_an_api_key_needs_the_right_and_leaves_no_user(kibana: Simulator) -> None:
    (one,) = seed(kibana, 1)
    key = kibana.accounts.key_with("feature_securitySolutionAlertsV1.all")
    body = {"signal_ids": [one], "status": "closed"}
    assert ask(kibana, "POST", f"{SIGNALS}/status", body, key=key).status == 200
    assert stored(kibana, one)[USER] is None
    reader = kibana.accounts.key_with("feature_securitySolutionAlertsV1.read")
    refused = ask(kibana, "POST", f"{SIGNALS}/status", body, key=reader)
    assert refused.status == 403
    assert "alerts-all" in refused.json["message"]


def test_a_closed_alert_keeps_its_first_reason_and_reopening_takes_it_away(
    kibana: Simulator,
) -> None:
    (one,) = seed(kibana, 1)
    _close(kibana, [one], reason="false_positive")
    assert _close(kibana, [one], reason="true_positive")["updated"] == 1
    assert stored(kibana, one)[REASON] == "false_positive"
    body = {"signal_ids": [one], "status": "open", "reason": "false_positive"}
    assert ask(kibana, "POST", f"{SIGNALS}/status", body).status == 200
    reopened = stored(kibana, one)
    assert reopened[STATUS] == "open"
    assert REASON not in reopened
    assert reopened["host"] == {"name": "h0"}


def test_8_19_leaves_a_reason_out_without_a_word(kibana_of: Callable[[str], Simulator]) -> None:
    kibana = kibana_of("8.19")
    (one,) = seed(kibana, 1)
    _close(kibana, [one], reason="false_positive")
    assert REASON not in stored(kibana, one)
    assert (f"{SIGNALS}/status", "reason") in kibana.stripped


def test_9_2_knows_six_reasons(kibana_of: Callable[[str], Simulator]) -> None:
    kibana = kibana_of("9.2")
    (one,) = seed(kibana, 1)
    body = {"signal_ids": [one], "status": "closed", "reason": "Red team"}
    kibana.kept(Settings, kibana.home).change({"securitySolution:alertCloseReasons": ["Red team"]})
    refused = ask(kibana, "POST", f"{SIGNALS}/status", body)
    assert (refused.status, refused.json["error"]) == (400, "Bad Request")
    _close(kibana, [one], reason="benign_positive")
    assert stored(kibana, one)[REASON] == "benign_positive"


def test_9_4_knows_the_reasons_of_the_spaces_setting_too(
    kibana_of: Callable[[str], Simulator],
) -> None:
    kibana = kibana_of("9.4")
    (one,) = seed(kibana, 1)
    body = {"signal_ids": [one], "status": "closed", "reason": "Red team"}
    refused = ask(kibana, "POST", f"{SIGNALS}/status", body)
    assert (refused.status, refused.json["status_code"]) == (400, 400)
    kibana.kept(Settings, kibana.home).change({"securitySolution:alertCloseReasons": ["Red team"]})
    _close(kibana, [one], reason="Red team")
    assert stored(kibana, one)[REASON] == "Red team"


def test_a_query_closes_what_it_finds_and_nothing_of_another_space(kibana: Simulator) -> None:
    ids = seed(kibana, 3)
    query = {"term": {"host.name": "h1"}}
    body = {"query": query, "status": "acknowledged", "conflicts": "proceed"}
    assert ask(kibana, "POST", f"{SIGNALS}/status", body).json["updated"] == 1
    assert [stored(kibana, one)[STATUS] for one in ids] == ["open", "acknowledged", "open"]
    elsewhere = ask(kibana, "POST", f"{SIGNALS}/status", body, space="nowhere-at-all")
    assert (elsewhere.status, elsewhere.json["total"]) == (200, 0)


def test_a_conflict_ends_a_request_unless_it_proceeds(kibana: Simulator) -> None:
    seed(kibana, 3)
    everything = {"query": {"match_all": {}}, "status": "closed"}
    kibana.faults.add("alert_conflict", alerts=1, times=1)
    refused = ask(kibana, "POST", f"{SIGNALS}/status", everything)
    assert refused.status == 409
    assert "version_conflict_engine_exception" in refused.json["message"]
    reopened = {**everything, "status": "open"}
    assert ask(kibana, "POST", f"{SIGNALS}/status", reopened).status == 200
    kibana.faults.add("alert_conflict", alerts=1, times=1)
    said = ask(kibana, "POST", f"{SIGNALS}/status", {**everything, "conflicts": "proceed"}).json
    assert (said["updated"], said["version_conflicts"]) == (2, 1)


def test_more_alerts_than_a_page_are_closed_in_one_request(kibana: Simulator) -> None:
    ids = seed(kibana, 1200)
    closed = {"query": {"term": {STATUS: "closed"}}, "size": 0, "track_total_hits": True}
    kibana.faults.add("alert_conflict", alerts=1, times=1)
    body = {"signal_ids": ids, "status": "closed", "reason": "duplicate"}
    assert ask(kibana, "POST", f"{SIGNALS}/status", body).status == 409
    found = ask(kibana, "POST", f"{SIGNALS}/search", closed).json
    assert found["hits"]["total"]["value"] == 999  # the first page but one: nothing after it
    assert _close(kibana, ids, reason="duplicate")["updated"] == 1200
    found = ask(kibana, "POST", f"{SIGNALS}/search", closed).json
    assert found["hits"]["total"]["value"] == 1200


def test_tags_are_added_and_taken_away(kibana: Simulator) -> None:
    (one,) = seed(kibana, 1, **{TAGS: ["old"]})
    body = {"ids": [one], "tags": {"tags_to_add": ["new", "new"], "tags_to_remove": ["old"]}}
    assert ask(kibana, "POST", f"{SIGNALS}/tags", body).json["updated"] == 1
    assert stored(kibana, one)[TAGS] == ["new"]
    both = {"ids": [one], "tags": {"tags_to_add": ["x"], "tags_to_remove": ["x"]}}
    assert ask(kibana, "POST", f"{SIGNALS}/tags", both).status == 400
    nobody = {"ids": [], "tags": {"tags_to_add": ["x"], "tags_to_remove": []}}
    assert ask(kibana, "POST", f"{SIGNALS}/tags", nobody).status == 400


def test_alerts_are_assigned(kibana: Simulator) -> None:
    (one,) = seed(kibana, 1)
    body = {"ids": [one], "assignees": {"add": ["u_ann_0"], "remove": []}}
    assert ask(kibana, "POST", f"{SIGNALS}/assignees", body).json["updated"] == 1
    assert stored(kibana, one)["kibana.alert.workflow_assignee_ids"] == ["u_ann_0"]


def test_search_passes_on_what_its_schema_has(kibana: Simulator) -> None:
    ids = seed(kibana, 3)
    body = {"size": 2, "sort": [{"kibana.alert.uuid": "asc"}], "_source": False}
    first = ask(kibana, "POST", f"{SIGNALS}/search", body).json["hits"]["hits"]
    assert [hit["_id"] for hit in first] == ids[:2]
    again = ask(kibana, "POST", f"{SIGNALS}/search", {**body, "search_after": first[-1]["sort"]})
    assert [hit["_id"] for hit in again.json["hits"]["hits"]] == ids[:2]
    assert (f"{SIGNALS}/search", "search_after") in kibana.stripped
    assert ask(kibana, "POST", f"{SIGNALS}/search", {}).status == 400
    wrong = ask(kibana, "POST", f"{SIGNALS}/search", {"query": {"nonsense": {}}})
    assert (wrong.status, wrong.json["status_code"]) == (400, 400)


def test_an_older_mapping_behind_the_alias_cannot_be_sorted_by_the_time_of_closing(
    kibana: Simulator,
) -> None:
    seed(kibana, 1)
    old = alerts_index.add_older(kibana.cluster, kibana.home, "8.9")
    store(kibana, {"z1": alert(kibana, "z1")}, old)
    _close(kibana, ["z1", "a00000"], reason="duplicate")
    by_time = {"sort": [{UPDATED: "asc"}]}
    found = ask(kibana, "POST", f"{SIGNALS}/search", by_time).json
    assert found["_shards"]["failed"] == 1
    lenient = {"sort": [{UPDATED: {"order": "asc", "unmapped_type": "date"}}]}
    found = ask(kibana, "POST", f"{SIGNALS}/search", lenient).json
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["a00000", "z1"]
    assert stored(kibana, "z1")[UPDATED]


def test_index_privileges_count_beside_kibanas(kibana: Simulator) -> None:
    (one,) = seed(kibana, 1)
    body = {"signal_ids": [one], "status": "closed"}
    feature = {
        "application": "kibana-.kibana",
        "privileges": ["feature_securitySolutionAlertsV1.all"],
    }
    names = [alerts_index.alias(kibana.home)]
    behind = f".internal.alerts-security.alerts-{kibana.home}-*"
    rights = ["read", "write", "maintenance"]
    for indices, lacks in (
        ({"names": names, "privileges": ["read"]}, "write"),
        ({"names": names, "privileges": rights}, "write"),
        ({"names": [*names, behind], "privileges": ["read", "write"]}, "maintenance"),
        ({"names": [*names, behind], "privileges": rights}, None),
    ):
        role = {"applications": [{**feature, "resources": ["*"]}], "indices": [indices]}
        key = kibana.accounts.add_key("narrow", {"role": role})[1]
        answer = ask(kibana, "POST", f"{SIGNALS}/status", body, key=key)
        assert answer.status == (403 if lacks else 200), indices
        assert lacks is None or f"[{lacks},all]" in answer.json["message"]


def test_a_body_of_more_than_a_mebibyte_is_413(kibana: Simulator) -> None:
    body = {"signal_ids": ["a" * 64] * 16_000, "status": "closed"}
    refused = ask(kibana, "POST", f"{SIGNALS}/status", body)
    assert (refused.status, "1048576" in refused.json["message"]) == (413, True)


def test_what_kibana_leaves_out_in_silence_is_noted(kibana: Simulator) -> None:
    (one,) = seed(kibana, 1)
    _close(kibana, [one], closeReason="duplicate")
    assert kibana.stripped == [(f"{SIGNALS}/status", "closeReason")]
    runtime = {"query": {"match_all": {}}, "status": "open", "runtime_fields": {"x": "keyword"}}
    assert ask(kibana, "POST", f"{SIGNALS}/status", runtime).status == 400
