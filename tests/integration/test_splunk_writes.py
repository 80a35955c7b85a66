"""What is written to Splunk: the collector's codes, acknowledgements, copied fields, lookups.

All of it over the simulator; no real Splunk has confirmed any of it.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from scoreback.connectors.contract.data import START
from scoreback.connectors.doors import ScoreQuery
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.names import ENTITIES, ENTITIES_PENDING, EVENTS
from scoreback.connectors.splunk.wire import hec
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.failures import InDoubtError
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.multivalue import cell
from scoreback.naming import Members, unit_ref
from scoreback.records import (
    SCORE_COLUMNS,
    Enrichment,
    EventQuery,
    ScoreBatch,
    TimeWindow,
    WriteReport,
)
from tests.splunkd.connection import connected, simulated
from tests.splunkd.hec import CODES, Token
from tests.splunkd.simulator import ACK_TOKEN, Simulator

COLLECTOR = "*/collector/event"
AT = START + timedelta(hours=2)
EVER = TimeWindow(since=START - timedelta(days=9), until=START + timedelta(days=9))
TAKEN_LATER = sorted(hec._AGAIN)
REFUSED = [1, 2, 3, 4, 7, 10, 11, 14, 16]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(delay=0) as found:
        yield found


@pytest.fixture
def splunk(simulator: Simulator) -> Iterator[SplunkConnector]:
    with connected(simulator, sleep=lambda _: None, attempts=4) as found:
        yield found


def scores(
    numbers: range | list[int], *, entity: str | None = None, more: dict[str, Any] | None = None,
    **changed: object,
) -> ScoreBatch:  # fmt: skip
    """Scores of events by number, with other columns beside them, or other values."""
    rows = [
        {
            "score_id": f"s{n:05d}",
            "event_id": f"e{n:05d}",
            "event_ref": "",
            "event_time": START + timedelta(seconds=n, microseconds=123_456),
            "scored_at": START + timedelta(hours=1),
            "entity": f"host-{n}" if entity is None else entity,
            "detector": "triage",
            "version": "v1-aa",
            "stage": "live",
            "score": n / 1000,
            "risk": float(n % 100),
            "threshold": 0.5,
            "alert": n % 2 == 0,
            "reasons": '["a \\"b\\" | c"]' if n % 2 == 0 else None,
            **changed,
        }
        for n in numbers
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=SCORE_COLUMNS)
    for name, values in (more or {}).items():
        batch = batch.append_column(name, pa.array(values, pa.string()))
    return ScoreBatch(batch)


def write(splunk: SplunkConnector, batch: ScoreBatch) -> WriteReport:
    return splunk.scores.write(batch, at=AT)


def read(splunk: SplunkConnector, detector: str = "triage") -> list[dict[str, Any]]:
    query = ScoreQuery(detector=detector, window=EVER)
    return [row for batch in splunk.scores.read(query) for row in batch.batch.to_pylist()]


def raw(splunk: SplunkConnector) -> list[dict[str, Any]]:
    """The score events that are stored, repeats too."""
    spl = 'search index=scoreback sourcetype="scoreback:score" | fields *'
    return search(splunk.client, spl)


def test_a_score_is_read_as_it_was_written(splunk: SplunkConnector) -> None:
    batch = scores(range(1000))
    assert write(splunk, batch) == WriteReport(written=1000)
    assert read(splunk) == batch.batch.to_pylist()


def test_an_event_of_a_score_has_flat_names_and_its_times_exactly(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    more = {
        "source.ip": ["10.0.0.1"], "rule.name": ['a "rule"'], "dns.answers": [cell(["a", "b"])],
        "event.kind": ["alert"], "scoreback.own": ["x"],
    }  # fmt: skip
    write(splunk, scores([76], more=more))
    (row,) = raw(splunk)
    assert row["source"] == "contract"
    assert row["host"] == "scoreback"
    event = json.loads(next(iter(simulator.store.select("idx = 'scoreback'", ())))[7])
    assert event == {
        "event_kind": "enrichment",
        "scoreback_score_id": "s00076",
        "scoreback_detector": "triage",
        "scoreback_version": "v1-aa",
        "scoreback_stage": "live",
        "scoreback_alert": True,
        "scoreback_score": 0.076,
        "scoreback_threshold": 0.5,
        "event_risk_score": 76.0,
        "event_severity": 73,
        "orig_time": START.timestamp() + 76.123456,
        "scoreback_scored_at": START.timestamp() + 3600,
        "scoreback_entity": "host-76",
        "scoreback_event_id": "e00076",
        "source_ip": "10.0.0.1",
        "rule_name": 'a "rule"',
        "dns_answers": ["a", "b"],
        "scoreback_reasons": '["a \\"b\\" | c"]',
    }


def test_a_reader_is_given_exactly_the_detector_it_asked_for(splunk: SplunkConnector) -> None:
    write(splunk, scores([1], detector="Triage"))
    write(splunk, scores([2]))
    assert [row["score_id"] for row in read(splunk)] == ["s00002"]  # search knows no case


def test_an_event_that_is_none_of_ours_is_left_out(
    simulator: Simulator, splunk: SplunkConnector, caplog: pytest.LogCaptureFixture
) -> None:
    write(splunk, scores([1]))
    simulator.add_events(
        [{"index": "scoreback", "sourcetype": "scoreback:score", "time": START.timestamp(),
          "raw": {"scoreback_detector": "triage", "forged": True}}]
    )  # fmt: skip
    assert [row["score_id"] for row in read(splunk)] == ["s00001"]
    assert "was not written by Scoreback" in caplog.text


@pytest.mark.parametrize("code", TAKEN_LATER)
def test_what_the_collector_has_no_room_for_is_sent_again(
    simulator: Simulator, splunk: SplunkConnector, code: int
) -> None:
    simulator.faults.add("hec", path=COLLECTOR, method="POST", code=code, times=2)
    assert write(splunk, scores(range(5))).written == 5
    assert len(raw(splunk)) == len(read(splunk)) == 5


@pytest.mark.parametrize("code", TAKEN_LATER)
def test_a_collector_without_room_for_ever_is_unavailable(
    simulator: Simulator, splunk: SplunkConnector, code: int
) -> None:
    simulator.faults.add("hec", path=COLLECTOR, method="POST", code=code)
    with pytest.raises(SiemUnavailable, match=f"was busy in all 4 attempts: {CODES[code][1]}"):
        write(splunk, scores(range(5)))


@pytest.mark.parametrize("code", REFUSED)
def test_what_the_collector_refuses_as_a_whole_is_refused_with_a_remedy(
    simulator: Simulator, splunk: SplunkConnector, code: int
) -> None:
    simulator.faults.add("hec", path=COLLECTOR, method="POST", code=code)
    with pytest.raises(SiemRefused, match=f"code {code}: {CODES[code][1]}") as refused:
        write(splunk, scores(range(5)))
    assert refused.value.hint
    assert "5c0eb4c0" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("code", [24, 25])
def test_a_warning_is_success_and_told(
    simulator: Simulator, splunk: SplunkConnector, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.faults.add("hec", path=COLLECTOR, method="warned", code=code, times=1)
    assert write(splunk, scores(range(5))).written == 5
    assert CODES[code][1] in caplog.text
    assert len(raw(splunk)) == 5


def test_every_code_of_the_table_is_known() -> None:
    known = hec._DONE | hec._AGAIN | hec._OF_AN_EVENT | set(hec._HINTS)
    of_health = {17, 21, 22}
    assert set(CODES) - of_health <= known


def test_an_event_that_is_refused_is_told_and_the_others_are_stored(
    simulator: Simulator, splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulator.hec._event

    def picky(number: int, envelope: Any, request: Any) -> Any:  # noqa: ANN401 - as it is there
        if envelope["event"]["scoreback_score_id"] in ("s00003", "s00007"):
            envelope = {**envelope, "event": ""}
        return real(number, envelope, request)

    monkeypatch.setattr(simulator.hec, "_event", picky)
    report = write(splunk, scores(range(10)))
    assert report.written == 8
    assert [one.item_id for one in report.refused] == ["s00003", "s00007"]
    assert all("blank" in one.reason for one in report.refused)
    assert json.loads(report.refused[0].document)["event"]["scoreback_score_id"] == "s00003"
    assert len(read(splunk)) == 8
    assert len(raw(splunk)) > 8  # those before the refused ones were there already


def test_a_large_write_goes_in_requests_of_a_megabyte(
    simulator: Simulator, splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = simulator.hec.events

    def watched(request: Any, path: str) -> Any:  # noqa: ANN401 - as it is there
        sizes.append(len(request.body))
        return real(request, path)

    monkeypatch.setattr(simulator.hec, "events", watched)
    assert write(splunk, scores(range(4_000))).written == 4_000
    assert len(sizes) > 1
    assert max(sizes) <= hec.MAX_BYTES
    assert len(read(splunk)) == 4_000


def test_events_can_be_sent_compressed(simulator: Simulator) -> None:
    with connected(simulator, compress=True) as splunk:
        write(splunk, scores(range(50)))
        assert len(read(splunk)) == 50


def test_an_answer_that_got_lost_leaves_the_batch_in_doubt_and_sends_nothing_again(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.faults.add("disconnect", path=COLLECTOR, times=1)
    with pytest.raises(InDoubtError, match="no connection"):
        write(splunk, scores(range(5)))
    assert splunk.scores.existing(scores(range(5))) == set()


def test_what_is_stored_and_sent_again_is_read_once(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.faults.add("hec", path=COLLECTOR, method="stored", code=8, times=1)
    batch = scores(range(5))
    assert write(splunk, batch).written == 5
    assert len(raw(splunk)) == 10
    assert read(splunk) == batch.batch.to_pylist()


def test_no_index_is_refused_and_says_what_to_make(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.remove_index("scoreback")
    with pytest.raises(SiemRefused, match="Incorrect index") as refused:
        write(splunk, scores(range(2)))
    assert "create the index" in refused.value.hint


def test_without_a_collector_nothing_is_written_and_it_is_said(simulator: Simulator) -> None:
    with (
        connected(simulator, hec_url=None, hec_token=None) as splunk,
        pytest.raises(SiemRefused, match="no event collector") as refused,
    ):
        write(splunk, scores(range(2)))
    assert "hec_url" in refused.value.hint


def test_acknowledgements_are_waited_for(simulator: Simulator) -> None:
    simulator.store.delay = 30
    with connected(simulator, hec_token=ACK_TOKEN, acknowledge=True) as splunk:
        assert splunk.facts.acknowledged
        before = simulator.clock.now()
        assert write(splunk, scores(range(3_000))).written == 3_000
        assert simulator.clock.now() - before >= 30  # what was told as written is stored
        assert len(read(splunk)) == 3_000


def test_an_acknowledgement_that_never_comes_leaves_the_batch_in_doubt(
    simulator: Simulator,
) -> None:
    simulator.faults.add("ack_never")
    with (
        connected(simulator, hec_token=ACK_TOKEN, acknowledge=True) as splunk,
        pytest.raises(InDoubtError, match="did not acknowledge 5 events"),
    ):
        write(splunk, scores(range(5)))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"hec_token": ACK_TOKEN}, "acknowledge: true"),
        ({"acknowledge": True}, "acknowledge: false"),
    ],
)
def test_a_token_of_the_other_kind_is_told(
    simulator: Simulator, given: dict[str, Any], hint: str
) -> None:
    with connected(simulator, **given) as splunk, pytest.raises(SiemRefused) as refused:
        write(splunk, scores(range(5)))
    assert hint in refused.value.hint


def test_scores_that_show_after_minutes_are_seen_then(simulator: Simulator) -> None:
    simulator.store.delay = 240
    with connected(simulator, settle=timedelta(minutes=5)) as splunk:
        assert splunk.facts.visible_after == timedelta(minutes=5)
        batch = scores(range(20))
        write(splunk, batch)
        assert splunk.scores.existing(batch) == set()
        simulator.clock.advance(300)
        assert len(splunk.scores.existing(batch)) == 20


def test_more_ids_than_one_search_takes_are_looked_up_in_several(
    splunk: SplunkConnector,
) -> None:
    write(splunk, scores(range(0, 1_200, 2)))
    found = splunk.scores.existing(scores(range(1_200)))
    assert found == {f"s{n:05d}" for n in range(0, 1_200, 2)}


# Lookups


def rows(splunk: SplunkConnector, collection: str) -> dict[str, dict[str, Any]]:
    found = KvStore(splunk.client).rows(collection)
    return {str(row.get("event_id") or row.get("entity") or row["_key"]): row for row in found}


def test_the_score_of_an_event_is_looked_up_by_its_id(splunk: SplunkConnector) -> None:
    report = splunk.enrichment.enrich(scores(range(5)), Enrichment.EVENT)
    assert report == WriteReport(written=5)
    found = rows(splunk, EVENTS)
    assert found["e00004"]["score"] == 0.004
    assert found["e00004"]["alert"] is True
    again = splunk.enrichment.enrich(scores(range(5)), Enrichment.EVENT)
    assert again == WriteReport(written=0, already_there=5)
    other = scores(range(5), detector="other", score=0.9)
    splunk.enrichment.enrich(other, Enrichment.EVENT)
    stored = list(KvStore(splunk.client).rows(EVENTS))
    assert len(stored) == 10  # of two detectors


def test_an_older_score_never_replaces_a_newer_one(splunk: SplunkConnector) -> None:
    newer = scores([1], scored_at=START + timedelta(hours=3), score=0.9)
    splunk.enrichment.enrich(newer, Enrichment.EVENT)
    splunk.enrichment.enrich(scores([1]), Enrichment.EVENT)
    assert rows(splunk, EVENTS)["e00001"]["score"] == 0.9
    splunk.enrichment.enrich(scores([30], entity="a", score=0.8), Enrichment.ENTITY)
    splunk.enrichment.enrich(scores([20], entity="a", score=0.2), Enrichment.ENTITY)
    hour = START + timedelta(hours=3)
    splunk.enrichment.enrich(scores([10], entity="a", score=0.1, scored_at=hour), Enrichment.ENTITY)
    assert rows(splunk, ENTITIES)["a"]["score"] == 0.8


def test_each_event_of_a_unit_has_its_score(splunk: SplunkConnector) -> None:
    ref = unit_ref(Members(events=2, named=(("", "e1"), ("", "e2"))))
    splunk.enrichment.enrich(scores([7], event_ref=ref, event_id="unit"), Enrichment.EVENT)
    assert set(rows(splunk, EVENTS)) == {"e1", "e2"}


def test_scores_of_a_challenger_are_not_looked_up(splunk: SplunkConnector) -> None:
    report = splunk.enrichment.enrich(scores(range(5), stage="shadow"), Enrichment.EVENT)
    assert report == WriteReport(written=0)
    assert rows(splunk, EVENTS) == {}


def test_entities_go_to_the_indexers_once_an_hour(splunk: SplunkConnector) -> None:
    def enrich(n: int, minutes: int) -> None:
        at = START + timedelta(minutes=minutes)
        splunk.enrichment.enrich(scores([n], scored_at=at), Enrichment.ENTITY)

    enrich(1, 0)
    assert set(rows(splunk, ENTITIES)) == {"host-1"}
    enrich(2, 5)
    enrich(3, 55)
    assert set(rows(splunk, ENTITIES)) == {"host-1"}
    assert set(rows(splunk, ENTITIES_PENDING)) == {"host-2", "host-3", "published"}
    enrich(4, 60)
    assert set(rows(splunk, ENTITIES)) == {f"host-{n}" for n in (1, 2, 3, 4)}
    assert set(rows(splunk, ENTITIES_PENDING)) == {"published"}


def test_an_entity_that_changes_while_it_is_carried_is_not_forgotten(
    splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = KvStore.delete_where

    def meanwhile(store: KvStore, collection: str, query: Any) -> None:  # noqa: ANN401 - as there
        if collection == ENTITIES_PENDING:
            (row,) = [r for r in store.rows(collection) if r["_key"] != "published"]
            later = {**row, "scored_at": row["scored_at"] + 60, "score": 0.99}
            store.save(collection, [later])
        real(store, collection, query)

    monkeypatch.setattr(KvStore, "delete_where", meanwhile)
    splunk.enrichment.enrich(scores([1]), Enrichment.ENTITY)
    assert rows(splunk, ENTITIES_PENDING)["host-1"]["score"] == 0.99


def test_the_oldest_entities_are_dropped_and_it_is_said(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(simulator, entities_most=10, entities_every=timedelta(0)) as splunk:
        splunk.enrichment.enrich(scores(range(8)), Enrichment.ENTITY)
        splunk.enrichment.enrich(scores(range(8, 15)), Enrichment.ENTITY)
        assert set(rows(splunk, ENTITIES)) == {f"host-{n}" for n in range(5, 15)}
        assert "5 entities are dropped" in caplog.text
        found = splunk.check(EventQuery(selection={"search": "index=x"}, fields=()))
        assert any("the lookup of entities is full" in one.what for one in found)


def test_events_leave_the_lookup_after_a_while(splunk: SplunkConnector) -> None:
    splunk.enrichment.enrich(scores(range(3)), Enrichment.EVENT)
    later = START + timedelta(days=40)
    splunk.enrichment.enrich(scores([5], event_time=later, scored_at=later), Enrichment.EVENT)
    assert set(rows(splunk, EVENTS)) == {"e00005"}


def test_events_themselves_cannot_be_changed_in_splunk(splunk: SplunkConnector) -> None:
    with pytest.raises(SiemRefused, match="never change"):
        splunk.enrichment.enrich(scores([1]), Enrichment.IN_PLACE)


def test_tokens_may_be_kept_to_an_index(simulator: Simulator) -> None:
    narrow = simulator.hec.add_token(Token("narrow", indexes=("main",)))
    with connected(simulator, hec_token=narrow.token) as splunk:
        with pytest.raises(SiemRefused, match="code 7") as refused:
            write(splunk, scores([1]))
        assert "allow the collector's token" in refused.value.hint
