import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from scoreback.connectors.local import LocalConnector, open_enriched
from scoreback.connectors.local import events as reading
from scoreback.errors import SiemRefused
from scoreback.records import (
    LABEL_COLUMNS,
    TIME,
    EventBatch,
    EventQuery,
    Histogram,
    LabelBatch,
    LabelQuery,
    ScoreBatch,
    TimeWindow,
)

START = datetime(2024, 3, 1, tzinfo=UTC)
EVER = TimeWindow(since=START - timedelta(days=1), until=START + timedelta(days=99))
MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]


def query(stream: object = "s", *fields: str) -> EventQuery:
    return EventQuery(selection={"stream": stream}, fields=fields)


def ids(siem: LocalConnector, asked: EventQuery, parts: int = 1) -> list[str]:
    return [
        str(event)
        for piece in siem.events.slices(asked, EVER, parts)
        for batch in siem.events.read(piece)
        for event in batch.batch.column("event_id").to_pylist()
    ]


def custom(fields: dict[str, list[str | None]], first: int = 0) -> EventBatch:
    n = len(next(iter(fields.values())))
    times = pa.array([START + timedelta(minutes=first + i) for i in range(n)], TIME)
    columns = {
        "event_id": pa.array([f"c{first + i}" for i in range(n)]),
        "event_ref": pa.array([""] * n),
        "event_time": times,
        "arrival_time": times,
        **{name: pa.array(values, pa.string()) for name, values in fields.items()},
    }
    return EventBatch(pa.record_batch(columns))


def test_overlapping_segments_are_read_in_one_order_in_small_chunks(
    siem: LocalConnector, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in range(4):
        siem.intake.add_events("s", make_events(range(start, 400, 4)))
    expected = [f"e{n}" for n in range(400)]
    assert ids(siem, query()) == expected
    monkeypatch.setattr(reading, "CHUNK_ROWS", 31)
    assert ids(siem, query()) == expected
    assert ids(siem, query(), 5) == expected


def test_slices_hold_about_as_many_events_each(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(1000)))
    siem.intake.add_events("s", make_events(range(50_000, 50_100)))
    slices = siem.events.slices(query(), EVER, 11)
    carried = pickle.loads(pickle.dumps(slices))  # noqa: S301 - our own bytes
    sizes = [sum(b.num_rows for b in siem.events.read(piece)) for piece in carried]
    assert sum(sizes) == 1100
    assert all(80 <= size <= 120 for size in sizes)


def test_equal_times_are_ordered_by_id_and_never_split_from_a_slice(siem: LocalConnector) -> None:
    times = pa.array([START] * 50, TIME)
    batch = pa.record_batch(
        {
            "event_id": pa.array([f"{n:02}" for n in range(50)][::-1]),
            "event_ref": pa.array([""] * 50),
            "event_time": times,
            "arrival_time": times,
        }
    )
    siem.intake.add_events("s", EventBatch(batch))
    assert ids(siem, query(), 7) == [f"{n:02}" for n in range(50)]


def test_segments_with_different_fields_are_read_as_one(siem: LocalConnector) -> None:
    siem.intake.add_events("s", custom({"a": ["1", ""], "only.first": ["x", None]}))
    siem.intake.add_events("s", custom({"a": ["3", None], 'odd "name"': ["y", "z"]}, first=2))
    asked = query("s", "only.first", 'odd "name"', "a")
    (batch,) = [b for piece in siem.events.slices(asked, EVER) for b in siem.events.read(piece)]
    assert batch.fields == asked.fields
    assert [batch.batch.column(name).to_pylist() for name in asked.fields] == [
        ["x", None, None, None],
        [None, None, "y", "z"],
        ["1", "", "3", None],
    ]


