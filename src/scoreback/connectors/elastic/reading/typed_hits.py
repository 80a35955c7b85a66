"""Decodes a page whose values have the learnt types: Arrow reads it in one call."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.elastic.reading.pages import Page, micros_of, micros_of_text
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.json.typed import Layout, firsts, read

_TEXTS = pa.list_(pa.string())
_STATE = ("_seq_no", "_primary_term")


class TypedHits:
    """Decodes pages of one layout, in any thread."""

    def __init__(
        self, selection: Selection, layout: Layout, units: Mapping[str, int], *, sequence: bool
    ) -> None:
        """Prepare to find the fields of *layout*, among them the times of *selection*.

        Where documents hold times, *units* are the server's resolutions in microseconds. With
        *sequence*, the server was asked for document versions.
        """
        self._layout, self._units = layout, units
        self._times = (selection.time, selection.arrival)
        self._looked_up = list(dict.fromkeys(self._times))  # both times may be one field
        hit = {
            "_id": pa.string(), "_index": pa.string(), "_source": layout.type,
            "sort": pa.list_(pa.int64()),
        }  # fmt: skip
        if sequence:
            hit |= dict.fromkeys(_STATE, pa.int64())
        # Arrow would fill in a missing column for every hit, so only expected ones are read.
        self._told = _schema(hit)
        times = pa.struct([(name, _TEXTS) for name in self._looked_up])
        self._with_times = _schema(hit | {"fields": times})

    def decode(self, body: bytes, *, looked_up: bool) -> Page:
        """The page in *body*.

        Args:
            body: the answer.
            looked_up: whether it has the times as the server understands them; otherwise the
                documents' own times count.

        Raises:
            ValueError: a value has another type, or *body* is not an answer to a search.
        """
        pit, outer = read(body, self._with_times if looked_up else self._told).flatten()
        (lists,) = outer.flatten()
        if lists.null_count:
            raise ValueError("no list of hits")
        hits = lists.flatten()
        found = dict(zip((field.name for field in hits.type), hits.flatten(), strict=True))
        if found["_id"].null_count or found["_index"].null_count:
            raise ValueError("a hit without an id")
        columns = self._layout.columns(found["_source"])
        if looked_up:
            values = found["fields"].flatten()
            pairs = zip(self._looked_up, values, strict=True)
            times = {name: micros_of(firsts(lists)) for name, lists in pairs}
        elif self._layout.listed.isdisjoint(self._looked_up):
            times = {n: micros_of_text(columns[n], self._units[n]) for n in self._looked_up}
        else:
            raise ValueError("several times, of which the server takes the earliest")
        return Page(
            ids=found["_id"],
            refs=_refs(found),
            time=times[self._times[0]],
            arrival=times[self._times[1]],
            columns=columns,
            pit=pit[0].as_py() or "",
            after=found["sort"][-1].as_py() or [] if len(hits) else None,
            without_source=found["_source"].null_count > 0,
        )


def _schema(hit: Mapping[str, pa.DataType]) -> pa.Schema:
    """What to read of an answer with such hits."""
    hits = pa.struct([("hits", pa.list_(pa.struct(hit.items())))])
    return pa.schema([("pit_id", pa.string()), ("hits", hits)])


def _refs(hit: dict[str, pa.Array]) -> pa.Array:
    """The index of each event and, if requested, the document version that was read."""
    states: list[Any] = [hit[name] for name in _STATE if name in hit]
    if not states or states[0].null_count == len(states[0]):
        return hit["_index"]
    return pc.binary_join_element_wise(hit["_index"], *(s.cast(pa.string()) for s in states), " ")
