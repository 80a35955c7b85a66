"""What an event is, however its index maps it: times, names, shapes and sizes."""

import pickle
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.json.flatten import MAX_TEXT
from scoreback.errors import SiemRefused
from scoreback.multivalue import cell
from scoreback.records import EventQuery, TimeWindow
from tests.elasticsearch.batches import DAY, START, WINDOW, event_ids, events
from tests.elasticsearch.direct import done, fill, make, rows
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server
DATES = ("@timestamp", "event.ingested")


def one(found: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in found]


@pytest.mark.parametrize(
    ("mapping", "written"),
    [
        ({"type": "date"}, lambda t: int(t.timestamp() * 1000)),
        ({"type": "date"}, lambda t: str(int(t.timestamp() * 1000))),
        ({"type": "date"}, lambda t: t.isoformat()),
        ({"type": "date"}, lambda t: t.strftime("%Y-%m-%dT%H:%M:%S+02:00")),
        ({"type": "date"}, lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.000Z")),
        ({"type": "date", "format": "yyyy/MM/dd HH:mm:ss"}, lambda t: f"{t:%Y/%m/%d %H:%M:%S}"),
        ({"type": "date", "format": "epoch_second"}, lambda t: int(t.timestamp())),
        ({"type": "date_nanos"}, lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.000000000Z"),
    ],
)
def test_times_are_the_same_however_they_are_written(
    mapping: dict[str, Any],
    written: Any,  # noqa: ANN401 - a function of the table
    elastic: ElasticConnector,
    elasticsearch_url: str,
    fresh_prefix: str,
) -> None:
    shift = timedelta(hours=2) if "+02:00" in str(written(START)) else timedelta(0)
    times = [START + timedelta(minutes=n) for n in range(5)]
    make(
        elasticsearch_url,
        f"{fresh_prefix}-a",
        {"@timestamp": mapping, "event": {"properties": {"ingested": mapping}}},
    )
    documents = [
        {"_id": str(n), "@timestamp": written(t + shift), "event": {"ingested": written(t + shift)}}
        for n, t in enumerate(times)
    ]
    fill(elasticsearch_url, f"{fresh_prefix}-a", documents)
    found = rows(elastic, f"{fresh_prefix}-a", WINDOW)
    assert one(found, "event_time") == one(found, "arrival_time") == times
    assert event_ids(found) == [str(n) for n in range(5)]


@pytest.mark.parametrize("others", [[], [1772366400500], ["2026-03-01T12:00:00.5+00:00"]])
def test_a_time_finer_than_its_mapping_is_what_the_server_keeps_of_it(
    others: list[object], elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    """Whether the document is asked or the server: a watermark of one has to suit the other."""
    date = {"type": "date"}
    properties = {"@timestamp": date, "event": {"properties": {"ingested": date}}}
    make(elasticsearch_url, f"{fresh_prefix}-fine", properties)
    written = [*(f"2026-03-01T12:00:00.{n}Z" for n in ("1234567", "123999", "123")), *others]
    documents = [
        {"_id": str(n), "@timestamp": text, "event": {"ingested": text}}
        for n, text in enumerate(written)
    ]
    fill(elasticsearch_url, f"{fresh_prefix}-fine", documents)
    found = rows(elastic, f"{fresh_prefix}-fine", WINDOW)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    kept = [noon + timedelta(milliseconds=ms) for ms in [123] * 3 + [500] * len(others)]
    assert one(found, "event_time") == one(found, "arrival_time") == kept


def test_no_event_falls_between_two_windows_whatever_its_nanoseconds(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    nanos = {"type": "date_nanos"}
    index = f"{fresh_prefix}-nanos"
    properties = {"@timestamp": nanos, "event": {"properties": {"ingested": nanos}}}
    make(elasticsearch_url, index, properties)
    parts = ["999999999", "000000000", "000000001", "000999999", "001000000", "000499600"]
    parts += ["123456789", "123456499", "123456500", "999999500", "999999499"]
    documents = [
        {"_id": part, "@timestamp": f"2026-03-01T12:00:0{n % 2}.{part}Z"}
        for n, part in enumerate(parts)
    ]
    for document in documents:
        document["event.ingested"] = document["@timestamp"]
    fill(elasticsearch_url, index, documents)
    cuts = [0, 123_456, 123_457, 1_000_000, 1_000_001, 1_001_000, 2_000_000, 3_000_000]
    found = []
    for a, b in pairwise(cuts):
        window = TimeWindow(
            since=START + timedelta(microseconds=a), until=START + timedelta(microseconds=b)
        )
        found += event_ids(rows(elastic, index, window))
    assert sorted(found) == sorted(parts)


def test_events_without_a_time_are_left_and_those_without_an_arrival_count_as_late_as_set(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-times"
    make(elasticsearch_url, index)
    at = START.isoformat()
    fill(
        elasticsearch_url,
        index,
        [
            {"_id": "none", "host": {"name": "a"}},
            {"_id": "only-time", "@timestamp": at},
            {"_id": "only-arrival", "event": {"ingested": at}},
            {"_id": "future", "@timestamp": "2031-01-01T00:00:00Z", "event": {"ingested": at}},
            {"_id": "null", "@timestamp": None, "event": {"ingested": None}},
            {"_id": "list", "@timestamp": [at, "2026-03-01T12:00:09Z"], "event.ingested": at},
        ],
    )
    lag = elastic.given.arrival_lag
    found = {row["event_id"]: row for row in rows(elastic, index, WINDOW)}
    assert set(found) == {"only-time", "only-arrival", "future", "list"}
    assert found["only-time"]["arrival_time"] == START + lag
    assert found["future"]["event_time"] == START  # no event happens after it arrived
    assert found["only-arrival"]["event_time"] == START
    just_before = TimeWindow(since=START, until=START + lag)
    assert "only-time" not in event_ids(rows(elastic, index, just_before))


def test_dotted_and_nested_names_lists_and_absent_fields_are_one_column(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-shapes"
    make(
        elasticsearch_url,
        index,
        {
            "labels": {"type": "flattened"},
            "alerts": {"type": "nested", "properties": {"name": {"type": "keyword"}}},
            "src": {"type": "alias", "path": "source.ip"},
            "source": {"properties": {"ip": {"type": "ip"}}},
        },
    )
    shapes: list[dict[str, Any]] = [
        {"host.name": "dotted", "labels": {"team": "red"}, "alerts": [{"name": "a"}]},
        {"host": {"name": "nested"}, "labels": {"team.lead": "x"}, "source": {"ip": "10.0.0.1"}},
        {"host": {"name": ["first", "second"]}, "labels.team": "blue", "source.ip": "10.0.0.2"},
        {"host": {"name": None}, "alerts": {"name": ["b", "c"]}},
        {"host": {}, "labels": {"team": ["green", "x"]}},
        {"host": [{"name": "in-list"}, {"name": "other"}]},
    ]
    fill(
        elasticsearch_url,
        index,
        [{**event, **shape} for event, shape in zip(_without_host(6), shapes, strict=True)],
    )
    fields = ["host.name", "labels.team", "alerts.name", "src", "source.ip"]
    found = rows(elastic, index, WINDOW, fields)
    names = ["dotted", "nested", cell(["first", "second"]), None, None, cell(["in-list", "other"])]
    assert one(found, "host.name") == names
    assert one(found, "labels.team") == ["red", None, "blue", None, cell(["green", "x"]), None]
    assert one(found, "alerts.name") == ["a", None, None, cell(["b", "c"]), None, None]
    assert (
        one(found, "src") == one(found, "source.ip") == [None, "10.0.0.1", "10.0.0.2", *[None] * 3]
    )


def _without_host(count: int) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "host"} for e in events(range(count))]


def test_an_alias_in_one_index_and_a_field_in_another_give_both_their_values(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    """So it is while a shipper moves to ECS: the old name becomes an alias of the new one."""
    keyword = {"type": "keyword"}
    make(elasticsearch_url, f"{fresh_prefix}-old", {"src": keyword})
    make(
        elasticsearch_url,
        f"{fresh_prefix}-new",
        {"src": {"type": "alias", "path": "source.address"}, "source.address": keyword},
    )
    old, new = events(range(2))
    fill(elasticsearch_url, f"{fresh_prefix}-old", [{**old, "src": "a"}])
    fill(elasticsearch_url, f"{fresh_prefix}-new", [{**new, "source": {"address": "b"}}])
    assert one(rows(elastic, f"{fresh_prefix}-*", WINDOW, ["src"]), "src") == ["a", "b"]


def test_what_a_field_holds_does_not_depend_on_what_else_is_asked_for(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    """Or one read could not serve several detectors: each would see what the others ask for."""
    index = f"{fresh_prefix}-mixed"
    properties = {
        "size": {"type": "double"}, "port": {"type": "long"}, "flag": {"type": "boolean"},
        "src": {"type": "alias", "path": "source.ip"},
        "source": {"properties": {"ip": {"type": "ip"}}},
    }  # fmt: skip
    make(elasticsearch_url, index, properties, runtime={"shell": {"type": "keyword"}})
    odd: list[dict[str, Any]] = [
        {"size": 1.50, "port": "443", "flag": "true", "source.ip": "10.0.0.1", "shell": "sh"},
        {"size": "2e3", "port": 80.0, "flag": False, "source": {"ip": ["10.0.0.2"]}},
        {"port": [9, 1]},
    ]
    both = zip(events(range(3)), odd, strict=True)
    fill(elasticsearch_url, index, [{**event, **more} for event, more in both])
    own = "scoreback.detectors.one.score"
    fields = ["host.name", "size", "port", "flag", "src", "source.ip", "shell", own]
    together = rows(elastic, index, WINDOW, fields)
    for name in fields:
        assert one(rows(elastic, index, WINDOW, [name]), name) == one(together, name), name


@pytest.mark.parametrize("source", [{"enabled": False}, {"excludes": ["host"]}])
def test_fields_are_found_where_documents_do_not_show_them(
    source: dict[str, Any], elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-sourceless"
    properties = {"host.name": {"type": "keyword"}, "n": {"type": "long"}, "b": {"type": "boolean"}}
    make(elasticsearch_url, index, properties, _source=source)
    fill(elasticsearch_url, index, [{**e, "n": 7, "b": True} for e in events(range(3))])
    found = rows(elastic, index, WINDOW, ["host.name", "n", "b"])
    assert one(found, "host.name") == ["host-0", "host-1", "host-2"]
    assert one(found, "n") == ["7"] * 3
    assert one(found, "b") == ["true"] * 3


def test_the_time_itself_is_a_field_where_documents_show_nothing(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-timely"
    make(elasticsearch_url, index, {"host.name": {"type": "keyword"}}, _source={"enabled": False})
    fill(elasticsearch_url, index, events(range(2)))
    alone = one(rows(elastic, index, WINDOW, ["@timestamp"]), "@timestamp")
    beside = rows(elastic, index, WINDOW, ["@timestamp", "host.name"])
    assert one(beside, "@timestamp") == alone
    assert one(beside, "host.name") == ["host-0", "host-1"]
    times = [event["event_time"] for event in beside]
    assert [datetime.fromisoformat(text) for text in alone] == times


def test_events_whose_time_is_a_number_are_refused_in_words(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-epoch"
    done(elasticsearch_url, "PUT", f"/{index}", {
        "mappings": {"properties": {"@timestamp": {"type": "long"}}}
    })  # fmt: skip
    stamp = int(WINDOW.since.timestamp() * 1000) + 1
    fill(elasticsearch_url, index, [{**e, "@timestamp": stamp} for e in events(range(1))])
    with pytest.raises(SiemRefused, match="@timestamp is long in some of the indices, not a date"):
        rows(elastic, index, WINDOW, ["host.name"])


def test_runtime_fields_and_dynamic_ones_are_read(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-runtime"
    make(elasticsearch_url, index, dynamic="runtime", runtime={"shell": {"type": "keyword"}})
    documents = [{**e, "shell": "/bin/sh", "size": 1.50} for e in events(range(2))]
    fill(elasticsearch_url, index, documents)
    found = rows(elastic, index, WINDOW, ["shell", "size"])
    assert one(found, "shell") == ["/bin/sh"] * 2
    assert one(found, "size") == ["1.5"] * 2


@pytest.mark.parametrize("name", ["kubernetes.labels.app.io/name", "a b", "100%", "x?y#z", "ä.ö"])
def test_any_name_that_a_field_can_have_is_read(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-names"
    make(elasticsearch_url, index)
    fill(elasticsearch_url, index, [{**e, name: "v"} for e in events(range(2))])
    assert one(rows(elastic, index, WINDOW, [name]), name) == ["v", "v"]


def test_ten_thousand_fields_are_listed_and_hundreds_of_long_names_read(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-wide"
    body = {"index": {"mapping": {"total_fields": {"limit": 40_000}}}}
    make(elasticsearch_url, index)
    done(elasticsearch_url, "PUT", f"/{index}/_settings", body)
    [event] = events(range(1))
    wide = {f"field_with_a_long_name_that_says_what_it_means_{n:05d}": "v" for n in range(10_000)}
    # Told beforehand: to make them out of the first document takes the server a minute.
    mapping = {"properties": {"w": {"properties": {key: {"type": "keyword"} for key in wide}}}}
    done(elasticsearch_url, "PUT", f"/{index}/_mapping", mapping)
    fill(elasticsearch_url, index, [{**event, "w": wide}])
    fields = elastic.events.fields({"index": index})
    assert len([name for name in fields if name.startswith("w.")]) == 10_000
    asked = [f"w.{name}" for name in list(wide)[:300]]
    [found] = rows(elastic, index, WINDOW, asked)
    assert {found[name] for name in asked} == {"v"}


@pytest.mark.parametrize("source", [True, False])
def test_a_text_of_a_megabyte_is_read_and_a_longer_one_is_missing(
    source: bool, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-long"
    text = {"type": "text", "store": not source}
    make(elasticsearch_url, index, {"message": text}, _source={"enabled": source})
    long = ["é" * MAX_TEXT, "é" * (MAX_TEXT + 1), "short"]
    documents = [{**e, "message": m} for e, m in zip(events(range(3)), long, strict=True)]
    fill(elasticsearch_url, index, documents)
    found = one(rows(elastic, index, WINDOW, ["message"]), "message")
    assert [len(m) if m else None for m in found][:2] in ([MAX_TEXT, None], [None, None])
    assert not source or len(found[0]) == MAX_TEXT
    assert not source or found[2] == "short"


def test_aliases_patterns_and_lists_of_indices_give_each_event_once(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    for n, name in enumerate(("a", "b")):
        make(elasticsearch_url, f"{fresh_prefix}-{name}")
        numbers = range(n * 5, n * 5 + 5)
        fill(elasticsearch_url, f"{fresh_prefix}-{name}", events(numbers))
    add = [{"add": {"index": f"{fresh_prefix}-*", "alias": f"{fresh_prefix}-all"}}]
    done(elasticsearch_url, "POST", "/_aliases", {"actions": add})
    pattern, both = f"{fresh_prefix}-*", [f"{fresh_prefix}-a", f"{fresh_prefix}-b"]
    for expression in (f"{fresh_prefix}-all", pattern, both, [*both, pattern]):
        assert event_ids(rows(elastic, expression, WINDOW)) == [f"e{n:05d}" for n in range(10)]


def test_slices_can_be_sent_to_other_machines_and_give_every_event_once(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-sliced"
    make(elasticsearch_url, index)
    fill(elasticsearch_url, index, events(range(100)))
    query = EventQuery(selection={"index": index}, fields=("host.name",))
    pieces = pickle.loads(pickle.dumps(elastic.events.slices(query, WINDOW, 7)))  # noqa: S301 - ours
    found = [b.batch["event_id"].to_pylist() for p in pieces for b in elastic.events.read(p)]
    assert [name for some in found for name in some] == [f"e{n:05d}" for n in range(100)]


def test_an_event_that_becomes_visible_late_is_read_by_the_window_of_its_arrival(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-late"
    make(elasticsearch_url, index)
    [late] = events([5])
    late["@timestamp"] = (START - 30 * DAY).isoformat()
    fill(elasticsearch_url, index, events(range(5)))
    assert len(rows(elastic, index, WINDOW)) == 5
    fill(elasticsearch_url, index, [late])
    assert event_ids(rows(elastic, index, WINDOW)) == [f"e{n:05d}" for n in range(6)]


def test_history_that_was_loaded_at_once_is_read_by_the_hour_of_its_loading(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str, elasticsearch_proxy: Proxy
) -> None:
    """The window in which it happened holds none of it, and asks for none of it."""
    index = f"{fresh_prefix}-loaded"
    make(elasticsearch_url, index)
    old = [{**e, "event": {"ingested": (START + DAY).isoformat()}} for e in events(range(50))]
    fill(elasticsearch_url, index, old)
    assert rows(elastic, index, WINDOW) == []
    answers = [s.reply.document for s in elasticsearch_proxy.seen("POST", "/_search") if s.reply]
    assert not any(answer["hits"]["hits"] for answer in answers)
    found = rows(elastic, index, TimeWindow(since=START + DAY, until=START + 2 * DAY))
    assert len(found) == 50
    assert one(found, "event_time") == [START + timedelta(seconds=n) for n in range(50)]


def test_a_query_that_matches_nothing_reads_nothing(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-some")
    fill(elasticsearch_url, f"{fresh_prefix}-some", events(range(5)))
    query = "host.name: nobody"
    assert rows(elastic, f"{fresh_prefix}-some", WINDOW, ["host.name"], query=query) == []
    assert rows(elastic, f"{fresh_prefix}-some", TimeWindow(since=START, until=START)) == []


@pytest.mark.parametrize(
    "selection",
    [{"query": "host.name: ("}, {"query": "a AND OR"}, {"filter": {"trem": {"a": 1}}}],
)
def test_a_query_that_is_not_understood_is_refused_with_the_servers_words(
    selection: dict[str, Any], elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-some")
    fill(elasticsearch_url, f"{fresh_prefix}-some", events(range(2)))
    with pytest.raises(SiemRefused, match="400"):
        rows(elastic, f"{fresh_prefix}-some", WINDOW, **selection)


def test_indices_that_map_a_field_in_different_ways_are_read_together(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    kinds: list[tuple[dict[str, Any], Any]] = [
        ({"type": "keyword"}, "80"), ({"type": "long"}, 80), ({"properties": {}}, {"in": 80}),
    ]  # fmt: skip
    for n, (mapping, value) in enumerate(kinds):
        make(elasticsearch_url, f"{fresh_prefix}-{n}", {"port": mapping})
        [event] = events([n])
        fill(elasticsearch_url, f"{fresh_prefix}-{n}", [{**event, "port": value}])
    assert one(rows(elastic, f"{fresh_prefix}-*", WINDOW, ["port"]), "port") == ["80", "80", None]
