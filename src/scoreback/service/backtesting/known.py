"""What is known by now about every unit of a backtest, aligned with the rows of its material."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.features.units import FIRST
from scoreback.models.labels.dataset import Dataset
from scoreback.models.labels.joins import event_labels
from scoreback.models.labels.truths import NO_VERDICT, UNKNOWN, truths_as_of
from scoreback.models.labels.unit_labels import subjects
from scoreback.multivalue import firsts
from scoreback.sampling import codes
from scoreback.service.backtesting.material import Material
from scoreback.service.scoring.pacing import seen_at
from scoreback.times import EPOCH, span

_AT_A_TIME = 50_000  # units whose labels are processed together


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Arrays with one element per row of the material, in its order."""

    seen: NDArray[np.int64]  # the time that the budget counts it at, microseconds
    event_times: NDArray[np.int64]
    ready: NDArray[np.int64]  # when it could be scored, microseconds
    entities: NDArray[np.int64]
    truth: NDArray[np.int8]
    verdicts: NDArray[np.int8]

    @classmethod
    def of(cls, material: Material, now: datetime) -> Self:
        """The units of *material*, judged by all labels that are known at *now*."""
        detector = material.detector
        data, seen = identities(material)
        labels = event_labels(data, material.labels.at(now, since=EPOCH), detector)
        truth, verdicts = _judged(data.event_ids, labels, detector, now)
        if detector.labels.unlabelled == "presumed_benign":
            truth = np.where(verdicts == NO_VERDICT, np.int8(0), truth)
        return cls(
            seen=seen,
            event_times=data.times,
            ready=seen + span(detector.lag),
            entities=np.append(codes(data.entity_names), -1)[data.entities],
            truth=truth,
            verdicts=verdicts,
        )


def identities(material: Material) -> tuple[Dataset, NDArray[np.int64]]:
    """The units of *material*, without features, and the time that the budget counts each at."""
    entity, lag = "field:" + material.detector.entity, material.detector.lag
    rows = pa.concat_tables([_identity(batch, entity, lag) for batch in material.batches()])
    named = flat(rows["entity"]).dictionary_encode()
    data = Dataset(
        features=pa.table({}),
        event_ids=flat(rows["event_id"]),
        times=_ints(rows["event_time"]),
        firsts=_ints(rows["first"]),
        arrivals=_ints(rows["arrival_time"]),
        entities=pc.fill_null(named.indices, -1).to_numpy().astype(np.int64),
        entity_names=named.dictionary,
        hold_out=None,
        queue=None,
        repeated=0,
    )
    return data, _ints(rows["seen"])


def _judged(
    ids: pa.Array, labels: pa.Table, detector: Detector, now: datetime
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Truth and verdict of each of *ids* by *labels*, computed in chunks to bound memory."""
    truth = np.full(len(ids), UNKNOWN, dtype=np.int8)
    verdicts = np.full(len(ids), NO_VERDICT, dtype=np.int8)
    about = subjects(labels)
    for begin in range(0, len(ids), _AT_A_TIME):
        some = ids.slice(begin, _AT_A_TIME)
        own = labels.filter(pc.is_in(about, value_set=some))
        truths = truths_as_of(own, detector, now)
        index = pc.index_in(some, value_set=truths.event_ids)
        known = np.flatnonzero(index.is_valid().to_numpy(zero_copy_only=False))
        place = index.drop_null().to_numpy()
        truth[begin + known], verdicts[begin + known] = truths.truth[place], truths.verdicts[place]
    return truth, verdicts


def _identity(batch: pa.Table, entity: str, lag: timedelta) -> pa.Table:
    first = "field:" + FIRST
    return pa.table(
        {
            "event_id": batch["event_id"],
            "event_time": batch["event_time"].cast(pa.int64()),
            "arrival_time": batch["arrival_time"].cast(pa.int64()),
            "first": (batch[first] if first in batch.column_names else batch["event_time"]).cast(
                pa.int64()
            ),
            "entity": firsts(batch[entity]),
            "seen": seen_at(batch, lag),
        }
    )


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(flat(column).to_numpy(), dtype=np.int64)
