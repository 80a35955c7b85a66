"""Alerts and our own verdicts on the simulator of splunkd, without Enterprise Security."""

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pytest

from scoreback.connectors.doors import AlertFields, AlertQuery
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.names import ALERT_HITS, ALERTS, VERDICTS
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import LabelQuery, ScoreBatch, TimeWindow, Verdict
from tests.integration.splunk_things import NOW, put_alert, scores
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

HOUR = timedelta(hours=1)
QUERY = LabelQuery(detector="exfil-dns", entity="source.ip", since=NOW - 9 * 24 * HOUR)


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=NOW, delay=0) as simulator:
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk) as found:
        yield found


def labels(connector: SplunkConnector, query: LabelQuery = QUERY) -> list[tuple[object, ...]]:
    return [
        (row["event_id"], row["verdict"], row["labeller"], row["withdrawn"])
        for batch in connector.labels.read(query)
        for row in batch.batch.to_pylist()
    ]


def test_alerts_are_listed_by_the_time_of_their_event(connector: SplunkConnector) -> None:
    ids = [put_alert(connector, f"e{n}", NOW - n * HOUR) for n in (1, 3, 2)]
    assert [alert.event_id for alert in connector.alerts.find()] == ["e3", "e2", "e1"]
    window = TimeWindow(since=NOW - 3 * HOUR, until=NOW - HOUR)
    inside = connector.alerts.find(AlertQuery(window=window))
    assert [alert.event_id for alert in inside] == ["e3", "e2"]
    assert not list(connector.alerts.find(AlertQuery(detector="other")))
    (one,) = connector.alerts.find(AlertQuery(window=TimeWindow(since=NOW - HOUR, until=NOW)))
    assert (one.alert_id, one.touched, one.events) == (ids[0], False, 1)


def test_an_alert_stands_for_each_event_of_its_hits_once(connector: SplunkConnector) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    kv = KvStore(connector.client)
    for n, event in enumerate(("e2", "e3", "e3")):
        kv.insert(ALERT_HITS, {"_key": f"hit{n}", "alert_id": name, "event_id": event})
    (alert,) = connector.alerts.find()
    assert alert.events == 3


def test_risk_of_an_entity_is_no_alert_of_its_own(connector: SplunkConnector) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    kv = KvStore(connector.client)
    row = kv.get(ALERTS, name)
    assert row is not None
    kv.save(ALERTS, [{**row, "delivery": "risk"}])
    assert not list(connector.alerts.find())


def test_whether_an_alert_is_closed_follows_from_what_was_told_of_it(
    connector: SplunkConnector,
) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    connector.alerts.close(name, Verdict.FALSE_POSITIVE, labeller="ada", at=NOW)
    kv = KvStore(connector.client)
    row = kv.get(ALERTS, name)
    assert row is not None
    assert (row["status"], row["verdict"]) == ("closed", "false_positive")
    # Another who had read the row before writes it back as it was.
    kv.save(ALERTS, [{**row, "status": "open", "verdict": None, "labeller": None}])
    assert not list(connector.alerts.find(AlertQuery(still_open=True)))
    connector.alerts.tag([name], "seen")
    row = kv.get(ALERTS, name)
    assert row is not None
    assert (row["status"], row["tags"]) == ("closed", ["seen"])


def test_a_word_that_is_spoken_while_a_row_is_written_is_not_lost(
    connector: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    (alert,) = connector.alerts.find()
    kv = KvStore(connector.client)
    save, spoken = KvStore.save, [False]

    def interrupted(self: KvStore, collection: str, documents: list[dict[str, object]]) -> None:
        save(self, collection, documents)
        if collection == ALERTS and not spoken[0]:
            spoken[0] = True
            other = {
                "_key": "spoken", "alert_id": name, "event_id": "e1", "verdict": "true_positive",
                "label_time": NOW.timestamp(), "labeller": "eve", "withdrawn": False,
                "rule": alert.rule,
            }  # fmt: skip
            save(self, VERDICTS, [other])

    monkeypatch.setattr(KvStore, "save", interrupted)
    connector.alerts.tag([name], "seen")
    row = kv.get(ALERTS, name)
    assert row is not None
    assert (row["status"], row["labeller"]) == ("closed", "eve")


def test_verdicts_of_the_apps_page_are_labels_like_our_own(connector: SplunkConnector) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    kv = KvStore(connector.client)
    # As the app's endpoint writes it, with fields of its own.
    kv.save(
        VERDICTS,
        [{"_key": "k", "alert_id": name, "event_id": "e1", "rule": "exfil-dns",
          "detector": "exfil-dns", "verdict": "benign_positive", "label_time": NOW.timestamp(),
          "labeller": "ann", "source": "verdict", "withdrawn": False, "comment": "backup | \"x\""}],
    )  # fmt: skip
    assert labels(connector) == [("e1", "benign_positive", "ann", False)]
    connector.alerts.reopen(name, at=NOW + HOUR)
    assert labels(connector) == [
        ("e1", "benign_positive", "ann", False), ("e1", "benign_positive", "ann", True),
    ]  # fmt: skip


def test_an_alert_that_is_not_there_is_refused(connector: SplunkConnector) -> None:
    for name in ("no-such-alert", "", "a/../b", 'x" | delete'):
        with pytest.raises(SiemRefused, match="no alert has id"):
            connector.alerts.reopen(name, at=NOW)


def test_a_collection_at_its_cap_refuses_in_words(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    splunk.faults.add("kv_over_limit")
    with pytest.raises(SiemRefused, match="limits"):
        connector.alerts.close(name, Verdict.TRUE_POSITIVE, labeller="ada", at=NOW)
    splunk.faults.clear()
    assert len(list(connector.alerts.find(AlertQuery(still_open=True)))) == 1
    connector.alerts.close(name, Verdict.TRUE_POSITIVE, labeller="ada", at=NOW)
    assert labels(connector) == [("e1", "true_positive", "ada", False)]


def test_a_kv_store_that_is_off_is_told_and_nothing_is_lost(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    name = put_alert(connector, "e1", NOW - HOUR)
    splunk.faults.add("kv_off")
    with pytest.raises(SiemUnavailable):
        list(connector.alerts.find())
    with pytest.raises(SiemUnavailable):
        labels(connector)
    splunk.faults.clear()
    assert [alert.alert_id for alert in connector.alerts.find()] == [name]


def test_an_alert_has_the_fields_that_its_score_carries(connector: SplunkConnector) -> None:
    ids = [put_alert(connector, f"e{n}", NOW - n * HOUR) for n in (1, 2, 3)]
    batch = scores([(f"e{n}", NOW - n * HOUR, "10.0.0.1") for n in (1, 2)]).batch
    batch = batch.append_column("user.name", pa.array(["dana", None]))
    batch = batch.append_column("process.command_line", pa.array(['cmd /c "x"', None]))
    connector.scores.write(ScoreBatch(batch), at=NOW)
    alerts = list(connector.alerts.find())
    assert isinstance(connector.alerts, AlertFields)
    assert len(alerts) == 3
    assert connector.alerts.fields_of(alerts) == {
        ids[0]: {"user_name": "dana", "process_command_line": 'cmd /c "x"'}
    }
    assert connector.alerts.fields_of([]) == {}
