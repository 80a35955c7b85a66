"""A page of hits gives what a plain JSON decoder gives, however the documents are shaped."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.elastic.hits import HitDecoder
from scoreback.connectors.elastic.selection import Selection
from scoreback.connectors.flatten import flattened, parsed
from scoreback.errors import SiemUnavailable

FIELDS = ("host.name", "a.b.c", "port", "labels.team")
scalar = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5)
key = st.sampled_from(["host", "host.name", "name", "a", "b", "c", "a.b", "b.c", "port", "labels"])
value = st.recursive(
    scalar | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(key, inner, max_size=3),
    max_leaves=6,
)
nanos = st.integers(-(10**18), 4 * 10**18)


def page(sources: list[dict[str, Any]], times: list[int | None]) -> bytes:
    hits = [
        {
            "_index": "i", "_id": str(n), "_source": source, "sort": [n],
            "_seq_no": n, "_primary_term": 1,
            "fields": {} if time is None else {"@timestamp": [milliseconds(time)]},
        }
        for n, (source, time) in enumerate(zip(sources, times, strict=True))
    ]  # fmt: skip
    return json.dumps({"pit_id": "p", "took": 1, "hits": {"hits": hits}}).encode()


def milliseconds(ns: int) -> str:
    """As the server writes a date with nanoseconds."""
    sign, whole = "-" if ns < 0 else "", abs(ns)
    parts = f"{sign}{whole // 10**6}.{whole % 10**6:06d}"
    return parts.rstrip("0").rstrip(".") if ns % 10**6 == 0 else parts


@given(st.lists(st.tuples(st.dictionaries(key, value, max_size=4), st.none() | nanos), max_size=5))
@settings(deadline=None)
def test_a_page_gives_what_a_plain_decoder_gives(
    rows: list[tuple[dict[str, Any], int | None]],
) -> None:
    sources, times = [source for source, _ in rows], [time for _, time in rows]
    found = HitDecoder(Selection.of({"index": "i"}), FIELDS).decode(page(sources, times))
    for name in FIELDS:
        expected = [flattened(parsed(json.dumps(source)), FIELDS).get(name) for source in sources]
        assert found.columns[name].to_pylist() == expected
    assert found.ids.to_pylist() == [str(n) for n in range(len(rows))]
    assert found.refs.to_pylist() == [f"i {n} 1" for n in range(len(rows))]
    assert found.time.to_pylist() == [None if ns is None else ns // 1000 for ns in times]
    assert found.after == ([len(rows) - 1] if rows else None)


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
