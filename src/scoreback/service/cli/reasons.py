"""Reason codes of an alert as one line."""

import json


def in_words(reasons: str | None) -> str:
    """The texts of a JSON list of reasons, joined; empty where there are none."""
    if not reasons:
        return ""
    return "; ".join(str(item["text"]) for item in json.loads(reasons) if item.get("text"))
