"""Decodes a page whose values have arbitrary types: into objects, then column by column."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from scoreback.connectors.elastic.reading.pages import Page, micros_of
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.gc_pause import COLLECTION
from scoreback.connectors.json.decode import FieldDecoder
from scoreback.connectors.json.flatten import as_text as text_of
from scoreback.connectors.json.flatten import items
from scoreback.connectors.json.typed import as_text
from scoreback.errors import SiemUnavailable
from scoreback.multivalue import cell


class LooseHits:
    """Decodes pages of one query, hit by hit where no type fits."""

    def __init__(
        self, selection: Selection, fields: Sequence[str], asked: Sequence[str] = ()
    ) -> None:
        """Prepare for *fields* in the sources, and for *asked* ones that the server looked up."""
        self._asked = tuple(asked)
        self._sources = FieldDecoder(fields)
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

    def decode(self, body: bytes) -> Page:
        """The page in *body*.

        Raises:
            SiemUnavailable: the answer is incomplete, or not an answer to a search.
        """
        with COLLECTION.paused():
            return self._decode(body)

    def documents(self, body: bytes, most: int | None) -> list[Any]:
        """The documents of the page in *body*, as plain values; empty if it is not a page."""
        try:
            hits = self._loose.decode(body).hits.hits[:most]
            return [msgspec.json.decode(hit.source) for hit in hits if hit.source is not None]
        except (msgspec.DecodeError, RecursionError):
            return []

    def _decode(self, body: bytes) -> Page:
        found = None
        if self._typed is not None:
            try:
                found = self._typed.decode(body)
            except (msgspec.DecodeError, RecursionError):
                found = None  # the type does not fit some document, so all are read one by one
        loose = found is None
        try:
            answer = self._loose.decode(body) if found is None else found
        except (msgspec.DecodeError, RecursionError) as error:
            raise SiemUnavailable(
                f"an answer to a search broke off or cannot be read: {error}",
                hint="the request is repeated; nothing is lost",
            ) from error
        hits = answer.hits.hits
        columns = self._columns(hits, body, loose=loose)
        looked_up = [hit.fields or self._nothing for hit in hits]
        for number, name in enumerate(self._asked, start=2):
            columns[name] = _text_column(looked_up, f"m{number}")
        return Page(
            ids=pa.array(list(map(attrgetter("id"), hits)), pa.string()),
            refs=pa.array(_refs(hits), pa.string()),
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
        return {name: as_text(column) for name, column in found.items()}


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
    """The index of each event and, if requested, the document version that was read."""
    if not hits or hits[0].seq_no is None:
        return list(map(attrgetter("index"), hits))
    return [f"{hit.index} {hit.seq_no} {hit.primary_term}" for hit in hits]


def _times(looked_up: Sequence[Any], member: str) -> pa.Array:
    found = map(attrgetter(member), looked_up)
    return micros_of(pa.array([values[0] if values else None for values in found], pa.string()))


def _text_column(looked_up: Sequence[Any], member: str) -> pa.Array:
    found = map(attrgetter(member), looked_up)
    return as_text(pa.array([_cell(values) for values in found], pa.string()))


def _cell(values: list[Any] | None) -> str | None:
    """What the server returned for one field, as a cell."""
    return cell(text_of(value) for value in items(values) if value is not None)
