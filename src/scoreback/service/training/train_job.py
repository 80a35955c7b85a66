"""Reads a detector's history and labels, trains, and registers the result as a candidate."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from scoreback.errors import ArtifactError, DataError, TrainingRefused
from scoreback.models.artifact.folder import load, save
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import reach
from scoreback.models.features.units import FIRST, UnitPlan
from scoreback.models.features.whole_history import History, feature_rows
from scoreback.models.labels.dataset import FIRST_EVENT
from scoreback.models.training.incumbent import Incumbent
from scoreback.models.training.training import Progress, Training, train
from scoreback.multivalue import firsts, readable, sets
from scoreback.records import ModelVersion, TimeWindow
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.labels.quarantine import KINDS, Held, note_held, without_contradictions
from scoreback.service.labels.quarantine import in_words as in_quarantine
from scoreback.service.state.journal import journalled
from scoreback.service.state.label_ledger import Synced
from scoreback.service.state.versions import Versions
from scoreback.service.training.account import account_of, write_account
from scoreback.service.training.golden_gate import golden_rows, refuse_blind
from scoreback.service.training.golden_gate import in_words as not_found
from scoreback.service.training.labelled_reader import LabelledReader
from scoreback.service.training.memory import Room

_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """A trained candidate, and what was read for it."""

    version: ModelVersion
    training: Training
    history: History
    label_problems: list[str]  # what keeps labels of a field from being used
    synced: Synced | None  # of the label ledger, if the detector learns from verdicts
    account: dict[str, Any]
    doubts: list[str]  # sentences on verdicts in quarantine, and on missing golden attacks


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Feature rows and labels of a detector as they stood at a moment."""

    rows: pa.Table
    labels: pa.Table
    history: History
    unparsable_labels: int
    label_problems: list[str]
    synced: Synced | None
    held: list[Held] = field(default_factory=list)  # verdicts in quarantine, by case


def read_training_data(
    app: App,
    detector: Detector,
    as_of: datetime,
    progress: Callable[[int], None] | None = None,
    *,
    now: datetime | None = None,
) -> TrainingData:
    """Everything that training as of *as_of* may know: events that had arrived, and all labels.

    Labels carry their own times; training uses those that existed. Verdicts go through the label
    ledger, so that reading as of the same moment again gives the same ones. *now* is the current
    time, by default *as_of*.

    Raises:
        DataError: the detector's history has no event, or none with a field that it reads.
        TrainingRefused: the history does not fit into the memory that training may use.
    """
    plan, units = FeaturePlan.of(detector), UnitPlan.of(detector)
    since = as_of - detector.train.history
    begin = since - reach(plan) - plan.lag
    if units is not None:
        begin = units.window_of(begin)  # so that no unit is read in part
    window = TimeWindow(since=begin, until=as_of)
    room = Room(detector, window, app.settings.training_memory)
    reader = LabelledReader(app, detector, window, now or as_of, progress, room)
    fields = [detector.entity, *detector.split.hold_out]
    if detector.train.today_queue:
        fields.append(detector.train.today_queue)
    if units is not None:
        fields.append(FIRST)
    names = tuple(dict.fromkeys(fields))
    history = feature_rows(plan, reader.read(), since=since, fields=names, holding=room.hold)
    if units is not None:
        history = reader.with_counts(history)
    if not history.rows.num_rows:
        raise DataError(
            f"detector {detector.name!r}: no {reader.what} between {since:%Y-%m-%d} and"
            f" {as_of:%Y-%m-%d}",
            hint=reader.hint,
        )
    reader.refuse_missing_fields()
    rows = named_rows(history.rows, detector)
    labels, held = reader.labels(), reader.held
    if detector.labels.verdicts is not None:
        labels, contradicted = without_contradictions(app, detector, labels, rows, as_of)
        held = [*held, *contradicted]
    return TrainingData(
        rows, labels, history, reader.unparsable, reader.label_problems, reader.synced, held
    )


