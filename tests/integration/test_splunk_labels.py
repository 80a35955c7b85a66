"""Verdicts of Enterprise Security, on the simulator of splunkd: no real one has confirmed them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.wire.export import search
from scoreback.deployment import Delivery
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import LabelQuery, Verdict
from scoreback.service.recalling.taken_back import LABELLER, TAG, VERDICT
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.own_closures import OwnClosure, record
from scoreback.service.state.workspace_state import State
from tests.integration.splunk_things import NOW, rule, scores
from tests.splunkd.connection import APP, connected
from tests.splunkd.enterprise_security import APP as SUITE
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

RULE = rule(delivery=Delivery.FINDING)
HOUR, ROUND = timedelta(hours=1), 300.0
QUERY = LabelQuery(detector="exfil-dns", entity="source.ip", since=NOW - 9 * 24 * HOUR)
TRUE, BENIGN, FALSE, INACCURATE, OTHER, UNDETERMINED = (f"disposition:{n}" for n in range(1, 7))
NEW, WORK, RESOLVED, CLOSED = "1", "2", "4", "5"
Label = tuple[object, ...]


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    options = Options(apps=(APP,), now=NOW.timestamp(), enterprise_security=True)
    with running(options) as simulator:
        for name in ("ann", "bob"):
            simulator.add_user(name, "secret-of-" + name, ["ess_analyst"])
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk, "splunk") as found:
        found.rules.apply(RULE)
        yield found


def raised(splunk: Simulator, connector: SplunkConnector, *events: str) -> dict[str, str]:
    """The findings of our rule on *events*, by event."""
    rows = [(event, NOW - HOUR, f"10.0.0.{n}") for n, event in enumerate(events)]
    connector.scores.write(scores(rows), at=NOW)
    splunk.run_until(splunk.clock.now() + 2 * ROUND)
    found = search(connector.client, "search index=notable | table event_id scoreback_event_id")
    return {row["scoreback_event_id"]: row["event_id"] for row in found}


def review(splunk: Simulator, who: str, finding: str, **said: str) -> None:
    """What *who* does with a finding, through Enterprise Security's own endpoint, a minute on."""
    splunk.clock.advance(60)
    answer = requests.post(
        f"{splunk.url}/services/notable_update", auth=(who, "secret-of-" + who),
        data={"ruleUIDs": finding, **said}, timeout=30,
    )  # fmt: skip
    assert answer.json()["success_count"] == 1, answer.text


def labels(connector: SplunkConnector, query: LabelQuery = QUERY) -> list[Label]:
    return [
        (row["event_id"] or row["entity"], row["verdict"], row["labeller"], row["withdrawn"])
        for batch in connector.labels.read(query)
        for row in batch.batch.to_pylist()
    ]


@pytest.mark.parametrize(
    ("disposition", "verdict"),
    [(TRUE, "true_positive"), (BENIGN, "benign_positive"), (FALSE, "false_positive"),
     (INACCURATE, "false_positive"), (OTHER, "undetermined"), (UNDETERMINED, "undetermined")],
)  # fmt: skip
def test_a_closed_finding_of_ours_is_a_label_of_the_event(
    splunk: Simulator, connector: SplunkConnector, disposition: str, verdict: str
) -> None:
    finding = raised(splunk, connector, "e1")["e1"]
    review(splunk, "ann", finding, status=WORK, newOwner="ann")
    assert labels(connector) == []
    review(splunk, "ann", finding, status=CLOSED, disposition=disposition)
    assert labels(connector) == [("e1", verdict, "ann", False)]
    (alert,) = connector.alerts.find()
    assert (alert.verdict, alert.labeller, alert.touched) == (verdict, "ann", True)
    assert not list(connector.alerts.find(AlertQuery(still_open=True)))


def test_all_verdicts_ever_can_be_asked_for(splunk: Simulator, connector: SplunkConnector) -> None:
    finding = raised(splunk, connector, "e1")["e1"]
    review(splunk, "ann", finding, status=CLOSED, disposition=TRUE)
    ever = replace(QUERY, since=datetime(1970, 1, 1, tzinfo=UTC))
    assert labels(connector, ever) == [("e1", "true_positive", "ann", False)]


