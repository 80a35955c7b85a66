"""The reasons of an alert, as one line and as JSON."""

import json
from dataclasses import asdict
from typing import Any

from scoreback.records import Alert


def in_words(reasons: str | None) -> str:
    """The texts of a JSON list of reasons, joined; empty if there are none."""
    if not reasons:
        return ""
    return "; ".join(str(item["text"]) for item in json.loads(reasons) if item.get("text"))


def as_plain(alert: Alert) -> dict[str, Any]:
    """*alert* as JSON values; its reasons are a list, not JSON text."""
    return asdict(alert) | {"reasons": json.loads(alert.reasons) if alert.reasons else []}