def train_detector(
    app: App,
    detector: Detector,
    *,
    as_of: datetime,
    now: datetime,
    progress: Callable[[int], None] | None = None,
    stages: Progress | None = None,
    because: str = "",
    then: Callable[[ModelVersion], None] | None = None,
) -> TrainOutcome:
    """Train *detector* as of *as_of* and register the winner as a candidate.

    Training on the same data again gives the same artefact, and so the same version.

    Args:
        app: the open workspace.
        detector: the detector as in its file.
        as_of: training uses what was known by then.
        now: the current time.
        progress: called with the number of events read.
        stages: called with what training is doing.
        because: why it is trained, after "trained because"; stored with a new version.
        then: called with the version before the run counts as done.

    Raises:
        TrainingRefused: with the reason and the numbers; nothing is registered.
        StateError: another process works on this detector.
    """
    detector = in_force(app.state, detector).detector
    with journalled(app.state, detector.name, "train", now) as counts:
        data = read_training_data(app, detector, as_of, progress, now=now)
        if data.synced is not None:
            counts.update(labels_in_ledger=data.synced.labels, labels_new=data.synced.new)
        if as_of + _RECENT >= now:  # as of an earlier day, it would drop the current cases
            note_held(app, detector.name, data.held, KINDS)
        golden = golden_rows(app, detector, data.rows, as_of=as_of)
        until = time.monotonic() + detector.train.search.total_seconds()
        with _counted_if_refused(counts), _with_label_problems(data.label_problems):
            training = train(
                detector,
                data.rows,
                data.labels,
                as_of,
                threads=app.settings.threads,
                time_is_up=lambda: time.monotonic() > until,
                progress=stages,
                incumbent=_incumbent(app, detector.name),
            )
        counts.update(training.counts)
        artifact = training.artifact
        with _counted_if_refused(counts):
            refuse_blind(detector, artifact, golden)
        version = Versions(app.state).register(
            detector=detector.name,
            artifact_hash=artifact.artifact_hash,
            algorithm=training.chosen,
            trained_as_of=as_of,
            created_at=now,
            row_hash=artifact.manifest.data.row_hash,
            metrics=artifact.manifest.metrics,
            because=because,
        )
        save(artifact, app.artifact_folder(detector.name, version.version))
        read = {
            "late_events": data.history.late,
            "ungrouped_events": data.history.ungrouped,
            "uncast": dict(data.history.uncast),
            "unparsable_labels": data.unparsable_labels,
            "label_problems": data.label_problems,
            "quarantine": [asdict(one) for one in data.held],
            "golden": {
                "above_the_threshold": [one.name for one in golden.attacks],
                "not_found": [one.name for one in golden.missing],
            },
        }
        account = account_of(detector, training, version, read)
        write_account(app, account)
        if then is not None:
            then(version)
    doubts = [text for text in (in_quarantine(data.held), not_found(golden.missing)) if text]
    return TrainOutcome(
        version, training, data.history, data.label_problems, data.synced, account, doubts
    )


def _incumbent(app: App, detector: str) -> Incumbent | None:
    """The version that scores now, with its model if that can be loaded."""
    champion = Versions(app.state).champion(detector)
    if champion is None:
        return None
    try:
        artifact = load(
            app.artifact_folder(detector, champion.version), expected_hash=champion.artifact_hash
        )
    except ArtifactError:
        return Incumbent(champion.version, None)
    return Incumbent(champion.version, artifact)


@contextmanager
def _counted_if_refused(counts: dict[str, float]) -> Iterator[None]:
    """Set ``refused`` in the run's *counts* on a refusal, to tell it from other failures."""
    try:
        yield
    except TrainingRefused:
        counts["refused"] = 1
        raise


@contextmanager
def _with_label_problems(problems: Sequence[str]) -> Iterator[None]:
    """Add to a refusal what keeps labels from being used, as that may be its only reason."""
    try:
        yield
    except TrainingRefused as error:
        if not problems:
            raise
        hint = f"correct labels.field first ({'; '.join(problems)}); then: {error.hint}"
        raise TrainingRefused(error.message, hint=hint) from error


def named_rows(rows: pa.Table, detector: Detector) -> pa.Table:
    """The rows with training's names: ``entity`` and, if asked for, ``hold_out``."""
    features = [f.name for f in detector.features]
    table = pa.table(
        {
            "event_id": rows["event_id"],
            "event_time": rows["event_time"],
            "arrival_time": rows["arrival_time"],
            "entity": firsts(rows["field:" + detector.entity]),
        }
    )
    for name in detector.split.hold_out:
        table = table.append_column("hold_out", readable(sets(rows["field:" + name])))
    if detector.train.today_queue:
        queue = firsts(rows["field:" + detector.train.today_queue])
        table = table.append_column("today_queue", queue)
    if detector.group is not None:
        table = table.append_column(FIRST_EVENT, rows["field:" + FIRST].cast(pa.int64()))
    for name in features:
        table = table.append_column(name, rows[name])
    return table
