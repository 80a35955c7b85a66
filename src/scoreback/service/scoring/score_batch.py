"""What is written for a step: the scores that are kept, and a histogram of all scores."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.artifact.scoring import Scorer, Scores
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.bins import counted
from scoreback.multivalue import firsts
from scoreback.naming import score_ids
from scoreback.records import (
    SCORE_COLUMNS,
    TIME,
    Histogram,
    ModelVersion,
    ScoreBatch,
    Stage,
    TimeWindow,
)
from scoreback.sampling import digests
from scoreback.service.in_force.operating_point import OperatingPoint
from scoreback.service.state.pacing_log import PacedStep
from scoreback.times import HOUR_US


def kept_scores(
    scorer: Scorer,
    rows: pa.Table,
    scored: Scores,
    paced: PacedStep,
    point: OperatingPoint,
    detector: Detector,
    *,
    connection: str,
    scored_at: datetime,
    carried: Sequence[str],
) -> ScoreBatch:
    """The scores that are stored: hits, those at or above the floor, a sample of the rest.

    An audited or explored unit is stored once more, in a stage of its own, as a hit of its rule.
    Whether a unit is kept depends only on the unit and the version, never on the run. Hits carry
    their reasons, whether they alert or are held back; all scores carry the event fields *carried*,
    with the entity among them. A score has one entity: the first value of its field.
    """
    judged, version = paced.judged, paced.version
    hits = judged.alerts | judged.suppressed
    kept = hits | (scored.scores >= point.keep_floor)
    kept |= _sampled(rows["event_id"], version, detector.write.keep.sample)
    stage, beside, their_chances = paced.beside
    places, shown = np.append(np.flatnonzero(kept), beside), np.ones(len(beside), dtype=bool)
    scores, alerts = scored.scores[places], np.append(judged.alerts[kept], shown)
    live = paced.stage is Stage.LIVE  # what a shadow itself says is shown to nobody
    chances = np.append(np.ones(len(places) - len(beside)), their_chances)
    told = alerts & np.append(np.full(len(places) - len(beside), live), shown)
    reasons = _reasons(
        scorer, rows, np.append(np.flatnonzero(hits), beside), np.append(hits[kept], shown)
    )
    if len(beside) or not kept.all():
        own = ("event_id", "event_ref", "event_time")
        fields = ["field:" + name for name in dict.fromkeys([detector.entity, *carried])]
        rows = rows.select([*own, *fields]).take(pa.array(places))
    count = rows.num_rows
    ids = rows.column("event_id").to_pylist()
    stages = [paced.stage.value] * (count - len(beside)) + [stage.value] * len(beside)
    columns = [
        pa.array(_score_ids(detector.name, version, stages, connection, ids), pa.string()),
        rows.column("event_id"),
        rows.column("event_ref"),
        rows.column("event_time"),
        pa.repeat(pa.scalar(scored_at, TIME), count),
        firsts(rows.column("field:" + detector.entity)),
        pa.repeat(detector.name, count),
        pa.repeat(version, count),
        pa.array(stages, pa.string()),
        pa.array(scores, pa.float64()),
        pa.array(point.risk(scores), pa.float64()),
        pa.array(judged.thresholds[places], pa.float64()),
        pa.array(alerts, pa.bool_()),
        reasons,
        pa.array(chances, pa.float64(), mask=~told),
    ]
    schema = SCORE_COLUMNS
    for name in carried:
        if name in schema.names:
            continue
        schema = schema.append(pa.field(name, pa.string()))
        columns.append(rows.column("field:" + name))
    return ScoreBatch(pa.RecordBatch.from_arrays(list(map(flat, columns)), schema=schema))


def _score_ids(
    detector: str, version: str, stages: Sequence[str], connection: str, ids: Sequence[str]
) -> list[str]:
    named: list[str] = []
    for stage, some in groupby(zip(stages, ids, strict=True), key=itemgetter(0)):
        named += score_ids(detector, version, stage, connection, [name for _, name in some])
    return named


def histogram_of(
    histogram_id: str,
    rows: pa.Table,
    scores: NDArray[np.float64],
    version: ModelVersion,
    stage: Stage,
    window: TimeWindow,
    edges: tuple[float, ...],
) -> Histogram:
    """Count all *scores* by hour of event time, in the bins between *edges*."""
    hours = flat(rows.column("event_time")).cast(pa.int64()).to_numpy() // HOUR_US
    coded = pa.array(hours * HOUR_US).dictionary_encode()
    bins = len(edges) + 1
    places = coded.indices.to_numpy() * bins + counted(scores, edges)
    counts = np.bincount(places, minlength=len(coded.dictionary) * bins).reshape(-1, bins)
    return Histogram(
        histogram_id=histogram_id,
        detector=version.detector,
        version=version.version,
        stage=stage.value,
        since=window.since,
        until=window.until,
        edges=edges,
        counts={
            hour.isoformat(): row
            for hour, row in sorted(
                zip(coded.dictionary.cast(TIME).to_pylist(), counts.tolist(), strict=True)
            )
        },
    )


def _sampled(event_ids: pa.ChunkedArray, version: str, share: float) -> NDArray[np.bool_]:
    """A seeded sample: the first 64 bits of a digest of version and event id, below *share*."""
    if share in (0.0, 1.0):
        return np.full(len(event_ids), share == 1.0)
    limit = np.uint64(min(int(share * 2.0**64), 2**64 - 1))
    return np.asarray(digests(event_ids, version) < limit)


def _reasons(
    scorer: Scorer, rows: pa.Table, hits: NDArray[np.int64], told: NDArray[np.bool_]
) -> pa.Array:
    """Reasons for the *hits* among *rows*, in rows where one of them is *told*; null elsewhere."""
    found = pa.array(scorer.reasons(rows.take(pa.array(hits))), pa.string())
    place = np.cumsum(told) - 1
    return (
        found.take(pa.array(place, mask=~told)) if len(found) else pa.nulls(len(told), pa.string())
    )
