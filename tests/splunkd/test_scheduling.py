"""Scheduled searches run when they are due, raise alerts and do their actions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator
from tests.splunkd.spl import engine
from tests.splunkd.test_sdk import connected

NOW = 1700000100.0  # a whole number of five minutes

_ACTION = """
import csv, gzip, json, sys
payload = json.load(sys.stdin)
with gzip.open(payload["results_file"], "rt", newline="") as file:
    rows = list(csv.DictReader(file))
if payload["configuration"].get("fail"):
    sys.exit("the action failed")
with open(payload["configuration"]["out"], "a") as out:
    said = {"rows": rows, **payload["configuration"], "argv": sys.argv[1:]}
    said |= {"search_name": payload["search_name"], "key": payload["session_key"]}
    out.write(json.dumps(said) + "\\n")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with an alert action that writes down what it was given."""
    folder = tmp_path / "noting"
    (folder / "default").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "default" / "app.conf").write_text("[package]\nid = noting\n")
    action = "[note]\nis_custom = 1\npayload_format = json\nparam.kind = plain\n"
    (folder / "default" / "alert_actions.conf").write_text(action)
    (folder / "bin" / "note.py").write_text(_ACTION)
    return folder


@pytest.fixture
def simulator(app: Path) -> Iterator[Simulator]:
    """With that app and Enterprise Security."""
    with running(Options(apps=(app,), enterprise_security=True, now=NOW)) as made:
        yield made


def scheduled(simulator: Simulator, name: str = "R", **given: object) -> Any:  # noqa: ANN401
    """A saved search that runs every five minutes over the index times since the last run."""
    values = {
        "is_scheduled": "1",
        "cron_schedule": "*/5 * * * *",
        "dispatch.earliest_time": "0",
        "dispatch.latest_time": "now",
        "dispatch.index_earliest": "-5m@m",
        "dispatch.index_latest": "now",
        "alert_type": "number of events",
        "alert_comparator": "greater than",
        "alert_threshold": "0",
    }
    search = "search index=main | table n user _time"
    return connected(simulator).saved_searches.create(name, search, **{**values, **given})


def found(simulator: Simulator, search: str) -> list[engine.Shown]:
    """What a search shows."""
    return list(engine.start(simulator.head, search).shown())


def events(simulator: Simulator, *numbers: int) -> None:
    """An event for each number, now."""
    simulator.add_events({"raw": {"n": n, "user": f"u{n % 2}"}} for n in numbers)


def test_nothing_runs_before_it_is_due(simulator: Simulator) -> None:
    scheduled(simulator)
    simulator.clock.advance(299)
    assert simulator.run_due() == []
    simulator.clock.advance(1)
    assert [(run.search, run.scheduled) for run in simulator.run_due()] == [("R", NOW + 300)]
    assert simulator.run_due() == []


def test_a_run_sees_its_own_index_times_alone(simulator: Simulator) -> None:
    scheduled(simulator)
    events(simulator, 1)
    simulator.clock.advance(300)
    events(simulator, 2)
    simulator.clock.advance(300)
    runs = simulator.run_due()
    assert [(run.scheduled, run.results) for run in runs] == [(NOW + 600, 1)]


def test_a_continuous_schedule_makes_up_what_was_missed(simulator: Simulator) -> None:
    scheduled(simulator, realtime_schedule="0")
    simulator.clock.advance(60)
    events(simulator, 1)
    simulator.clock.advance(900)
    assert [run.results for run in simulator.run_due()] == [1, 0, 0]


def test_a_custom_action_gets_its_payload_and_results(simulator: Simulator, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    given = {
        "actions": "note",
        "action.note.param.out": str(out),
        "action.note.param.who": "$user$",
    }
    made = scheduled(simulator, **given)
    assert made.content["actions"] == "note"
    events(simulator, 1, 2)
    simulator.clock.advance(300)
    (run,) = simulator.run_due()
    assert (run.status, run.raised, run.actions) == ("success", True, {"note": ""})
    said = json.loads(out.read_text())
    assert said["argv"] == ["--execute"]
    assert (said["kind"], said["who"], said["search_name"]) == ("plain", "u0", "R")
    assert [row["n"] for row in said["rows"]] == ["2", "1"]
    answer = requests.get(
        f"{simulator.url}/services/authentication/current-context?output_mode=json",
        headers={"Authorization": f"Splunk {said['key']}"},
        timeout=10,
    )
    assert answer.json()["entry"][0]["content"]["username"] == "admin"


def test_an_action_that_fails_is_told(simulator: Simulator) -> None:
    scheduled(simulator, actions="note", **{"action.note.param.fail": "1"})
    events(simulator, 1)
    simulator.clock.advance(300)
    (run,) = simulator.run_due()
    assert "the action failed" in run.actions["note"]


def test_a_disabled_search_does_not_run_and_catches_nothing_up(simulator: Simulator) -> None:
    made = scheduled(simulator, realtime_schedule="0")
    made.disable()
    simulator.clock.advance(900)
    assert simulator.run_due() == []
    made.enable()
    simulator.clock.advance(300)
    assert len(simulator.run_due()) == 1


def test_throttling_holds_back_what_has_the_same_fields(simulator: Simulator) -> None:
    scheduled(
        simulator,
        actions="notable",
        **{"alert.suppress": "1", "alert.suppress.fields": "user", "alert.suppress.period": "10m"},
    )
    for n in (0, 1, 2, 3):
        events(simulator, n)
        simulator.clock.advance(300)
        simulator.run_due()
    assert [row["n"] for row in found(simulator, "search index=notable | sort n")] == [
        "0", "1", "2", "3",
    ]  # fmt: skip
    events(simulator, 5)
    simulator.clock.advance(300)
    assert not simulator.run_due()[0].raised


def test_a_finding_carries_the_row_and_can_be_judged(simulator: Simulator) -> None:
    label = {"action.notable.param.rule_title": "n is $n$", "action.notable.param.severity": "high"}
    scheduled(simulator, "Scoreback - x - Rule", actions="notable", **label)
    events(simulator, 7)
    simulator.clock.advance(300)
    simulator.run_due()
    (finding,) = found(
        simulator, "search index=notable | table event_id rule_title severity n source"
    )
    assert (finding["rule_title"], finding["n"], finding["severity"]) == ("n is 7", "7", "high")
    assert finding["source"] == "Scoreback - x - Rule"
    session = requests.Session()
    session.auth = ("admin", "changed!")
    given = {"ruleUIDs": finding["event_id"], "status": "5", "disposition": "disposition:1"}
    answer = session.post(f"{simulator.url}/services/notable_update", data=given, timeout=10)
    assert answer.json()["success_count"] == 1
    unknown = session.post(
        f"{simulator.url}/services/notable_update", data={**given, "ruleUIDs": "no"}, timeout=10
    )
    assert unknown.json()["success_count"] == 0
    (row,) = found(simulator, f"| inputlookup incident_review_lookup where time>={NOW}")
    assert (row["rule_id"], row["disposition"]) == (finding["event_id"], "disposition:1")
    assert row["reviewer"] == "admin"


def test_risk_is_written_for_each_object_of_a_row(simulator: Simulator) -> None:
    objects = [
        {"risk_object_field": "user", "risk_object_type": "user", "risk_score": 40},
        {"risk_object_field": "host", "risk_object_type": "system", "risk_score": 10},
        {"threat_object_field": "n", "threat_object_type": "other"},
    ]
    given = {
        "action.risk.param._risk": json.dumps(objects),
        "action.risk.param._risk_message": "m $n$",
    }
    scheduled(simulator, actions="risk", **given)
    events(simulator, 3)
    simulator.clock.advance(300)
    simulator.run_due()
    (row,) = found(simulator, "search index=risk | table risk_* threat_object")
    assert row == {
        "risk_message": "m 3", "risk_object": "u1", "risk_object_type": "user", "risk_score": "40",
        "threat_object": ["3"],
    }  # fmt: skip


def test_a_skipped_run_is_told_in_the_scheduler_log(simulator: Simulator) -> None:
    scheduled(simulator, realtime_schedule="0")
    simulator.faults.add("skip_scheduled", times=1)
    simulator.clock.advance(300)
    assert [run.status for run in simulator.run_due()] == ["skipped"]
    simulator.faults.add("queue_scheduled", times=1)
    simulator.clock.advance(300)
    assert simulator.run_due() == []
    assert [run.scheduled for run in simulator.run_due()] == [NOW + 600]
    log = "search index=_internal sourcetype=scheduler | table status savedsearch_name"
    assert {row["status"] for row in found(simulator, log)} == {"skipped", "deferred", "success"}


def test_a_tracked_alert_is_listed(simulator: Simulator) -> None:
    made = scheduled(simulator, **{"alert.track": "1"})
    events(simulator, 1)
    simulator.clock.advance(300)
    simulator.run_due()
    assert made.refresh().alert_count == 1
    groups = connected(simulator).fired_alerts
    assert {group.name: group.count for group in groups} == {"-": 1, "R": 1}
    assert len(made.history()) == 1
