"""Decodes pages of search hits into columns.

Fields come from ``_source`` (measured cheaper for client and server than asking for each by
``fields``), but for those that a document need not hold: constant keywords and runtime fields.
Times come from doc values, as the server itself understands them, however they are written.
"""

from collections.abc import Collection, Container, Sequence
from typing import Any

from scoreback.connectors.elastic.loose_hits import LooseHits
from scoreback.connectors.elastic.pages import Page
from scoreback.connectors.elastic.selection import Selection
from scoreback.connectors.elastic.typed_hits import TypedHits
from scoreback.connectors.typed import Layout

ATTEMPTS = 3  # pages in a row that Arrow refuses: then documents have no types worth learning


class HitDecoder:
    """Decodes pages of one query, by the types that values had so far; several threads may."""

    def __init__(
        self,
        selection: Selection,
        fields: Sequence[str],
        *,
        numbers: Collection[str] = (),
        asked: Sequence[str] = (),
        valued: Container[str] = (),
    ) -> None:
        """Prepare for *fields* of the sources, and *asked* ones that the server looks up.

        Those that are *valued* are looked up in what is kept beside the documents. Of fields in
        *numbers* only the number counts: they may come as float64.
        """
        self._selection, self._asked, self._valued = selection, tuple(asked), valued
        self._fields = [name for name in fields if name not in self._asked]
        self._numbers = frozenset(numbers)
        self._loose = LooseHits(selection, self._fields, self._asked)
        self._typed: TypedHits | None = None
        self._left = 0 if self._asked else ATTEMPTS

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
        if self._left:
            typed = self._typed or self._learnt(body)
            if typed is not None:
                try:
                    page = typed.decode(body)
                except ValueError:
                    self._typed = None  # the next page is learnt from
                    self._left -= 1
                else:
                    self._typed, self._left = typed, ATTEMPTS
                    return page
        return self._loose.decode(body)

    def _learnt(self, body: bytes) -> TypedHits | None:
        documents = self._loose.some_documents(body)
        if not documents:
            return None  # nothing to learn from
        layout = Layout.learnt(self._fields, self._numbers, documents)
        if layout is None:
            self._left -= 1
            return None
        return TypedHits(self._selection, layout)
