"""Reason codes of an alert, as one line for people and as JSON for machines."""

import json
from dataclasses import asdict
from typing import Any

from scoreback.records import Alert


def in_words(reasons: str | None) -> str:
    """The texts of a JSON list of reasons, joined; empty where there are none."""
    if not reasons:
        return ""
    return "; ".join(str(item["text"]) for item in json.loads(reasons) if item.get("text"))


def as_plain(alert: Alert) -> dict[str, Any]:
    """*alert* as plain values; its reasons are a list, not the text of one."""
    return asdict(alert) | {"reasons": json.loads(alert.reasons) if alert.reasons else []}
