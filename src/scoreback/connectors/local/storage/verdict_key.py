"""The identity of a verdict in the embedded SIEM: storing the same one again changes nothing."""

import hashlib
import json
from collections.abc import Mapping

_NAMES = (
    "alert_id", "event_id", "entity", "since", "until", "verdict", "label_time", "labeller",
    "source",
)  # fmt: skip


def verdict_key(row: Mapping[str, object]) -> str:
    """A digest of the verdict *row*, with times in microseconds; a withdrawal has its own."""
    content = [row.get(name) for name in _NAMES]
    if row.get("withdrawn"):
        content.append("withdrawn")
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
