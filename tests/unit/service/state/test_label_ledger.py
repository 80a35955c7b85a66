"""The label ledger: what was true when, and known when; an answer once given stays."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.errors import SiemUnavailable
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.truths import truths_as_of
from scoreback.records import LABEL_COLUMNS, TIME, LabelBatch, LabelQuery, Verdict
from scoreback.service.state import label_ledger
from scoreback.service.state.label_ledger import Door, LabelLedger, Synced
from scoreback.service.state.own_closures import OwnClosure, own_closures, record
from scoreback.service.state.workspace_state import State

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DETECTOR = Detector.model_validate(
    {
        "name": "d",
        "owner": "a@b.example",
        "use_case": "threat_detection",
        "events": {"local": {"stream": "a"}},
        "entity": "host.name",
        "labels": {"verdicts": {"join": "event"}, "mature_after": "0s"},
        "features": [{"kind": "number", "field": "x", "name": "x"}],
        "alerts": {"budget": "5/day"},
    }
)
Row = dict[str, object]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with State.open(tmp_path_factory.mktemp("ledger")) as opened:
        yield opened


_names = count()


@pytest.fixture
def ledger(state: State) -> LabelLedger:
    return LabelLedger(state, f"siem{next(_names)}")


def label(event: str, hours: float, verdict: str = "true_positive", **more: object) -> Row:
    given: Row = {"event_id": event, "label_time": START + hours * HOUR, "verdict": verdict}
    return given | {"labeller": "ann", "source": "verdict", "withdrawn": False} | more


def batch_of(rows: Sequence[Row]) -> LabelBatch:
    columns = {f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in LABEL_COLUMNS}
    return LabelBatch.of(columns, len(rows))


def door(rows: Sequence[Row], asked: list[LabelQuery] | None = None) -> Door:
    """A SIEM that holds *rows*, and tells two at a time."""

    def labels(query: LabelQuery) -> Iterator[LabelBatch]:
        if asked is not None:
            asked.append(query)
        found = sorted(
            (row for row in rows if moment_of(row) >= query.since), key=lambda r: moment_of(r)
        )
        for start in range(0, len(found), 2):
            yield batch_of(found[start : start + 2])

    return labels


def moment_of(row: Row) -> datetime:
    found = row["label_time"]
    assert isinstance(found, datetime)
    return found


def sync(
    ledger: LabelLedger, siem: Door, hours: float, *, now: float | None = None, of: str = "d"
) -> Synced:
    """Ask for labels as of *hours*, by a clock that shows *now*."""
    query = LabelQuery(detector=of, entity="host.name", since=START - DAY)
    as_of = START + hours * HOUR
    clock = as_of if now is None else START + now * HOUR
    return ledger.sync(siem, query, as_of=as_of, now=clock)


def answer(ledger: LabelLedger, hours: float) -> dict[str, int]:
    """What is true of each event as of *hours*."""
    as_of = START + hours * HOUR
    found = ledger.labels("d", since=START - DAY, as_of=as_of)
    truths = truths_as_of(found, DETECTOR, as_of)
    return dict(zip(truths.event_ids.to_pylist(), truths.truth.tolist(), strict=True))


def test_the_first_look_takes_the_siems_word_for_the_past(ledger: LabelLedger) -> None:
    told = [label("a", 1), label("b", 5, "false_positive")]
    synced = sync(ledger, door(told), 100)
    assert (synced.labels, synced.new, synced.late) == (2, 2, 0)
    assert [answer(ledger, hours) for hours in (0, 1, 5)] == [{}, {"a": 1}, {"a": 1, "b": 0}]


def test_the_first_look_reads_all_and_the_next_what_may_be_new(ledger: LabelLedger) -> None:
    asked: list[LabelQuery] = []
    old = label("a", -24 * 400)
    for hours in (0, 30, 60):
        sync(ledger, door([old], asked), hours)
    assert asked[0].since == datetime(1970, 1, 1, tzinfo=UTC)
    assert [query.since for query in asked[1:]] == [START - DAY] * 2
    query = LabelQuery(detector="d", entity="host.name", since=START + 100 * DAY)
    ledger.sync(door([old], asked), query, as_of=START + 200 * DAY, now=START + 200 * DAY)
    # Nothing is left out between two looks, nor what was not to be seen yet at the last one.
    assert asked[-1].since == START + 59 * HOUR
    assert ledger.labels("d", since=START - 500 * DAY, as_of=START).num_rows == 1


def test_telling_again_adds_nothing(ledger: LabelLedger) -> None:
    told = [label("a", 1), label("a", 1), label("b", 2), label("b", 3, withdrawn=True)]
    first = sync(ledger, door(told), 10)
    again = sync(ledger, door(told), 20)
    assert (first.labels, first.new, first.withdrawals) == (2, 2, 1)
    assert (again.labels, again.new, again.withdrawals) == (2, 0, 1)


def test_what_is_learnt_of_a_label_later_makes_no_other_label(ledger: LabelLedger) -> None:
    sync(ledger, door([label("a", 1)]), 10)
    assert sync(ledger, door([label("a", 1, propensity=0.5, rule="r")]), 20).new == 0


def test_a_label_told_late_is_known_from_then_on_only(ledger: LabelLedger) -> None:
    sync(ledger, door([]), 10)
    synced = sync(ledger, door([label("a", 3), label("b", 11)]), 20)
    assert (synced.new, synced.late) == (2, 1)
    assert [answer(ledger, hours) for hours in (10, 11, 20)] == [{}, {"b": 1}, {"a": 1, "b": 1}]
    found = ledger.labels("d", since=START - DAY, as_of=START + 10 * HOUR)
    assert found["event_id"].to_pylist() == ["a", "b"]  # of times that are not there yet
    assert found["label_time"].to_pylist() == [START + 20 * HOUR, START + 11 * HOUR]


def test_a_label_told_late_under_a_stopped_clock_changes_no_answer(ledger: LabelLedger) -> None:
    sync(ledger, door([]), 10)
    sync(ledger, door([label("a", 10), label("b", 3)]), 10)
    assert answer(ledger, 10) == {}
    sync(ledger, door([label("a", 10), label("b", 3), label("c", 9)]), 11, now=4)
    assert answer(ledger, 10) == {}
    assert answer(ledger, 11) == {"a": 1, "b": 1, "c": 1}


def test_a_past_that_nobody_asked_for_is_still_the_siems_to_tell(ledger: LabelLedger) -> None:
    """Who tries a detector on old data asks as of then, and closes alerts as of then."""
    sync(ledger, door([label("a", 1)]), 10, now=24 * 365)
    synced = sync(ledger, door([label("a", 1), label("b", 12)]), 20, now=24 * 366)
    assert (synced.new, synced.late) == (1, 0)
    assert answer(ledger, 20) == {"a": 1, "b": 1}


def test_asking_for_the_future_promises_nothing(ledger: LabelLedger) -> None:
    sync(ledger, door([]), 24 * 365, now=10)
    assert sync(ledger, door([label("a", 11)]), 20).late == 0
    assert answer(ledger, 20) == {"a": 1}


def test_a_withdrawal_ends_a_label_and_leaves_the_past_as_it_was(ledger: LabelLedger) -> None:
    told = [label("a", 1), label("a", 2, "false_positive")]
    sync(ledger, door(told), 10)
    told.append(label("a", 12, "false_positive", withdrawn=True))
    sync(ledger, door(told), 20)
    assert [answer(ledger, hours)["a"] for hours in (1, 2, 11, 12, 20)] == [1, 0, 0, 1, 1]
    told.append(label("a", 21, "false_positive"))
    sync(ledger, door(told), 30)
    assert [answer(ledger, hours)["a"] for hours in (20, 30)] == [1, 0]


def end(alert: str, hours: float) -> Row:
    """The SIEM forgot what *alert* was closed as."""
    return label("", hours, "undetermined", event_id=None, alert_id=alert, withdrawn=True)


def test_an_alert_whose_verdict_was_forgotten_loses_its_labels_from_then_on(
    ledger: LabelLedger,
) -> None:
    closed = [label("a", 1, alert_id="1"), label("b", 1, alert_id="2")]
    sync(ledger, door(closed), 2)
    told = [closed[1], end("1", 3), end("unknown", 3)]
    synced = [sync(ledger, door(told), hours) for hours in (4, 5)]
    assert [(one.labels, one.withdrawals, one.new) for one in synced] == [(2, 1, 0)] * 2
    assert [answer(ledger, hours) for hours in (2, 3)] == [{"a": 1, "b": 1}, {"b": 1}]
    told.append(label("a", 6, "false_positive", alert_id="1"))
    sync(ledger, door(told), 7)
    assert [answer(ledger, hours) for hours in (5, 7)] == [{"b": 1}, {"a": 0, "b": 1}]


def test_all_that_stood_of_an_alert_ends_and_what_had_ended_is_left_alone(
    ledger: LabelLedger,
) -> None:
    lasting: Row = {"event_id": None, "entity": "h", "since": START, "until": START + DAY}
    told = [
        label("a", 1, alert_id="1"),
        label("a", 2, "false_positive", alert_id="1", labeller="bob"),
        label("a", 3, "false_positive", alert_id="1", labeller="bob", withdrawn=True),
        label("", 4, alert_id="1") | lasting,
        end("1", 5),
        label("a", 6, alert_id="1"),
    ]
    sync(ledger, door(told), 7)
    found = ledger.labels("d", since=START, as_of=START + 7 * HOUR).to_pylist()
    ended = [row for row in found if row["label_time"] == START + 5 * HOUR]
    assert {(row["event_id"], row["entity"], row["withdrawn"]) for row in ended} == {
        ("a", None, True),
        (None, "h", True),
    }
    assert len(found) == 7
    assert answer(ledger, 7) == {"a": 1}


def test_an_end_that_is_told_late_holds_from_then_on_only(ledger: LabelLedger) -> None:
    sync(ledger, door([label("a", 1, alert_id="1")]), 8)
    sync(ledger, door([end("1", 3)]), 9)
    assert [answer(ledger, hours) for hours in (8, 9)] == [{"a": 1}, {}]


def test_what_a_siem_deleted_stays_known(ledger: LabelLedger) -> None:
    sync(ledger, door([label("a", 1)]), 10)
    assert sync(ledger, door([]), 20).labels == 1
    assert answer(ledger, 20) == {"a": 1}


def test_every_column_of_a_label_comes_back(ledger: LabelLedger) -> None:
    rows = [
        label("a", 1, propensity=0.25, alert_id="x", rule="r é'\""),
        label("b", 2, "false_positive", withdrawn=True, alert_id="x"),
        {**label("", 3), "event_id": None, "entity": "h", "since": START, "until": START + HOUR},
    ]
    sync(ledger, door(rows), 10)
    found = ledger.labels("d", since=START, as_of=START + 10 * HOUR)
    assert found.schema.equals(LABEL_COLUMNS)
    assert found.equals(pa.Table.from_batches([batch_of(rows).batch]))


def test_labels_of_other_detectors_and_connections_are_apart(
    state: State, ledger: LabelLedger
) -> None:
    sync(ledger, door([label("a", 1)]), 10)
    sync(ledger, door([label("b", 2)]), 10, of="other")
    elsewhere = LabelLedger(state, "elsewhere")
    assert sync(elsewhere, door([label("c", 3)]), 10).labels == 1
    assert answer(ledger, 10) == {"a": 1}
    assert answer(elsewhere, 10) == {"c": 1}


def test_a_look_that_broke_off_is_taken_up_by_the_next(ledger: LabelLedger) -> None:
    told = [label("a", 1), label("b", 2), label("c", 3)]

    def broken(query: LabelQuery) -> Iterator[LabelBatch]:
        yield next(iter(door(told)(query)))
        raise SiemUnavailable("it is gone")

    with suppress(SiemUnavailable):
        sync(ledger, broken, 10)
    synced = sync(ledger, door(told), 20)
    assert (synced.labels, synced.new, synced.late) == (3, 1, 0)
    assert answer(ledger, 3) == {"a": 1, "b": 1, "c": 1}


def test_a_verdict_by_somebody_called_like_us_is_a_label_and_our_own_closing_is_none(
    state: State,
) -> None:
    ledger = LabelLedger(state, "own")
    ours = OwnClosure(
        connection="own", alert_id="x", verdict=Verdict.FALSE_POSITIVE, closed_at=START + HOUR
    )
    for _ in range(2):
        record(state, [ours])
    record(state, [])
    assert own_closures(state, "own") == [ours]
    assert own_closures(state, "other") == []
    told = [
        label("a", 1, "false_positive", alert_id="x"),
        label("a", 1, "true_positive", alert_id="x"),
        label("a", 2, "false_positive", alert_id="x", withdrawn=True),
        label("b", 1, "false_positive", alert_id="y", labeller="scoreback"),
        label("a", 3, "false_positive", alert_id="x"),
        label("c", 1, "false_positive"),
    ]
    synced = sync(ledger, door(told), 10)
    # The withdrawal at 2 is of our own closing, as when a rollback is undone.
    assert (synced.labels, synced.own, synced.withdrawals) == (4, 1, 0)
    assert answer(ledger, 2) == {"a": 1, "b": 0, "c": 0}
    assert answer(ledger, 10) == {"a": 0, "b": 0, "c": 0}


class Siem:
    """A SIEM's verdicts, and all that can become of them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def act(self, act: str, event: str, hours: int, verdict: str) -> None:
        row = label(event, hours, verdict, alert_id=event)
        if act == "forget":  # opened again, and what was said before is told no more
            self.rows = [
                old
                for old in self.rows
                if old["alert_id"] != event or moment_of(old) > moment_of(row)
            ]
            self.rows.append(end(event, hours))
        elif act == "close":
            self.rows.append(row)
        elif act == "reopen":
            self.rows.append(row | {"withdrawn": True})
        elif act == "retell" and self.rows:
            self.rows.append(dict(self.rows[hours % len(self.rows)]))
        elif act == "delete" and self.rows:
            del self.rows[hours % len(self.rows)]


