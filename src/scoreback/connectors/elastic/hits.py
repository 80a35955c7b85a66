"""A page of search hits, decoded in one typed call and turned into columns.

Fields come from ``_source`` (measured cheaper for client and server than asking for each by
``fields``), but for those that a document need not hold: constant keywords and runtime fields.
Times come from doc values, as the server itself understands them, however they are written.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.decode import FieldDecoder
from scoreback.connectors.elastic.collection import COLLECTION
from scoreback.connectors.elastic.selection import Selection
from scoreback.connectors.flatten import MAX_TEXT, as_text
from scoreback.errors import SiemUnavailable

_US_OF_MS, _NS_OF_US = 1_000, 1_000
_EXACT = pa.decimal128(25, 6)  # milliseconds with their nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The events of one answer, in its order."""

    ids: list[str]
    refs: list[str]  # index, or index, sequence number and primary term
    time: pa.Array  # microseconds, int64; null where a document has none
    arrival: pa.Array
    columns: Mapping[str, pa.Array]  # text, null where absent
    pit: str
    after: list[Any] | None  # where the next page begins; None: this was the last
    without_source: bool  # some document came without its source


class HitDecoder:
    """Decodes pages of one query."""

    def __init__(
        self,
        selection: Selection,
        fields: Sequence[str],
        asked: Sequence[str] = (),
        valued: Container[str] = (),
    ) -> None:
        """Prepare for *fields* of the sources, and *asked* ones that the server looks up.

        Those that are *valued* are looked up in what is kept beside the documents.
        """
        self._asked, self._valued = tuple(asked), valued
        self._selection = selection
        self._sources = FieldDecoder([name for name in fields if name not in self._asked])
        wanted = [selection.time, selection.arrival, *self._asked]
        looked_up = msgspec.defstruct(
            "LookedUp",
            [(f"m{i}", list[Any], None) for i in range(len(wanted))],
            rename={f"m{i}": name for i, name in enumerate(wanted)},
            gc=False,
        )
        self._nothing = looked_up()
        self._typed = _decoder(looked_up, self._sources.type) if self._sources.type else None
        self._loose = _decoder(looked_up, msgspec.Raw)

    def request(self, *, sequence: bool) -> dict[str, Any]:
        """What a search has to ask for, beside query, order and size."""
        times = (self._selection.time, self._selection.arrival)
        body: dict[str, Any] = {
            "docvalue_fields": [{"field": name, "format": "epoch_millis"} for name in times],
            "track_total_hits": False,
        }
        body["docvalue_fields"] += [{"field": n} for n in self._asked if n in self._valued]
        shown = [{"field": name} for name in self._asked if name not in self._valued]
        if shown:
            body["fields"] = shown
        if sequence:
            body["seq_no_primary_term"] = True
        return body

    def decode(self, body: bytes) -> Page:
        """The page that *body* holds.

        Raises:
            SiemUnavailable: the answer is cut short, or no answer of a search.
        """
        with COLLECTION.paused():
            return self._decode(body)

    def _decode(self, body: bytes) -> Page:
        found = None
        if self._typed is not None:
            try:
                found = self._typed.decode(body)
            except (msgspec.DecodeError, RecursionError):
                found = None  # some document has no type; all are read one by one
        loose = found is None
        try:
            answer = self._loose.decode(body) if found is None else found
        except (msgspec.DecodeError, RecursionError) as error:
            raise SiemUnavailable(
                f"an answer to a search broke off or cannot be read: {error}",
                hint="the same request is made again; nothing is lost",
            ) from error
        hits = answer.hits.hits
        columns = self._columns(hits, body, loose=loose)
        looked_up = [hit.fields or self._nothing for hit in hits]
        for number, name in enumerate(self._asked, start=2):
            columns[name] = _text_column(looked_up, f"m{number}")
        return Page(
            ids=list(map(attrgetter("id"), hits)),
            refs=_refs(hits),
            time=_times(looked_up, "m0"),
            arrival=_times(looked_up, "m1"),
            columns=columns,
            pit=answer.pit_id,
            after=hits[-1].sort if hits else None,
            without_source=type(None) in set(map(type, map(attrgetter("source"), hits))),
        )

    def _columns(self, hits: Sequence[Any], body: bytes, *, loose: bool) -> dict[str, pa.Array]:
        if loose:
            texts = [_document(hit) for hit in hits]
            return dict(self._sources.decode(texts).columns)

        def documents(rows: Sequence[int]) -> list[str]:
            raw = self._loose.decode(body).hits.hits
            return [_document(raw[row]) for row in rows]

        found = self._sources.columns([hit.source for hit in hits], documents).columns
        return {name: _no_longer_than_text(column) for name, column in found.items()}


def _decoder(looked_up: type[msgspec.Struct], source: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401
    hit = msgspec.defstruct(
        "Hit",
        [
            ("id", str),
            ("index", str),
            ("source", source | None if source is not msgspec.Raw else source, None),
            ("fields", looked_up | None, None),
            ("sort", list[Any], ()),
            ("seq_no", int | None, None),
            ("primary_term", int | None, None),
        ],
        rename={
            "id": "_id", "index": "_index", "source": "_source", "seq_no": "_seq_no",
            "primary_term": "_primary_term",
        },
        gc=False,
    )  # fmt: skip
    inner = msgspec.defstruct("Hits", [("hits", list[hit])])  # type: ignore[valid-type]
    answer = msgspec.defstruct("Answer", [("hits", inner), ("pit_id", str, "")])
    return msgspec.json.Decoder(answer, float_hook=str)


def _document(hit: Any) -> str:  # noqa: ANN401 - a type made above
    return bytes(hit.source).decode(errors="replace") if hit.source is not None else "{}"


def _refs(hits: Sequence[Any]) -> list[str]:
    """Where each event is, and which state of it was read, where that was asked for."""
    if not hits or hits[0].seq_no is None:
        return list(map(attrgetter("index"), hits))
    return [f"{hit.index} {hit.seq_no} {hit.primary_term}" for hit in hits]


def _times(looked_up: Sequence[Any], member: str) -> pa.Array:
    """Doc values in milliseconds, with decimals where the field has finer ones, as microseconds.

    What is finer is cut off, never rounded: an event would leave the window that it is asked for by
    and not reach the next one.
    """
    found = map(attrgetter(member), looked_up)
    texts = pa.array([values[0] if values else None for values in found], pa.string())
    try:
        return pc.multiply(texts.cast(pa.int64()), _US_OF_MS)
    except pa.ArrowInvalid:
        exact = texts.cast(_EXACT)
    nanos = np.frombuffer(exact.buffers()[1], np.int64)[::2]  # of 128 bits the lower half
    return pa.array(nanos // _NS_OF_US, mask=pc.is_null(exact).to_numpy(zero_copy_only=False))


def _text_column(looked_up: Sequence[Any], member: str) -> pa.Array:
    found = map(attrgetter(member), looked_up)
    firsts = [values[0] if values else None for values in found]
    return _no_longer_than_text(pa.array([_text(v) for v in firsts], pa.string()))


def _text(value: Any) -> str | None:  # noqa: ANN401 - JSON
    return value if value is None or isinstance(value, str) else as_text(value)


def _no_longer_than_text(column: pa.Array) -> pa.Array:
    """A value that is too long to be a field is missing."""
    longest = pc.max(pc.binary_length(column)).as_py()
    if longest is None or longest <= MAX_TEXT:
        return column
    return pc.if_else(pc.greater(pc.utf8_length(column), MAX_TEXT), None, column)
