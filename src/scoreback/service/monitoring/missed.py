"""Attacks that later labels and incidents tell of, but that no alert of the detector showed."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import ScoreQuery
from scoreback.models.labels.truths import truths_as_of
from scoreback.records import Alert, LabelQuery, Stage, Verdict
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.in_force.holding import held_back_here
from scoreback.service.monitoring.subject import DAY, Subject
from scoreback.service.state.label_ledger import LabelLedger

SCORES = 7 * DAY  # of stored scores that positives are looked up in; more costs too much each hour
_LABELS = 30 * DAY


def missed(subject: Subject, alerts: Sequence[Alert]) -> dict[str, float]:
    """How many positives, by event and by incident, no alert of the detector showed.

    An event counts if its score is stored, and neither raised an alert nor was held back in favour
    of another of its entity: a lower bound, as most scores below the threshold are only counted. An
    incident counts if no alert of its entity lies within its time.
    """
    labels = _labels(subject)
    if labels is None:
        return {}
    of_events = labels.filter(pc.is_valid(labels["event_id"]))
    truths = truths_as_of(of_events, subject.detector, subject.now)
    positive = truths.event_ids.filter(pa.array(np.asarray(truths.truth) == 1))
    incidents = labels.filter(pc.is_valid(labels["entity"]))
    return {
        "false_negatives": _unalerted(subject, positive) if len(positive) else 0,
        "missed_incidents": _missed_incidents(subject, incidents.to_pylist(), alerts),
    }


def _labels(subject: Subject) -> pa.Table | None:
    """Labels of the last weeks, as training would see them now; None without a source of labels."""
    spec, app, since = subject.detector.labels, subject.app, subject.now - _LABELS
    found = []
    if spec.verdicts is not None and app.connector.labels is not None:
        query = LabelQuery(
            detector=subject.name,
            entity=subject.detector.entity,
            since=since,
            window=spec.verdicts.window,
        )
        ledger = LabelLedger(app.state, app.connector.name)
        ledger.sync(app.connector.labels.read, query, as_of=subject.now, now=subject.now)
        found.append(ledger.labels(subject.name, since=since, as_of=subject.now))
    if spec.incidents is not None:
        found.append(incident_labels(Path(spec.incidents)))
    return pa.concat_tables(found) if found else None


def _unalerted(subject: Subject, positive: pa.Array) -> int:
    """How many *positive* events have a stored live score, but no alert that analysts saw."""
    query = ScoreQuery(detector=subject.name, window=subject.last(SCORES), stage=Stage.LIVE.value)
    held_back = held_back_here(subject.app.connector.rules, subject.detector.alerts.throttle)
    shown: set[str] = set()
    quiet: dict[str, tuple[str, date] | None] = {}  # event → entity, day of an alert it may join
    alerted: set[tuple[str, date]] = set()
    for batch in subject.app.connector.scores.read(query):
        alerts = batch.batch.filter(batch.batch["alert"])
        if held_back:
            alerted.update(filter(None, map(_day_of, _rows(alerts))))
        shown.update(alerts["event_id"].to_pylist())
        mine = batch.batch.filter(pc.is_in(batch.batch["event_id"], value_set=positive))
        for row in _rows(mine.filter(pc.invert(mine["alert"]))):
            hit = held_back and row["score"] >= row["threshold"]
            quiet[row["event_id"]] = _day_of(row) if hit else None
    return sum(
        event not in shown and (joined is None or joined not in alerted)
        for event, joined in quiet.items()
    )


_USED = ("event_id", "event_time", "entity", "score", "threshold")


def _rows(scores: pa.RecordBatch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = scores.select(list(_USED)).to_pylist()
    return rows


def _day_of(row: Mapping[str, Any]) -> tuple[str, date] | None:
    """The entity and the UTC day whose alerts a hit joins; None where it has no entity."""
    return None if row["entity"] is None else (row["entity"], row["event_time"].date())


def _missed_incidents(
    subject: Subject, labels: Sequence[dict[str, Any]], alerts: Sequence[Alert]
) -> int:
    """How many incidents that began lately have no alert of their entity within their time."""
    taken_back = {_key(label) for label in labels if label["withdrawn"]}
    true = {
        _key(label): label
        for label in labels
        if label["verdict"] == Verdict.TRUE_POSITIVE and label["label_time"] <= subject.now
    }
    count = 0
    for key in true.keys() - taken_back:
        entity, since, until = (true[key][name] for name in ("entity", "since", "until"))
        if since is not None and until is not None and since >= subject.now - _LABELS:
            count += not any(a.entity == entity and since <= a.event_time < until for a in alerts)
    return count


def _key(label: dict[str, Any]) -> tuple[object, ...]:
    names = ("entity", "since", "until", "verdict", "labeller", "source", "alert_id")
    return tuple(label[name] for name in names)