def test_streams_are_selected_by_name_list_or_pattern(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    for stream in ("ids-a", "ids-b", "vpn"):
        siem.intake.add_events(stream, make_events(range(3), prefix=stream))
    assert len(ids(siem, query("ids-*"))) == 6
    assert len(ids(siem, query(["ids-a", "vpn"]))) == 6
    assert ids(siem, query("vpn")) == ["vpn0", "vpn1", "vpn2"]


@pytest.mark.parametrize(
    ("selection", "says", "hint"),
    [
        ({"stream": "nope"}, "no stream is called 'nope'", "streams that exist: s"),
        ({"stream": ["s", "x*"]}, r"'x\*'", "streams that exist: s"),
        ({"index": "s"}, "no key 'index'", "stream"),
        ({}, "needs the key 'stream'", "stream"),
        ({"stream": 7}, "not a name or a list", "stream"),
        ({"stream": "s", "query": "x"}, "no key 'query'", "stream"),
    ],
)
def test_a_selection_that_is_not_understood_is_refused(
    siem: LocalConnector,
    make_events: MakeEvents,
    selection: dict[str, object],
    says: str,
    hint: str,
) -> None:
    siem.intake.add_events("s", make_events(range(3)))
    with pytest.raises(SiemRefused, match=says) as error:
        siem.events.slices(EventQuery(selection=selection, fields=()), EVER)
    assert hint in error.value.hint


def test_a_field_that_no_event_has_reads_as_null_and_check_names_close_ones(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    siem.intake.add_events("s", make_events(range(3)))
    (piece,) = siem.events.slices(query("s", "hostname", "host.name"), EVER)
    (batch,) = siem.events.read(piece)
    assert batch.batch.column("hostname").to_pylist() == [None] * 3
    assert batch.batch.column("host.name").to_pylist() == ["h0", "h1", "h2"]
    (finding,) = siem.check(piece.query)
    assert finding.fatal
    assert "'hostname'" in finding.what
    assert "host.name" in finding.fix


def test_check_says_what_is_missing_and_how_to_mend_it(siem: LocalConnector) -> None:
    assert siem.check(query())[0].fatal
    siem.intake.add_events("s", custom({"a": ["1", "2", "3"], "rare": ["x", None, None]}))
    siem.intake.add_events("t", custom({"a": ["1"]}))
    assert siem.check(query("s", "a")) == []
    findings = siem.check(query("s", "a", "rare", "nope"))
    assert [(f.fatal, f.what) for f in findings] == [
        (True, "no event of the selection has the field 'nope'"),
        (False, "67% of the 3 events have no 'rare'"),
    ]
    assert "in more than one of the streams" in siem.check(query(["s", "t"], "a"))[0].what


def test_the_enriched_view_shows_the_latest_live_score_of_each_event(
    siem: LocalConnector, make_events: MakeEvents, make_scores: MakeScores
) -> None:
    siem.intake.add_events("s", make_events(range(4)))
    siem.intake.add_events("other", make_events(range(4)))
    with open_enriched(siem.store, "s") as connection:
        assert connection.sql(
            'SELECT count(*), count("scoreback.score") FROM events_enriched'
        ).fetchall() == [(4, 0)]
    siem.scores.write(make_scores([(1, "a"), (2, "a")], score=0.6), at=START)
    siem.scores.write(
        make_scores([(1, "a")], version="v2-bb", at=START + timedelta(days=1)), at=START
    )
    siem.scores.write(make_scores([(3, "a")], stage="shadow"), at=START)
    siem.scores.write(make_scores([(3, "b")], ref="other"), at=START)
    with open_enriched(siem.store, "s") as connection:
        found = connection.sql(
            'SELECT event_id, "host.name", "scoreback.score", "scoreback.version", '
            '"scoreback.alert", "scoreback.reasons" FROM events_enriched ORDER BY event_id'
        ).fetchall()
    assert found == [
        ("e0", "h0", None, None, None, None),
        ("e1", "h1", 0.9, "v2-bb", True, '["why"]'),
        ("e2", "h2", 0.6, "v1-aa", True, '["why"]'),
        ("e3", "h3", None, None, None, None),
    ]


def test_the_enriched_view_shows_the_score_of_a_unit_on_each_of_its_events(
    siem: LocalConnector, make_events: MakeEvents, make_scores: MakeScores
) -> None:
    siem.intake.add_events("s", make_events(range(5)))
    siem.intake.add_events("other", make_events(range(5)))
    ref = '{"unit_of":3,"members":[["s","e0"],["s","e1"],["other","e2"]]}'
    siem.scores.write(make_scores([(60, "a")], score=0.7, ref=ref), at=START)
    siem.scores.write(
        make_scores([(1, "a"), (4, "a")], score=0.6, at=START - timedelta(days=1)), at=START
    )
    with open_enriched(siem.store, "s") as connection:
        found = connection.sql(
            'SELECT event_id, "scoreback.score" FROM events_enriched ORDER BY event_id'
        ).fetchall()
    assert found == [("e0", 0.7), ("e1", 0.7), ("e2", None), ("e3", None), ("e4", 0.6)]


def verdicts(rows: Sequence[dict[str, object]]) -> LabelBatch:
    defaults = {"label_time": START, "labeller": "ada", "source": "export", "withdrawn": False}
    arrays = {
        f.name: pa.array([{**defaults, **row}.get(f.name) for row in rows], f.type)
        for f in LABEL_COLUMNS
    }
    return LabelBatch.of(arrays, len(rows))


def since(moment: datetime) -> LabelQuery:
    return LabelQuery(detector="d", entity="host.name", since=moment)


def test_imported_verdicts_are_labels_once(siem: LocalConnector) -> None:
    later = START + timedelta(days=2)
    batch = verdicts(
        [
            {"event_id": "e2", "verdict": "true_positive", "label_time": later},
            {"event_id": "e1", "verdict": "false_positive", "propensity": 0.5},
            {"entity": "h", "since": START, "until": later, "verdict": "benign_positive"},
            {"entity": "h", "verdict": "benign_positive"},
            {"event_id": "e3", "verdict": "dunno"},
        ]
    )
    report = siem.intake.add_verdicts(batch)
    assert (report.written, [r.item_id for r in report.refused]) == (3, ["h", "e3"])
    report = siem.intake.add_verdicts(batch)
    assert (report.written, report.already_there) == (0, 3)
    (found,) = siem.labels.read(since(START))
    rows = found.batch.to_pylist()
    assert [(r["event_id"], r["propensity"], r["until"]) for r in rows] == [
        ("e1", 0.5, None),
        (None, None, later),
        ("e2", None, None),
    ]
    (last,) = siem.labels.read(since(later))
    assert last.num_rows == 1


def test_a_histogram_of_the_same_id_changes_nothing(siem: LocalConnector) -> None:
    hour = timedelta(hours=1)
    first, again, other = (
        Histogram(
            histogram_id=name, detector="d", version="v", stage="live", since=START,
            until=START + hour, edges=(0.25, 0.5), counts={START.isoformat(): counts},
        )
        for name, counts in (("h", [1, 2, 3]), ("h", [4, 5, 6]), ("i", [7, 8, 9]))
    )  # fmt: skip
    siem.scores.write_histograms([first], at=START)
    siem.scores.write_histograms([again, other], at=START)
    assert list(siem.scores.histograms("d", EVER)) == [first, other]
    later = TimeWindow(since=START + hour, until=EVER.until)
    assert list(siem.scores.histograms("d", later)) == []
