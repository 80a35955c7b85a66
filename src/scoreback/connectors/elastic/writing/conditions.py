"""A detector's condition as a separate document once a day, which a detection rule reads.

A status repeats the condition every hour, and Kibana's rules cannot suppress the rest of a day
without a licence for it. So the first status of a UTC day with the condition adds one more
document, under an id that repetitions on that day would have, too.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from scoreback.connectors.elastic.times import text
from scoreback.health import OWN, Condition, HealthDocument, Kind

CONDITION = "condition"  # the kind of such documents; readers of health ignore them


def conditions(documents: Sequence[HealthDocument]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and source of a document for each condition that one of *documents* reports."""
    for document in documents:
        for condition in Condition if document.kind is Kind.STATUS else ():
            if document.figures.get(condition) == 1:
                yield _id(document, condition), _source(document, condition)


def _id(document: HealthDocument, condition: Condition) -> str:
    day = document.at.astimezone(UTC).date().isoformat()
    parts = [CONDITION, document.detector, condition.value, day]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _source(document: HealthDocument, condition: Condition) -> dict[str, Any]:
    at = text(document.at)
    why = str(document.figures.get("why", ""))
    return {
        "@timestamp": at,
        "event": {
            "ingested": at,
            "kind": "metric",
            "dataset": OWN,
            **({"reason": why} if why else {}),
        },
        "rule": {"name": document.detector},
        "scoreback": {
            "detector": document.detector,
            "version": document.version,
            "health": {"kind": CONDITION, "subject": condition.value},
        },
    }