acts = st.tuples(
    st.sampled_from(["close", "reopen", "retell", "delete"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 12),
    st.sampled_from(["true_positive", "false_positive", "undetermined"]),
)
forgetting = acts | st.tuples(
    st.just("forget"), st.sampled_from(["a", "b"]), st.integers(0, 12), st.just("undetermined")
)
steps = st.lists(
    st.tuples(st.lists(forgetting, max_size=4), st.integers(0, 14), st.integers(0, 3)), max_size=5
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_an_answer_as_of_a_moment_never_changes(
    steps: list[tuple[list[tuple[str, str, int, str]], int, int]], state: State
) -> None:
    """Whatever is closed, reopened, told again, told late, forgotten or deleted, and whenever."""
    ledger, siem = LabelLedger(state, f"law{next(_names)}"), Siem()
    answers: dict[int, dict[str, int]] = {}
    for what, as_of, ahead in steps:
        for act in what:
            siem.act(*act)
        sync(ledger, door(siem.rows), as_of, now=as_of + ahead)
        found = {hours: answer(ledger, hours) for hours in range(max([as_of, *answers]) + 1)}
        assert found | answers == found
        answers = {hours: found[hours] for hours in found if hours <= as_of or hours in answers}


@settings(max_examples=40)
@given(st.lists(acts, max_size=8))
def test_the_first_answer_is_what_the_siem_says_of_that_moment(
    state: State, given: list[tuple[str, str, int, str]]
) -> None:
    siem = Siem()
    for act in given:
        siem.act(*act)
    ledger = LabelLedger(state, f"first{next(_names)}")
    sync(ledger, door(siem.rows), 12)
    for hours in range(13):
        moment = START + hours * HOUR
        standing = [
            row for row in siem.rows
            if not row["withdrawn"] and moment_of(row) <= moment and not any(
                end["withdrawn"] and (end["event_id"], end["verdict"])
                == (row["event_id"], row["verdict"]) and moment_of(row) <= moment_of(end) <= moment
                for end in siem.rows
            )
        ]  # fmt: skip
        latest = {
            event: {row["verdict"] for row in standing if row["event_id"] == event
                    and moment_of(row) == max(moment_of(r) for r in standing
                                              if r["event_id"] == event)}
            for event in {row["event_id"] for row in standing}
        }  # fmt: skip
        codes = {"true_positive": 1, "false_positive": 0, "undetermined": -1}
        expected = {
            event: codes[str(next(iter(said)))] if len(said) == 1 else -1
            for event, said in latest.items()
        }
        assert answer(ledger, hours) == expected


def test_a_batch_of_many_labels_is_taken_in_once_and_read_whole(state: State) -> None:
    rows = label_ledger.READ_ROWS + 5
    times = pa.array([START + i * timedelta(seconds=1) for i in range(rows)], TIME)
    columns = {
        "event_id": pa.array([f"event-{i}" for i in range(rows)]),
        "verdict": pa.repeat("true_positive", rows),
        "label_time": times,
        "labeller": pa.repeat("ann", rows),
        "source": pa.repeat("verdict", rows),
    }
    batch = LabelBatch.of(columns, rows)
    ledger = LabelLedger(state, "many")
    for _ in range(2):
        synced = sync(ledger, lambda _: iter([batch]), 100)
    found = ledger.labels("d", since=START, as_of=START + DAY)
    assert (synced.labels, synced.new, found.num_rows) == (rows, 0, rows)
