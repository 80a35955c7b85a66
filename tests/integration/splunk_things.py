"""What tests on the simulator of splunkd put into it: rules, scores, alerts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.names import ALERT_HITS, ALERTS
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import AlertRule
from scoreback.naming import alert_id, score_id
from scoreback.records import SCORE_COLUMNS, ScoreBatch, Severity

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def rule(name: str = "exfil-dns", **given: Any) -> AlertRule:  # noqa: ANN401 - of a rule
    """A rule over the scores that `scores` gives."""
    return AlertRule(
        **{
            "name": name, "detector": name, "version": "v1-aa", "per_entity": 3,
            "throttle": timedelta(hours=1), "budget": 20.0, "severity": Severity.HIGH,
            "entity_field": "source.ip", "description": "finds what leaves by DNS", **given,
        }
    )  # fmt: skip


def scores(
    events: Sequence[tuple[str, datetime, str | None]],
    detector: str = "exfil-dns",
    stage: str = "live",
) -> ScoreBatch:
    """Scores that are to alert, of events by id, time and entity."""
    rows = [
        {
            "score_id": score_id(detector, "v1-aa", stage, "splunk", event),
            "event_id": event, "event_ref": event, "event_time": at, "scored_at": NOW,
            "entity": entity, "detector": detector, "version": "v1-aa", "stage": stage,
            "score": 0.9, "risk": 90.0, "threshold": 0.5, "alert": True,
            "reasons": '["a \\"quoted\\" | reason"]',
        }
        for event, at, entity in events
    ]  # fmt: skip
    batch = pa.RecordBatch.from_pylist(rows, schema=SCORE_COLUMNS)
    return ScoreBatch(batch)


def put_alert(
    connector: SplunkConnector, event: str, at: datetime, entity: str = "10.0.0.1",
    rule: str = "exfil-dns",
) -> str:  # fmt: skip
    """An alert as the app's action writes it; its id."""
    opened_by = score_id(rule, "v1-aa", "live", "splunk", event)
    name = alert_id(rule, opened_by)
    seconds = at.timestamp()
    kv = KvStore(connector.client)
    row = {
        "_key": name, "alert_id": name, "rule": rule, "delivery": "alert", "detector": rule,
        "version": "v1-aa", "entity": entity, "event_id": event, "event_time": seconds,
        "raised_at": NOW.timestamp(), "score": 0.9, "risk": 90.0, "severity": "high",
        "reasons": "[]", "status": "open", "tags": [], "touched": False,
    }  # fmt: skip
    kv.insert(ALERTS, row)
    hit = {"_key": name, "alert_id": name, "rule": rule, "score_id": opened_by, "event_id": event}
    kv.insert(ALERT_HITS, {**hit, "event_time": seconds, "score": 0.9})
    return name
