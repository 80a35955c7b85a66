"""The settings door: an index that the service and people write, one document for each key.

Anyone who may write this index may change thresholds. A document holds what a person wants to know
(detector, key, value, author, at, reason, and whether it applies), and under ``noted`` the same as
a service last wrote it: where the two differ, a person made a change.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from scoreback.connectors.doors.settings import Entry, Override
from scoreback.connectors.elastic.names import LONGEST_KEYWORD, Names
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused
from scoreback.times import EPOCH, MICROSECOND

MOST = 10_000  # maximum documents; more are a mistake, and no search returns more
LONGEST = 200  # characters of a detector, a key or an author
LONGEST_REASON = 2_000

_TEXTS = {"detector": LONGEST, "key": LONGEST, "value": LONGEST_KEYWORD, "author": LONGEST}


class SettingsIndex:
    """The settings of one namespace."""

    def __init__(self, client: Client, names: Names, *, writable: bool) -> None:
        """Keep settings through *client*, or only read them if not *writable*."""
        self.writable = writable
        self._client, self._index = client, names.settings

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield what services recorded at or after *since*, oldest first."""
        noted = [entry.noted for entry in self.entries() if entry.noted is not None]
        found = [one for one in noted if one.at >= since]
        yield from sorted(found, key=lambda one: (one.at, one.detector, one.key))

    def identity(self) -> str:
        """The index's own id, which a new index of the same name does not have."""
        params = {"filter_path": "*.settings.index.uuid"}
        found = self._client.call("GET", f"/{self._index}", absent=(404,), params=params)
        about = next(iter((found or {}).values()), None)
        return "" if about is None else str(about["settings"]["index"]["uuid"])

    def entries(self) -> Sequence[Entry]:
        """All documents, by detector, key and name."""
        body = {"size": MOST, "seq_no_primary_term": True, "track_total_hits": MOST + 1}
        found = self._client.search(self._index, body, absent=(404,))
        if found is None:
            return ()
        if found["hits"]["total"]["value"] > MOST:
            raise SiemRefused(
                f"index {self._index} holds more than {MOST:,} settings",
                hint="remove the settings of detectors that no longer exist; until then none is"
                " read",
            )
        entries = [_entry(hit) for hit in found["hits"]["hits"]]
        return sorted(entries, key=lambda one: (one.detector, one.key, one.name))

    def entry(self, detector: str, key: str) -> Entry | None:
        """The document of this key as it is at this moment, whether searchable or not."""
        path = f"/{self._index}/_doc/{_quoted(_name(detector, key))}"
        found = self._client.call("GET", path, absent=(404,))
        return _entry(found) if found and found.get("found") else None

    def keep(self, override: Override, over: Entry | None, *, stands: str) -> bool:
        """Write *override* as the document of its key, unless somebody else wrote meanwhile."""
        noted = {
            "value": override.value,
            "author": _printable(override.author).strip()[:LONGEST],
            "at": text(override.at),
            "reason": _printable(override.reason)[:LONGEST_REASON],
        }
        about = {"detector": override.detector, "key": override.key}
        document = {**about, **noted, "stands": stands, "noted": {**about, **noted}}
        only = {"op_type": "create"} if over is None else _only(over)
        path = f"/{self._index}/_doc/{_quoted(_name(override.detector, override.key))}"
        params = {"refresh": True, **only}
        return self._client.call("PUT", path, document, absent=(409,), params=params) is not None

    def tell(self, entry: Entry, stands: str) -> bool:
        """Write *stands* into *entry*; returns whether nobody else wrote meanwhile."""
        path = f"/{self._index}/_update/{_quoted(entry.name)}"
        body = {"doc": {"stands": stands}}
        params = {"refresh": True, **_only(entry)}
        return self._client.call("POST", path, body, absent=(404, 409), params=params) is not None

    def drop(self, entry: Entry) -> bool:
        """Remove a surplus *entry*; returns whether nobody else wrote it meanwhile."""
        path = f"/{self._index}/_doc/{_quoted(entry.name)}"
        params = {"refresh": True, **_only(entry)}
        return self._client.call("DELETE", path, absent=(404, 409), params=params) is not None


def _name(detector: str, key: str) -> str:
    return f"{detector}:{key}"


def _quoted(name: str) -> str:
    """*name* quoted as one part of a path, so that no name leads elsewhere."""
    return quote(name, safe=":")


def _only(entry: Entry) -> dict[str, object]:
    """Parameters that make a write fail if the document changed since *entry* was read."""
    number, _, term = entry.revision.partition(":")
    return {"if_seq_no": number, "if_primary_term": term}


def _entry(hit: Mapping[str, Any]) -> Entry:
    """An entry from a document as found; nothing in it is trusted."""
    source = hit.get("_source")
    content: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
    name, wrong = str(hit["_id"]), list[str]()
    texts = {field: _text(content.get(field), field, most, wrong) for field, most in _TEXTS.items()}
    wrong += [f"it has no {field}" for field in ("detector", "key") if not texts[field]]
    detector, key = texts["detector"] or "", texts["key"] or ""
    return Entry(
        name=name,
        revision=f"{hit['_seq_no']}:{hit['_primary_term']}",
        detector=detector,
        key=key,
        value=texts["value"] or None,
        author=texts["author"] or "",
        at=_time(content.get("at")),
        reason=_printable(content.get("reason"))[:LONGEST_REASON],
        noted=_noted(content.get("noted")),
        stands=str(content.get("stands") or ""),
        spare=name != _name(detector, key),
        wrong="; ".join(wrong),
    )


def _text(given: object, field: str, most: int, wrong: list[str]) -> str | None:
    """A value as the file would write it: people write numbers and booleans without quotes."""
    if given is None:
        return None
    if isinstance(given, bool):
        return str(given).lower()
    if not isinstance(given, str | int | float) or given in (math.inf, -math.inf):
        wrong.append(f"its {field} is not text")
        return None
    found = _printable(given).strip()
    if len(found) > most:
        wrong.append(f"its {field} is longer than {most} characters")
        return None
    return found


def _printable(given: object) -> str:
    """*given* as text that is safe to show in a terminal."""
    said = "" if given is None else str(given)
    return "".join(c if c.isprintable() else " " for c in said)


def _time(given: object) -> datetime | None:
    """A time as a date field accepts it; without an offset it is UTC."""
    try:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return EPOCH + int(given * 1000) * MICROSECOND
        found = parsed(str(given))
    except (ValueError, OverflowError):
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _noted(given: object) -> Override | None:
    """What a service wrote; None if somebody damaged it, which counts as a person's change."""
    if not isinstance(given, Mapping):
        return None
    try:
        value = given.get("value")
        return Override(
            detector=str(given["detector"]),
            key=str(given["key"]),
            value=None if value is None else str(value),
            author=str(given["author"]),
            at=parsed(given["at"]),
            reason=str(given["reason"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
