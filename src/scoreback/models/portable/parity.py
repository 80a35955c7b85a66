"""The gate: a SIEM may score by itself only if its scorer agrees with the service.

Both start from raw events, so that fields, lists, numbers in text and missing values are compared
as well as trees; and some thresholds are scores that events reach exactly, so that rounding in the
last digit of a sum can flip no alert unnoticed.
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

TOLERANCE = 1e-6  # in score
ROWS = 10_000
# ranks of the scores used as thresholds; None: the model's own threshold
_RANKS = (None, 0.5, 0.9, 0.99, 0.999)


class NativeScores(NamedTuple):
    """What a SIEM's scorer says about some events, in their order."""

    scores: Sequence[float]
    alerts: Sequence[int]  # rows whose score reaches the threshold


# Scores events and says which reach the threshold, given as a score and as log-odds (`cut_of`).
NativeScorer = Callable[[Sequence[RawEvent], float, float], NativeScores]


class ParityBroken(ScorebackError):
    """A SIEM's scorer disagrees with the service: the version must not go into the SIEM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What the gate measured."""

    events: int
    farthest: float  # the largest difference between two scores
    ties: int  # events whose score equals a threshold exactly


def require_parity(
    artifact: Artifact,
    model: PortableModel,
    native: NativeScorer | None = None,
    *,
    rows: int = ROWS,
    seed: int = 7,
) -> Parity:
    """Return if *native* scores hard events as *artifact* does.

    Args:
        artifact: the artefact that the service scores with.
        model: made from it, and read back from the text that the SIEM gets.
        native: the SIEM's scorer; by default the plain Python of the Splunk command.
        rows: the number of events.
        seed: the random seed that draws them.

    Raises:
        ParityBroken: a score differs by more than `TOLERANCE`, or an alert differs.
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
                f"scores {found.scores[worst]!r} where the service scores {float(mine[worst])!r}",
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
    """The plain Python scorer of the Splunk command."""
    scorer = PlainScorer(model)

    def score(events: Sequence[RawEvent], _threshold: float, cut: float) -> NativeScores:
        times = Times([e.event_time for e in events], [e.arrival_time for e in events])
        features = scorer.features(lambda field: column_of(events, field), times)
        found = scorer.score(features, len(events), cut)
        return NativeScores(found.scores, found.alerts)

    return score


def column_of(events: Sequence[RawEvent], field: str) -> Column:
    """A *field* of *events* in the form that plain scorers take."""
    values = [[v for v in event.values.get(field, ()) if v] for event in events]
    return Column(
        [each[0] if len(each) == 1 else "" for each in values],
        {row: each for row, each in enumerate(values) if len(each) > 1},
    )


def batch_of(events: Sequence[RawEvent], fields: Sequence[str]) -> EventBatch:
    """*events* in the form in which doors give them to the service."""
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
    """The service's score of each of *events*, through its whole pipeline."""
    plan = FeaturePlan(artifact.features, artifact.lag)
    computed = EventFeatures(plan)
    try:
        rows = computed.rows(batch_of(events, plan.fields)).table
    finally:
        computed.close()
    return Scorer(artifact).score(rows).scores


def _shared(scores: Floats, rank: float) -> float:
    """The score at quantile *rank* of those that several events share, or of all if none do."""
    values, counts = np.unique(scores, return_counts=True)
    shared = values[counts > 1]
    return float(np.quantile(shared if len(shared) else values, rank, method="higher"))


def _differences(model: PortableModel, mine: Floats, theirs: Sequence[float]) -> Floats:
    """The distance of each score from the service's; NaN counts as infinitely far."""
    if len(theirs) != len(mine):
        raise _broken(model, f"gives {len(theirs)} scores for {len(mine)} events", None)
    found = np.abs(np.asarray(theirs, dtype=np.float64) - mine)
    return np.asarray(np.where(np.isnan(found), np.inf, found))


def _broken(model: PortableModel, what: str, event: RawEvent | None) -> ParityBroken:
    """The error; it may show the event, because hard events are drawn and not a customer's."""
    on = "" if event is None else f", for the synthetic event {dict(event.values)!r}"[:600]
    return ParityBroken(
        f"{model.version} of {model.detector!r} was not put into the SIEM, which {what}{on}",
        hint="the service scores as before; please report this with your version of Scoreback",
    )
