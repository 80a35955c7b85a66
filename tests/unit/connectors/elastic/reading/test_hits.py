"""A page of hits gives what a plain JSON decoder gives, however the documents are shaped."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.reading.loose_hits import LooseHits
from scoreback.connectors.elastic.reading.page_decoder import LOOKED_UP, HitDecoder, TimesUnclear
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.json.flatten import flattened, parsed
from scoreback.errors import SiemUnavailable
from scoreback.multivalue import cell, values_of

FIELDS = ("host.name", "a.b.c", "port", "labels.team")
scalar = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5)
key = st.sampled_from(["host", "host.name", "name", "a", "b", "c", "a.b", "b.c", "port", "labels"])
value = st.recursive(
    scalar | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(key, inner, max_size=3),
    max_leaves=6,
)
nanos = st.integers(-(10**18), 4 * 10**18)


def page(
    sources: list[dict[str, Any]],
    times: Sequence[int | None],
    looked_up: Sequence[dict[str, Any]] | None = None,
) -> bytes:
    if looked_up is None:
        looked_up = [{} if t is None else {"@timestamp": [milliseconds(t)]} for t in times]
    hits = [
        {
            "_index": "i", "_id": str(n), "_source": source, "sort": [n],
            "_seq_no": n, "_primary_term": 1, "fields": fields,
        }
        for n, (source, fields) in enumerate(zip(sources, looked_up, strict=True))
    ]  # fmt: skip
    return json.dumps({"pit_id": "p", "took": 1, "hits": {"hits": hits}}).encode()


def milliseconds(ns: int) -> str:
    """As the server writes a date with nanoseconds."""
    sign, whole = "-" if ns < 0 else "", abs(ns)
    parts = f"{sign}{whole // 10**6}.{whole % 10**6:06d}"
    return parts.rstrip("0").rstrip(".") if ns % 10**6 == 0 else parts


@given(st.lists(st.tuples(st.dictionaries(key, value, max_size=4), st.none() | nanos), max_size=5))
def test_a_page_gives_what_a_plain_decoder_gives(
    rows: list[tuple[dict[str, Any], int | None]],
) -> None:
    sources, times = [source for source, _ in rows], [time for _, time in rows]
    decoder = HitDecoder(Selection.of({"index": "i"}), FIELDS, sequence=True)
    found = decoder.decode(page(sources, times))
    for name in FIELDS:
        expected = [flattened(parsed(json.dumps(source)), FIELDS).get(name) for source in sources]
        assert found.columns[name].to_pylist() == expected
    assert found.ids.to_pylist() == [str(n) for n in range(len(rows))]
    assert found.refs.to_pylist() == [f"i {n} 1" for n in range(len(rows))]
    assert found.time.to_pylist() == [None if ns is None else ns // 1000 for ns in times]
    assert found.after == ([len(rows) - 1] if rows else None)


@given(st.lists(st.lists(st.dictionaries(key, value, max_size=4), max_size=4), max_size=6))
def test_what_earlier_pages_held_changes_nothing(pages: list[list[dict[str, Any]]]) -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), FIELDS)
    for sources in pages:
        found = decoder.decode(page(sources, [10**15] * len(sources)))
        for name in FIELDS:
            expected = [flattened(parsed(json.dumps(s)), FIELDS).get(name) for s in sources]
            assert found.columns[name].to_pylist() == expected


@given(st.data(), st.lists(st.booleans(), max_size=4))
def test_lists_of_one_type_are_read_by_type_as_one_by_one(
    data: st.DataObject, nested: list[bool]
) -> None:
    kind = data.draw(
        st.sampled_from([st.text(max_size=3), st.integers(-(2**62), 2**62), st.booleans()])
    )
    several = st.lists(kind | st.none(), max_size=3)
    decoder = HitDecoder(Selection.of({"index": "i"}), FIELDS)
    for _ in range(2):
        sources = [
            {"host": {"name": data.draw(several)}} if inside else {"host.name": data.draw(several)}
            for inside in nested
        ]
        found = decoder.decode(page(sources, [10**15] * len(sources))).columns["host.name"]
        expected = [flattened(parsed(json.dumps(s)), FIELDS).get("host.name") for s in sources]
        assert found.to_pylist() == expected


def test_lists_do_not_send_a_page_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), FIELDS)
    body = page([{"host": {"name": ["a", "b"]}, "port": [n]} for n in range(9)], [10**15] * 9)
    monkeypatch.setattr(LooseHits, "decode", None)
    assert decoder.decode(body).columns["host.name"].to_pylist() == [cell(["a", "b"])] * 9


@pytest.mark.parametrize("values", [[1.5, 2], [2, 1.5, 7], [[1.5], 2]])
def test_several_numbers_stay_several(values: list[Any]) -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), ["port"], numbers=["port"])
    (found,) = decoder.decode(page([{"port": values}], [0])).columns["port"].to_pylist()
    flat = [n for v in values for n in (v if isinstance(v, list) else [v])]
    assert list(map(float, values_of(found))) == flat


def test_values_that_the_server_looked_up_are_all_taken() -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), ["port"], asked=["port"])
    looked_up: list[dict[str, Any]] = [{"port": [22, 80]}, {"port": ["x"]}, {}]
    found = decoder.decode(page([{}, {}, {}], [], looked_up)).columns["port"]
    assert found.to_pylist() == [cell(["22", "80"]), "x", None]


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80)
seldom = st.one_of(numbers, numbers, numbers, st.sampled_from(["1.50", "", "none", True, None]))


@given(st.lists(st.lists(seldom, max_size=6), max_size=5))
def test_of_a_number_field_the_number_is_kept_and_what_is_none_as_text(
    pages: list[list[Any]],
) -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), ["port"], numbers=["port"])
    for values in pages:
        column = decoder.decode(page([{"port": v} for v in values], [0] * len(values)))
        for found, given_value in zip(column.columns["port"].to_pylist(), values, strict=True):
            if isinstance(given_value, float | int) and not isinstance(given_value, bool):
                assert float(found) == float(given_value)
            else:
                assert found == (str(given_value).lower() if given_value is True else given_value)


STAMPS = {"@timestamp": "2026-03-01T10:00:00.123Z", "event": {"ingested": "2026-03-01T10:00:01Z"}}
STAMPED = 1_772_359_200_123


TOLD = {"@timestamp": 1_000, "event.ingested": 1_000}  # as a `date` has them


def telling(told: Mapping[str, int] = TOLD) -> HitDecoder:
    return HitDecoder(Selection.of({"index": "i"}), ["port"], told=told)


def test_times_are_read_from_documents_where_mappings_say_that_they_tell_them() -> None:
    decoder = telling()
    assert LOOKED_UP not in decoder.request()
    told = decoder.decode(page([STAMPS | {"port": 2}, {"port": 1}], [], [{}, {}]), looked_up=False)
    assert told.time.to_pylist() == [STAMPED * 1000, None]
    assert told.arrival.to_pylist() == [(STAMPED + 877) * 1000, None]


@pytest.mark.parametrize("told", [{}, {"@timestamp": 1_000}, {"event.ingested": 1}])
def test_times_are_looked_up_unless_documents_tell_both(told: Mapping[str, int]) -> None:
    assert LOOKED_UP in telling(told).request()


@pytest.mark.parametrize(("unit", "micros"), [(1_000, STAMPED * 1000), (1, STAMPED * 1000 + 456)])
@pytest.mark.parametrize("more", ["", "789"])
def test_a_document_tells_no_more_than_the_server_keeps(unit: int, micros: int, more: str) -> None:
    told = dict.fromkeys(TOLD, unit)
    source = {"@timestamp": f"2026-03-01T10:00:00.123456{more}Z", "port": 1}
    found = telling(told).decode(page([source, {"port": 1}], [], [{}, {}]), looked_up=False)
    assert found.time.to_pylist() == [micros, None]


@pytest.mark.parametrize(
    "source",
    [
        {"@timestamp": "01.03.2026 10:00", "port": 1},
        {"@timestamp": STAMPED, "port": 1},
        {"@timestamp": "2026-03-01T10:00:00", "port": 1},
        {"@timestamp": ["2026-03-01T10:00:00Z"], "port": 1},
        {"@timestamp": "2026-03-01T10:00:00Z", "port": {"other": 1}},
    ],
)
def test_a_page_that_does_not_tell_its_times_is_asked_for_again(source: dict[str, Any]) -> None:
    decoder = telling()
    with pytest.raises(TimesUnclear):
        decoder.decode(page([source], [], [{}]), looked_up=False)
    assert LOOKED_UP in decoder.request()
    looked_up = {"@timestamp": [str(STAMPED)], "event.ingested": [str(STAMPED + 877)]}
    assert decoder.decode(page([source], [], [looked_up])).time.to_pylist() == [STAMPED * 1000]
    decoder.decode(page([STAMPS | {"port": 1}], [], [looked_up]))
    assert LOOKED_UP in decoder.request()  # and never believed again


def test_an_empty_page_tells_nothing_and_is_not_asked_for_again() -> None:
    decoder = telling()
    assert len(decoder.decode(page([], []), looked_up=False).ids) == 0
    assert LOOKED_UP not in decoder.request()


@given(st.integers(-(10**15), 9 * 10**15))
def test_a_time_is_the_microsecond_it_lies_in(exact: int) -> None:
    decoder = HitDecoder(Selection.of({"index": "i"}), ())
    ends = [exact * 1000, exact * 1000 + 999]
    assert decoder.decode(page([{}, {}], list(ends))).time.to_pylist() == [exact, exact]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"hits": {}}', b'{"hits": null}', b"\xff"])
def test_what_is_no_page_is_unavailable_and_not_empty(body: bytes) -> None:
    with pytest.raises(SiemUnavailable):
        HitDecoder(Selection.of({"index": "i"}), FIELDS).decode(body)


def test_a_page_that_is_cut_anywhere_is_no_page() -> None:
    whole = page([{"port": 1}, {"host": {"name": "a"}}], [10**15, None])
    decoder = HitDecoder(Selection.of({"index": "i"}), FIELDS)
    for end in range(len(whole)):
        with pytest.raises(SiemUnavailable):
            decoder.decode(whole[:end])
