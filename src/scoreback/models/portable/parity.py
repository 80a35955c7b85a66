"""The gate: a SIEM scores by itself only once its scorer has said what the service does.

Both begin with raw events, so that fields, lists, numbers in text and missing values are compared
as well as trees; and with thresholds that events reach exactly, so that no alert is flipped by the
last digit of a sum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from scoreback.errors import ScorebackError
from scoreback.models.artifact.folder import Artifact
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.learners.model import Floats
from scoreback.models.portable.hard_events import RawEvent, hard_events
from scoreback.models.portable.thresholds import cut_of
from scoreback.multivalue import cell
from scoreback.portable.model import PortableModel
from scoreback.portable.reading import Column, Times
from scoreback.portable.scorer import Scorer as PlainScorer
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch

TOLERANCE = 1e-6  # of a score
ROWS = 10_000
_RANKS = (None, 0.5, 0.9, 0.99, 0.999)  # whose score is the threshold; None: the model's own


class NativeScores(NamedTuple):
    """What a SIEM's scorer says of some events, in their order."""

    scores: Sequence[float]
    alerts: Sequence[int]  # rows that reach the cut


# Scores events, and says which reach the cut, given as a threshold and as the log-odds of `cut_of`.
NativeScorer = Callable[[Sequence[RawEvent], float, float], NativeScores]


class ParityBroken(ScorebackError):
    """A SIEM's scorer says something else than the service: the version must not go there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What the gate saw."""

    events: int
    farthest: float  # difference of two scores
    ties: int  # events that reached a threshold exactly


def require_parity(
    artifact: Artifact,
    model: PortableModel,
    native: NativeScorer | None = None,
    *,
    rows: int = ROWS,
    seed: int = 7,
) -> Parity:
    """Let *native* pass if it scores hard events as *artifact* does.

    Args:
        artifact: what the service scores with.
        model: made of it, and read back from the text that the SIEM gets.
        native: the SIEM's scorer; by default the plain Python of the Splunk command.
        rows: how many events.
        seed: of their drawing.

    Raises:
        ParityBroken: a score differs by more than `TOLERANCE`, or an alert is flipped.
    """
    native = native or plain_scorer(model)
    events = hard_events(model, rows, seed)
    expected = service_scores(artifact, events)
    farthest, ties = 0.0, 0
    for part, rank in zip(np.array_split(np.arange(rows), len(_RANKS)), _RANKS, strict=True):
        mine, of_part = expected[part], [events[row] for row in part.tolist()]
        threshold = model.threshold
        if rank is not None:
            threshold = _shared(mine, rank)
        found = native(of_part, threshold, cut_of(threshold))
        differences = _differences(model, mine, found.scores)
        worst = int(np.argmax(differences))
        if not differences[worst] <= TOLERANCE:
            raise _broken(
                model,
                f"scores {found.scores[worst]!r} what the service scores {float(mine[worst])!r}",
                of_part[worst],
            )
        alerts = np.zeros(len(mine), dtype=bool)
        alerts[list(found.alerts)] = True
        flipped = np.flatnonzero(alerts != (mine >= threshold))
        if len(flipped):
            row = int(flipped[0])
            said = "raises an alert" if alerts[row] else "raises no alert"
            raise _broken(
                model,
                f"{said} at the score {float(mine[row])!r} and the threshold {threshold!r}",
                of_part[row],
            )
        farthest = max(farthest, float(differences[worst]))
        ties += int((mine == threshold).sum())
    return Parity(events=rows, farthest=farthest, ties=ties)


def plain_scorer(model: PortableModel) -> NativeScorer:
    """The plain Python that the Splunk command scores with."""
    scorer = PlainScorer(model)

    def score(events: Sequence[RawEvent], _threshold: float, cut: float) -> NativeScores:
        times = Times([e.event_time for e in events], [e.arrival_time for e in events])
        features = scorer.features(lambda field: column_of(events, field), times)
        found = scorer.score(features, len(events), cut)
        return NativeScores(found.scores, found.alerts)

    return score


def column_of(events: Sequence[RawEvent], field: str) -> Column:
    """A *field* of *events* as plain scorers take it."""
    values = [[v for v in event.values.get(field, ()) if v] for event in events]
    return Column(
        [each[0] if len(each) == 1 else "" for each in values],
        {row: each for row, each in enumerate(values) if len(each) > 1},
    )


def batch_of(events: Sequence[RawEvent], fields: Sequence[str]) -> EventBatch:
    """*events* as doors give them to the service."""
    given = {
        "event_id": pa.array([str(row) for row in range(len(events))], pa.string()),
        "event_ref": pa.array([""] * len(events), pa.string()),
        "event_time": pa.array([e.event_time for e in events], pa.int64()).cast(TIME),
        "arrival_time": pa.array([e.arrival_time for e in events], pa.int64()).cast(TIME),
    }
    told = {
        field: pa.array([cell(e.values.get(field, ())) for e in events], pa.string())
        for field in fields
    }
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in told)])
    return EventBatch(pa.RecordBatch.from_arrays([*given.values(), *told.values()], schema=schema))


def service_scores(artifact: Artifact, events: Sequence[RawEvent]) -> Floats:
    """What the service scores each of *events*, through all that it does with them."""
    plan = FeaturePlan(artifact.features, artifact.lag)
    computed = EventFeatures(plan)
    try:
        rows = computed.rows(batch_of(events, plan.fields)).table
    finally:
        computed.close()
    return Scorer(artifact).score(rows).scores


def _shared(scores: Floats, rank: float) -> float:
    """A score that several events have, higher than the share *rank* of those; or of all scores."""
    values, counts = np.unique(scores, return_counts=True)
    shared = values[counts > 1]
    return float(np.quantile(shared if len(shared) else values, rank, method="higher"))


def _differences(model: PortableModel, mine: Floats, theirs: Sequence[float]) -> Floats:
    """How far each score is from the service's; a number that is none is infinitely far."""
    if len(theirs) != len(mine):
        raise _broken(model, f"gives {len(theirs)} scores for {len(mine)} events", None)
    found = np.abs(np.asarray(theirs, dtype=np.float64) - mine)
    return np.asarray(np.where(np.isnan(found), np.inf, found))


def _broken(model: PortableModel, what: str, event: RawEvent | None) -> ParityBroken:
    """No event of anybody's is told: they are drawn."""
    on = "" if event is None else f", of the drawn event {dict(event.values)!r}"[:600]
    return ParityBroken(
        f"{model.version} of {model.detector!r} does not go into the SIEM, which {what}{on}",
        hint="the service scores as before; please report this with the version of Scoreback",
    )
