"""The app's alert action, run as Splunk runs it, in front of the simulator of splunkd."""

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scoreback.naming import alert_id
from tests.packaging.splunk_app import SOURCES
from tests.packaging.splunk_pythons import VERSIONS, splunk_python
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

NOON = 1_772_366_400.0  # 2026-03-01T12:00:00Z
SCRIPT = SOURCES / "bin" / "scoreback_alert.py"
FIELDS = (
    "scoreback_score_id", "scoreback_event_id", "orig_time", "scoreback_entity",
    "scoreback_detector", "scoreback_version", "scoreback_score", "event_risk_score",
    "scoreback_reasons", "scoreback_chance",
)  # fmt: skip


@pytest.fixture(scope="module")
def splunk() -> Iterator[Simulator]:
    with running(Options(apps=(SOURCES,))) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _empty(splunk: Simulator) -> None:
    for name in ("scoreback_alerts", "scoreback_alert_hits"):
        splunk.head.kv.remove_where("scoreback", name, {}, "nobody")


def _hit(number: int, time: float = NOON, entity: str = "10.0.0.7", **more: str) -> dict[str, str]:
    hit = {
        "scoreback_score_id": f"score-{number}",
        "scoreback_event_id": f"event-{number}",
        "orig_time": f"{time:.6f}",
        "scoreback_entity": entity,
        "scoreback_detector": "alert_triage",
        "scoreback_version": "v3-1f2e3d4c",
        "scoreback_score": "0.912345",
        "event_risk_score": "61.5",
        "scoreback_reasons": '["many failed logins"]',
        "scoreback_chance": "0.0625",
    }
    return hit | more