def test_reopening_withdraws_and_a_comment_is_no_verdict(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    finding = raised(splunk, connector, "e1")["e1"]
    review(splunk, "ann", finding, status=CLOSED, disposition=FALSE)
    review(splunk, "bob", finding, comment='really? | delete "x"')
    review(splunk, "bob", finding, status=WORK)
    review(splunk, "bob", finding, status=RESOLVED, disposition=TRUE)
    assert labels(connector) == [
        ("e1", "false_positive", "ann", False),
        ("e1", "false_positive", "ann", True),
        ("e1", "true_positive", "bob", False),
    ]


def test_labels_are_read_from_where_one_stopped_without_gap_or_repeat(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    findings = raised(splunk, connector, "e1", "e2", "e3")
    for n, event in enumerate(("e1", "e2", "e3")):
        review(splunk, "ann", findings[event], status=CLOSED, disposition=(TRUE, FALSE, BENIGN)[n])
    whole = labels(connector)
    times = [row["label_time"] for b in connector.labels.read(QUERY) for row in b.batch.to_pylist()]
    assert times == sorted(times)
    parts: list[Label] = []
    bounds = [QUERY.since, *times[1:], NOW + 9 * 24 * HOUR]
    for since, until in pairwise(bounds):
        parts += labels(connector, replace(QUERY, since=since, until=until))
    assert parts == whole
    assert len(whole) == 3
    assert labels(connector, replace(QUERY, rules=("exfil-dns",))) == whole
    assert labels(connector, replace(QUERY, rules=("other",))) == []


def test_a_disposition_of_ones_own_counts_as_the_settings_say(splunk: Simulator) -> None:
    row = {"_key": "disposition:7", "disposition": "disposition:7", "label": "Red team",
           "status": "enabled"}  # fmt: skip
    splunk.head.kv.put(SUITE, "dispositions", row)
    with connected(splunk, "splunk", dispositions={"red team": "true_positive"}) as own:
        own.rules.apply(RULE)
        finding = raised(splunk, own, "e1")["e1"]
        review(splunk, "ann", finding, status=CLOSED, disposition="disposition:7")
        assert labels(own) == [("e1", "true_positive", "ann", False)]
    with connected(splunk, "splunk") as other:
        assert labels(other) == [("e1", "undetermined", "ann", False)]


def foreign(splunk: Simulator, finding: str, at: datetime, **fields: str) -> None:
    """A finding of somebody else's detection, which names no event of ours."""
    about = {"event_id": finding, "search_name": "Threat - Beacon - Rule", **fields}
    raw = ", ".join(f'{name}="{value}"' for name, value in about.items())
    splunk.add_events(
        [{"raw": raw, "index": "notable", "sourcetype": "stash", "time": at.timestamp(),
          "fields": about}]
    )  # fmt: skip


def test_a_finding_that_names_no_event_is_about_an_entity_around_its_time(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    foreign(splunk, "guid@@notable@@1", NOW - HOUR, src="10.9.9.9")
    foreign(splunk, "guid@@notable@@2", NOW - HOUR, risk_object="10.8.8.8",
            risk_object_type="system")  # fmt: skip
    foreign(splunk, "guid@@notable@@3", NOW - HOUR, risk_object="ann", risk_object_type="user")
    for n in (1, 2, 3):
        review(splunk, "ann", f"guid@@notable@@{n}", status=CLOSED, disposition=TRUE)
    assert labels(connector) == []  # without a window nobody can say what is meant
    wide = replace(QUERY, window=HOUR)
    rows = [row for b in connector.labels.read(wide) for row in b.batch.to_pylist()]
    assert [(r["entity"], r["since"], r["until"]) for r in rows] == [
        ("10.9.9.9", NOW - 2 * HOUR, NOW), ("10.8.8.8", NOW - 2 * HOUR, NOW),
    ]  # fmt: skip
    assert {r["rule"] for r in rows} == {"Threat - Beacon - Rule"}
    assert rows[0]["alert_id"] == "guid@@notable@@1"


def test_the_verdict_on_an_investigation_is_one_on_each_of_its_findings(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    findings = raised(splunk, connector, "e1", "e2")
    splunk.head.investigations.append(
        {
            "investigation_guid": "i1", "investigation_id": "ES-1", "name": "case",
            "status": CLOSED, "disposition": TRUE, "owner": "bob",
            "create_time": splunk.clock.now(), "update_time": splunk.clock.now(),
            "findings": [{"finding_id": findings[event]} for event in ("e1", "e2")],
        }
    )  # fmt: skip
    splunk.head.investigations.append(
        {
            "investigation_guid": "i2", "status": WORK, "disposition": FALSE, "owner": "bob",
            "create_time": 0, "update_time": splunk.clock.now(),
            "findings": [{"finding_id": findings["e1"]}],
        }
    )  # fmt: skip
    assert sorted(labels(connector)) == [
        ("e1", "true_positive", "bob", False), ("e2", "true_positive", "bob", False),
    ]  # fmt: skip


def test_an_investigation_that_is_opened_again_ends_its_verdicts_alone(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    findings = raised(splunk, connector, "e1", "e2", "e3")
    review(splunk, "ann", findings["e2"], status=CLOSED, disposition=FALSE)
    at = splunk.clock.now()

    def investigated(name: str, *events: str, **more: object) -> dict[str, object]:
        about = {"investigation_guid": name, "owner": "bob", "create_time": at, "update_time": at}
        listed = [{"finding_id": findings[event]} for event in events]
        splunk.head.investigations.append({**about, "findings": listed, **more})
        return splunk.head.investigations[-1]

    first = investigated("i1", "e1", "e2", "e3", status=CLOSED, disposition=TRUE)
    investigated("i2", "e3", status=CLOSED, disposition=BENIGN)
    given = labels(connector)
    splunk.clock.advance(60)
    first |= {"status": WORK, "update_time": splunk.clock.now()}
    rows = [row for b in connector.labels.read(QUERY) for row in b.batch.to_pylist()]
    ends = [row for row in rows if row["withdrawn"]]
    assert [(row["alert_id"], row["event_id"], row["entity"]) for row in ends] == [
        (alert_on(connector, "e1"), None, None)
    ]  # the others were judged elsewhere, too
    assert ends[0]["label_time"].timestamp() == splunk.clock.now()
    assert ("e1", "true_positive", "bob", False) in given
    assert ("e1", "true_positive", "bob", False) not in labels(connector)
    first |= {"status": CLOSED, "disposition": UNDETERMINED}
    assert [row[3] for row in labels(connector) if row[0] is None] == [True]
    first |= {"disposition": TRUE}
    assert sorted(labels(connector)) == sorted(given)


def alert_on(connector: SplunkConnector, event: str) -> str:
    (alert,) = (alert for alert in connector.alerts.find() if alert.event_id == event)
    return alert.alert_id


def test_our_own_closing_reaches_the_finding_and_is_told_once_by_its_labeller(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    raised(splunk, connector, "e1")
    (alert,) = connector.alerts.find()
    connector.alerts.close(alert.alert_id, Verdict.BENIGN_POSITIVE, labeller="ada", at=NOW)
    (last,) = search(connector.client, "| inputlookup incident_review_lookup")
    assert (last["status"], last["disposition"]) == (CLOSED, BENIGN)
    assert last["comment"].startswith("ada: benign_positive")
    assert labels(connector) == [("e1", "benign_positive", "ada", False)]
    connector.alerts.close(alert.alert_id, Verdict.BENIGN_POSITIVE, labeller="ada", at=NOW)
    assert len(search(connector.client, "| inputlookup incident_review_lookup")) == 1
    opened = connector.alerts.reopen(alert.alert_id, at=NOW + HOUR)
    assert opened.verdict is None
    assert labels(connector) == [
        ("e1", "benign_positive", "ada", False), ("e1", "benign_positive", "ada", True),
    ]  # fmt: skip


def test_an_analyst_who_reopens_takes_back_what_we_closed(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    finding = raised(splunk, connector, "e1")["e1"]
    (alert,) = connector.alerts.find()
    connector.alerts.close(alert.alert_id, Verdict.FALSE_POSITIVE, labeller="ada", at=NOW)
    review(splunk, "bob", finding, status=WORK)
    assert labels(connector) == [
        ("e1", "false_positive", "ada", False), ("e1", "false_positive", "ada", True),
    ]  # fmt: skip
    (alert,) = connector.alerts.find(AlertQuery(still_open=True))
    assert alert.touched


def test_a_tag_is_no_touch_of_an_analyst(splunk: Simulator, connector: SplunkConnector) -> None:
    raised(splunk, connector, "e1")
    (alert,) = connector.alerts.find()
    assert connector.alerts.tag([alert.alert_id], "withdrawn version") == 1
    (alert,) = connector.alerts.find()
    assert (alert.tags, alert.touched) == (("withdrawn version",), False)


def test_a_user_who_may_not_edit_findings_is_told_what_is_missing(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    raised(splunk, connector, "e1")
    splunk.faults.add("refuse", path="*/notable_update", status=403)
    (alert,) = connector.alerts.find()
    with pytest.raises(SiemRefused, match="403"):
        connector.alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=NOW)
    assert labels(connector) == []


def test_an_export_that_gives_nothing_is_no_lack_of_verdicts(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    finding = raised(splunk, connector, "e1")["e1"]
    review(splunk, "ann", finding, status=CLOSED, disposition=TRUE)
    splunk.faults.add("empty_export", times=1)
    assert labels(connector) == [("e1", "true_positive", "ann", False)]
    splunk.faults.add("empty_export")
    with pytest.raises(SiemUnavailable):
        labels(connector)


def comments(connector: SplunkConnector, finding: str) -> list[str]:
    rows = search(connector.client, "| inputlookup incident_review_lookup | fields - _*")
    return [row.get("comment", "") for row in rows if row["rule_id"] == finding]


def test_a_tag_is_noted_in_the_reviews_of_findings_once_and_is_nobodys_word(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    findings = raised(splunk, connector, "e1", "e2", "e3")
    alerts = {alert.event_id: alert.alert_id for alert in connector.alerts.find()}
    review(splunk, "ann", findings["e3"], status=WORK, newOwner="ann")
    for wanted in (2, 0):
        splunk.clock.advance(60)
        assert connector.alerts.tag([alerts["e1"], alerts["e2"]], TAG) == wanted
    said = f"tagged {TAG} [scoreback]"
    assert [comments(connector, findings[e]) for e in ("e1", "e2", "e3")] == [[said], [said], [""]]
    assert labels(connector) == []
    found = {alert.event_id: alert for alert in connector.alerts.find()}
    assert [(found[e].tags, found[e].touched) for e in sorted(found)] == [
        ((TAG,), False), ((TAG,), False), ((), True),
    ]  # fmt: skip
    splunk.clock.advance(60)
    assert connector.alerts.untag([alerts["e1"]], TAG) == 1
    splunk.clock.advance(60)
    assert connector.alerts.tag([alerts["e1"]], TAG) == 1
    assert comments(connector, findings["e1"]) == [said, f"un{said}", said]


def test_a_tagging_that_broke_off_before_the_rows_notes_nothing_twice(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    findings = raised(splunk, connector, "e1", "e2")
    alerts = [alert.alert_id for alert in connector.alerts.find()]
    splunk.faults.add("refuse", path="*/storage/collections/data/scoreback_alerts*", method="POST")
    with pytest.raises((SiemUnavailable, SiemRefused)):
        connector.alerts.tag(alerts, TAG)
    splunk.faults.clear()
    splunk.clock.advance(60)
    assert connector.alerts.tag(alerts, TAG) == 2
    for finding in findings.values():
        assert comments(connector, finding) == [f"tagged {TAG} [scoreback]"]


def test_who_may_not_edit_findings_tags_alerts_all_the_same(
    splunk: Simulator, connector: SplunkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    raised(splunk, connector, "e1")
    (alert,) = connector.alerts.find()
    splunk.faults.add("refuse", path="*/notable_update", status=403)
    assert connector.alerts.tag([alert.alert_id], TAG) == 1
    assert "findings got no comment" in caplog.text
    (alert,) = connector.alerts.find()
    assert alert.tags == (TAG,)


def test_what_a_rollback_closed_is_closed_for_analysts_and_becomes_no_label(
    splunk: Simulator, connector: SplunkConnector, tmp_path: Path
) -> None:
    findings = raised(splunk, connector, "e1", "e2")
    (one, two) = connector.alerts.find()
    connector.alerts.tag([one.alert_id, two.alert_id], TAG)
    now = NOW + HOUR
    with State.open(tmp_path / "state") as state:
        closed = connector.alerts.close(one.alert_id, VERDICT, labeller=LABELLER, at=now)
        assert closed.closed_at is not None
        own = OwnClosure(
            connection="splunk", alert_id=one.alert_id, verdict=VERDICT, closed_at=closed.closed_at
        )
        record(state, [own])
        review(splunk, "ann", findings[two.event_id], status=CLOSED, disposition=FALSE)
        ledger = LabelLedger(state, "splunk")
        until = NOW + 9 * HOUR
        ledger.sync(connector.labels.read, QUERY, as_of=until, now=until)
        learnt = ledger.labels(QUERY.detector, since=QUERY.since, as_of=until).to_pylist()
    assert [(row["event_id"], row["verdict"], row["labeller"]) for row in learnt] == [
        (two.event_id, "false_positive", "ann")
    ]
    rows = search(connector.client, "| inputlookup incident_review_lookup")
    last = [row for row in rows if row["rule_id"] == findings[one.event_id]][-1]
    assert (last["status"], last["disposition"]) == (CLOSED, UNDETERMINED)
    assert not list(connector.alerts.find(AlertQuery(still_open=True)))
