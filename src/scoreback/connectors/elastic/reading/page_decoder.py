"""Decodes pages of search hits into columns.

Fields come from ``_source`` (measured cheaper for client and server than requesting each by
``fields``), except those that a document need not hold: constant keywords and runtime fields. Times
are as the server understands them, whatever their format: its doc values. Where mappings guarantee
that documents hold the same time in ISO 8601, that is read instead, which is cheaper for both
sides; after the first document with another format, doc values are requested.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from types import MappingProxyType
from typing import Any

from scoreback.connectors.elastic.reading.loose_hits import LooseHits
from scoreback.connectors.elastic.reading.pages import Page, text_of_time
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.reading.typed_hits import TypedHits
from scoreback.connectors.json.typed import Shapes

LOOKED_UP = "docvalue_fields"
FIRST = 500  # documents to learn from at first; after a page that did not fit, all of it
ATTEMPTS = 3  # after this many refused pages in a row, documents have no types worth learning


class TimesUnclear(Exception):
    """Documents do not hold their times as the server understands them."""


class HitDecoder:
    """Decodes pages of one query with the types seen so far; safe for several threads."""

    def __init__(
        self,
        selection: Selection,
        fields: Sequence[str],
        *,
        numbers: Collection[str] = (),
        asked: Sequence[str] = (),
        valued: Container[str] = (),
        told: Mapping[str, int] = MappingProxyType({}),
        sequence: bool = False,
    ) -> None:
        """Prepare for *fields* in the sources, and for *asked* ones that the server looks up.

        Fields in *valued* are looked up in doc values. For fields in *numbers* only the number
        matters: they may come as float64. *told* are time fields that documents hold, with the
        server's resolution in microseconds. With *sequence*, the server is asked for document
        versions, because scores are written onto the documents.
        """
        times = (selection.time, selection.arrival)
        # Times are looked up anyway, in milliseconds: their texts are made from these.
        self._of_times = [name for name in times if name in asked]
        self._asked = tuple(name for name in asked if name not in times)
        self._selection, self._valued = selection, valued
        self._fields = [name for name in fields if name not in asked]
        self._loose = LooseHits(selection, self._fields, self._asked)
        self._shapes = Shapes(dict.fromkeys([*self._fields, *times]), frozenset(numbers))
        self._lock = Lock()
        self._typed: TypedHits | None = None
        self._left = 0 if asked else ATTEMPTS
        self._units, self._sequence = told, sequence
        self._trusted = not asked and told.keys() >= set(times)

    def request(self) -> dict[str, Any]:
        """The parts of a search request beside query, order and size."""
        times = (self._selection.time, self._selection.arrival)
        body: dict[str, Any] = {"track_total_hits": False}
        if not self._trusted:
            values = [{"field": name, "format": "epoch_millis"} for name in times]
            values += [{"field": name} for name in self._asked if name in self._valued]
            body[LOOKED_UP] = values
        shown = [{"field": name} for name in self._asked if name not in self._valued]
        if shown:
            body["fields"] = shown
        if self._sequence:
            body["seq_no_primary_term"] = True
        return body

    def decode(self, body: bytes, *, looked_up: bool = True) -> Page:
        """The page in *body*, whose request asked for `LOOKED_UP` or not.

        Raises:
            TimesUnclear: the times have to be looked up; request the same page again.
            SiemUnavailable: the answer is incomplete, or not an answer to a search.
        """
        if self._left > 0:
            typed = self._typed or self._learnt(body)
            if typed is not None:
                try:
                    page = typed.decode(body, looked_up=looked_up)
                except ValueError:
                    self._count(typed, fits=False)
                else:
                    self._count(typed, fits=True)
                    return page
        page = self._with_times(self._loose.decode(body))
        if not looked_up and len(page.ids):
            self._trusted = False
            raise TimesUnclear
        return page

    def _with_times(self, page: Page) -> Page:
        """*page* with the texts of times that were requested as fields."""
        given = {self._selection.arrival: page.arrival, self._selection.time: page.time}
        texts = {name: text_of_time(given[name]) for name in self._of_times}
        return replace(page, columns={**page.columns, **texts}) if texts else page

    def _count(self, typed: TypedHits, *, fits: bool) -> None:
        """After a page that does not fit, learn from the next one; once for all threads."""
        with self._lock:
            if self._typed is not typed:
                return  # other types were learnt meanwhile
            if fits:
                self._left = ATTEMPTS
            else:
                self._typed = None
                self._left -= 1

    def _learnt(self, body: bytes) -> TypedHits | None:
        with self._lock:
            if self._typed is not None or self._left <= 0:
                return self._typed  # another thread learnt, or gave up, meanwhile
            documents = self._loose.documents(body, FIRST if self._left == ATTEMPTS else None)
            if not documents:
                return None  # nothing to learn from
            self._shapes.learn(documents)
            layout = self._shapes.layout()
            if layout is None:
                self._left -= 1
                return None
            self._typed = TypedHits(self._selection, layout, self._units, sequence=self._sequence)
            return self._typed
