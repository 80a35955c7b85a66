"""The reasons of alerts in words, as in ECS, so that they can be searched and counted."""

from collections.abc import Mapping

import msgspec
import pyarrow as pa

REASON = "event.reason"
_WORDS = "text"


def sentences(reasons: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A list of sentences for each of *reasons*, a JSON list; null where there are none."""
    return pa.array([_sentences(found) for found in reasons.to_pylist()], pa.list_(pa.string()))


def _sentences(reasons: str | None) -> list[str] | None:
    if not reasons:
        return None
    items = msgspec.json.decode(reasons)
    words = [one.get(_WORDS) if isinstance(one, Mapping) else one for one in items]
    return [one for one in words if isinstance(one, str) and one] or None