class Run:
    """Runs of one rule's alert action."""

    def __init__(self, splunk: Simulator, folder: Path, python: str = sys.executable) -> None:
        self._splunk, self._folder, self._python = splunk, folder, python
        self.parameters = {
            "rule": "alert triage", "detector": "alert_triage", "severity": "high",
            "per_entity": "2", "throttle": "600", "digest": "d", "owner": "soc@example.org",
        }  # fmt: skip
        self.key = splunk.head.accounts.session_of("admin")

    def __call__(self, *hits: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        results = self._folder / "results.csv.gz"
        with gzip.open(results, "wt", newline="") as lines:
            writer = csv.DictWriter(lines, FIELDS, restval="")
            writer.writeheader()
            writer.writerows(hits)
        return self.told(
            {
                "app": "scoreback",
                "owner": "nobody",
                "search_name": "Scoreback - x - Rule",
                "results_file": str(results),
                "server_uri": self._splunk.url,
                "session_key": self.key,
                "sid": "scheduler__1",
                "configuration": self.parameters,
            }
        )

    def told(self, payload: object) -> subprocess.CompletedProcess[str]:
        command = [self._python, "-B", str(SCRIPT), "--execute"]
        return subprocess.run(
            command, input=json.dumps(payload), capture_output=True, text=True, check=False
        )

    def opened(self, *hits: Mapping[str, str]) -> list[dict[str, Any]]:
        done = self(*hits)
        assert done.returncode == 0, done.stderr
        return self.alerts

    @property
    def alerts(self) -> list[dict[str, Any]]:
        found = self._splunk.head.kv.documents("scoreback", "scoreback_alerts", "nobody")
        return sorted(found, key=lambda row: float(row["event_time"]))

    @property
    def hits(self) -> dict[str, str]:
        """The alert of each score."""
        found = self._splunk.head.kv.documents("scoreback", "scoreback_alert_hits", "nobody")
        return {row["score_id"]: row["alert_id"] for row in found}


@pytest.fixture
def run(splunk: Simulator, tmp_path: Path) -> Run:
    return Run(splunk, tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hit_opens_an_alert_whichever_python_splunk_has(
    version: str, splunk: Simulator, tmp_path: Path
) -> None:
    python = splunk_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    (alert,) = Run(splunk, tmp_path, python).opened(_hit(1, NOON + 0.123456))
    raised = alert.pop("raised_at")
    assert raised > NOON
    assert {key: value for key, value in alert.items() if key != "_user"} == {
        "_key": alert_id("alert triage", "score-1"),
        "alert_id": alert_id("alert triage", "score-1"),
        "rule": "alert triage", "delivery": "alert", "detector": "alert_triage",
        "version": "v3-1f2e3d4c", "entity": "10.0.0.7", "event_id": "event-1",
        "event_time": NOON + 0.123456, "score": 0.912345, "risk": 61.5, "severity": "high",
        "reasons": '["many failed logins"]', "chance": 0.0625, "status": "open", "tags": [],
        "touched": False,
    }  # fmt: skip


def test_the_same_results_again_change_nothing(run: Run) -> None:
    hits = [_hit(n, NOON + n * 700) for n in range(4)]
    first = run.opened(*hits)
    members = run.hits
    assert run.opened(*hits) == first
    assert run.hits == members


def test_hits_join_by_throttle_and_cap(run: Run) -> None:
    run.opened(_hit(1), _hit(2, NOON + 599), _hit(3, NOON + 600), _hit(4, NOON + 4000))
    one, three = alert_id("alert triage", "score-1"), alert_id("alert triage", "score-3")
    assert run.hits == {"score-1": one, "score-2": one, "score-3": three, "score-4": three}


def test_a_later_run_joins_the_alerts_of_an_earlier_one(run: Run) -> None:
    run.opened(_hit(1))
    run.opened(_hit(2, NOON + 60))
    assert len(run.alerts) == 1
    assert set(run.hits.values()) == {alert_id("alert triage", "score-1")}


def test_a_run_that_broke_off_before_its_hits_were_written_is_made_good(
    run: Run, splunk: Simulator
) -> None:
    hits = [_hit(1), _hit(2, NOON + 60)]
    before = run.opened(*hits)
    splunk.head.kv.remove_where("scoreback", "scoreback_alert_hits", {}, "nobody")
    assert run.opened(*hits) == before
    assert len(run.hits) == 2


def test_an_alert_that_an_analyst_has_closed_stays_closed(run: Run, splunk: Simulator) -> None:
    (alert,) = run.opened(_hit(1))
    closed = {**alert, "status": "closed", "verdict": "false_positive", "touched": True}
    splunk.head.kv.put("scoreback", "scoreback_alerts", closed, "nobody")
    splunk.head.kv.remove_where("scoreback", "scoreback_alert_hits", {}, "nobody")
    (again,) = run.opened(_hit(1), _hit(2, NOON + 5))
    assert (again["status"], again["verdict"], again["touched"]) == (
        "closed", "false_positive", True,
    )  # fmt: skip


def test_hits_are_forgotten_after_a_quarter_and_then_open_nothing_twice(
    run: Run, splunk: Simulator
) -> None:
    first = run.opened(_hit(1), _hit(2, NOON + 60))
    for row in splunk.head.kv.documents("scoreback", "scoreback_alert_hits", "nobody"):
        long_ago = {**row, "recorded_at": row["recorded_at"] - 90 * 86_400}
        splunk.head.kv.put("scoreback", "scoreback_alert_hits", long_ago, "nobody")
    run.parameters["rule"] = "another"
    run.opened(_hit(3))
    assert set(run.hits) == {"score-3"}
    run.parameters["rule"] = "alert triage"
    run.opened(_hit(1), _hit(2, NOON + 60))
    assert [alert for alert in run.alerts if alert["rule"] == "alert triage"] == first


def test_a_hit_without_an_entity_is_an_alert_of_its_own(run: Run) -> None:
    alerts = run.opened(*(_hit(n, NOON + n, entity="") for n in range(3)))
    assert [alert["entity"] for alert in alerts] == [None] * 3


def test_what_enterprise_security_has_throttled_is_not_throttled_again(run: Run) -> None:
    run.parameters |= {"delivery": "finding"}
    assert len(run.opened(*(_hit(n, NOON + n) for n in range(5)))) == 5
    assert len(run.hits) == 5


def test_another_rule_with_the_same_scores_has_its_own_alerts(run: Run) -> None:
    run.opened(_hit(1))
    run.parameters["rule"] = "another"
    assert len(run.opened(_hit(1))) == 2


def test_text_that_means_something_elsewhere_is_only_text(run: Run) -> None:
    entity = 'a"b\\c | delete $ne, "x"\nnext line'
    (alert,) = run.opened(_hit(1, entity=entity))
    assert alert["entity"] == entity
    run.opened(_hit(2, NOON + 1, entity=entity))
    assert len(run.alerts) == 1


def test_more_hits_than_a_batch_may_hold_are_written(run: Run) -> None:
    run.opened(*(_hit(n, NOON + n / 10) for n in range(1001)))
    assert len(run.alerts) == 1
    assert len(run.hits) == 1001


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule": ""}, "the alert action's parameter rule is empty"),
        ({"throttle": "an hour"}, "parameter throttle is 'an hour', not a number"),
        ({"per_entity": "-1"}, "parameter per_entity is '-1': it must be 0 or more"),
    ],
)
def test_a_wrong_parameter_is_named(run: Run, change: dict[str, str], said: str) -> None:
    run.parameters |= change
    done = run(_hit(1))
    assert done.returncode == 4
    assert done.stderr.startswith("ERROR")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scoreback_score_id": ""}, "a result of 'alert triage' has no scoreback_score_id"),
        ({"orig_time": "yesterday"}, "has the time 'yesterday', not in epoch seconds"),
    ],
)
def test_a_wrong_result_is_named(run: Run, change: dict[str, str], said: str) -> None:
    done = run(_hit(1) | change)
    assert done.returncode == 4
    assert said in done.stderr
    assert run.alerts == []


def test_a_session_that_splunkd_does_not_know_is_told_without_its_key(run: Run) -> None:
    run.key = "no-such-session"
    done = run(_hit(1))
    assert done.returncode == 4
    assert "splunkd refused" in done.stderr
    assert run.key not in done.stderr + done.stdout


def test_what_splunk_did_not_hand_over_is_named(run: Run) -> None:
    done = run.told({"configuration": {"rule": "r"}})
    assert done.returncode == 3
    assert "'results_file'" in done.stderr


def test_started_by_hand_it_says_who_starts_it() -> None:
    done = subprocess.run(
        [sys.executable, "-B", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--execute" in done.stderr
