"""Reads a detector's history and labels, trains, and registers what came out as a candidate."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from scoreback.connectors.base import Connector
from scoreback.errors import DataError
from scoreback.models.artifact import save
from scoreback.models.detector import Detector
from scoreback.models.features import FeaturePlan
from scoreback.models.history import reach
from scoreback.models.labels import labels_from_field
from scoreback.models.rows import History, feature_rows
from scoreback.models.training import Progress, Training, train
from scoreback.records import LABEL_COLUMNS, EventBatch, ModelVersion, TimeWindow
from scoreback.service.account import account_of, write_account
from scoreback.service.app import App
from scoreback.service.incidents import incident_labels
from scoreback.service.journal import journalled
from scoreback.service.versions import Versions


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """A trained candidate, and what was read for it."""

    version: ModelVersion
    training: Training
    history: History
    unparsable_labels: int
    account: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Feature rows and labels of a detector as they stood at a moment."""

    rows: pa.Table
    labels: pa.Table
    history: History
    unparsable_labels: int


def read_training_data(
    app: App,
    detector: Detector,
    as_of: datetime,
    progress: Callable[[int], None] | None = None,
) -> TrainingData:
    """Everything that training as of *as_of* may know: events that had arrived, all labels.

    Labels carry their own times; training takes those that existed.

    Raises:
        DataError: no event in the detector's history.
    """
    plan = FeaturePlan.of(detector)
    since = as_of - detector.train.history
    window = TimeWindow(since=since - reach(plan) - plan.lag, until=as_of)
    reader = _LabelledReader(app.connector, detector)
    fields = [detector.entity, *detector.split.hold_out]
    if detector.train.today_queue:
        fields.append(detector.train.today_queue)
    history = feature_rows(
        plan,
        reader.read(app, window),
        since=since,
        fields=tuple(dict.fromkeys(fields)),
        progress=progress,
    )
    if not history.rows.num_rows:
        raise DataError(
            f"detector {detector.name!r}: no event between {since:%Y-%m-%d} and {as_of:%Y-%m-%d}",
            hint="check the selection with `scoreback check`, or move --as-of into the data's time",
        )
    labels = pa.concat_tables([LABEL_COLUMNS.empty_table(), *reader.labels])
    if detector.labels.incidents is not None:
        incidents = incident_labels(Path(detector.labels.incidents))
        labels = pa.concat_tables([labels, incidents])
    rows = _named(history.rows, detector)
    return TrainingData(rows, labels, history, reader.unparsable)


def train_detector(
    app: App,
    detector: Detector,
    *,
    as_of: datetime,
    now: datetime,
    progress: Callable[[int], None] | None = None,
    stages: Progress | None = None,
) -> TrainOutcome:
    """Train *detector* as of *as_of* and register the winner as a candidate.

    Training the same data again gives the same artefact, and so the same version.

    Raises:
        TrainingRefused: with the reason and the numbers; nothing is registered.
        StateError: another process works on this detector.
    """
    with journalled(app.state, detector.name, "train", now) as counts:
        data = read_training_data(app, detector, as_of, progress)
        until = time.monotonic() + detector.train.search.total_seconds()
        training = train(
            detector,
            data.rows,
            data.labels,
            as_of,
            threads=app.settings.threads,
            time_is_up=lambda: time.monotonic() > until,
            progress=stages,
        )
        counts.update(training.counts)
        artifact = training.artifact
        version = Versions(app.state).register(
            detector=detector.name,
            artifact_hash=artifact.artifact_hash,
            algorithm=training.chosen,
            trained_as_of=as_of,
            created_at=now,
            row_hash=artifact.manifest.data.row_hash,
            metrics=artifact.manifest.metrics,
        )
        save(artifact, app.artifact_folder(detector.name, version.version))
        read = {
            "late_events": data.history.late,
            "uncast": dict(data.history.uncast),
            "unparsable_labels": data.unparsable_labels,
        }
        account = account_of(detector, training, version, read)
        write_account(app, account)
    return TrainOutcome(version, training, data.history, data.unparsable_labels, account)


class _LabelledReader:
    """Reads events and, on the way, the labels that their own fields carry."""

    def __init__(self, connector: Connector, detector: Detector) -> None:
        self._connector, self._detector = connector, detector
        self.labels: list[pa.Table] = []
        self.unparsable = 0

    def read(self, app: App, window: TimeWindow) -> Iterator[EventBatch]:
        if self._detector.labels.verdicts:
            for labels in self._connector.labels(window.since):
                self.labels.append(pa.Table.from_batches([labels.batch]))
        for piece in self._connector.slices(app.query(self._detector), window):
            for batch in self._connector.read(piece):
                self._label(batch)
                yield batch

    def _label(self, batch: EventBatch) -> None:
        spec = self._detector.labels.field
        if spec is None:
            return
        found = labels_from_field(batch, spec)
        self.unparsable += found.unparsable
        self.labels.append(pa.Table.from_batches([found.labels.batch]))


def _named(rows: pa.Table, detector: Detector) -> pa.Table:
    """Rows as training names them: ``entity`` and, where one is asked for, ``hold_out``."""
    features = [f.name for f in detector.features]
    table = pa.table(
        {
            "event_id": rows["event_id"],
            "event_time": rows["event_time"],
            "arrival_time": rows["arrival_time"],
            "entity": rows["field:" + detector.entity],
        }
    )
    for name in detector.split.hold_out:
        table = table.append_column("hold_out", rows["field:" + name])
    if detector.train.today_queue:
        table = table.append_column("today_queue", rows["field:" + detector.train.today_queue])
    for name in features:
        table = table.append_column(name, rows[name])
    return table
