"""How the winner behaves on the judged days: the data of a report, computed once at training."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.artifact.amounts import shown
from scoreback.models.artifact.explain import reasons_of
from scoreback.models.detector.spec import Detector
from scoreback.models.features.told import field_column
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.norms import Norms, norms_of
from scoreback.models.judging.threshold import RiskMap
from scoreback.models.labels.dataset import Dataset
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Attribution, Floats, Matrix, Model, score_of
from scoreback.models.learners.ranking import average_precision
from scoreback.models.training.candidates import Candidates
from scoreback.models.training.lessons import rows_of
from scoreback.models.training.splits import Origin

RISK_STEP = 4  # width of a bar of the score distribution
CALIBRATION_BINS = 10
MOST_FEATURES = 12
MOST_EXPLAINED = 500  # alerts that feature shares are computed from
_EXAMPLES = 3  # of each kind
_FIELDS = 8  # of an example


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Judged units by risk: one count for each bar of `RISK_STEP`."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]
    unlabelled: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Labelled units with similar scores: their mean score and how many were positive."""

    units: int
    said: float  # mean score
    true: float  # share of positives


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """How much the winner relies on one feature."""

    feature: str
    share: float  # of all upward contributions (`attribution`) to the log-odds of alerting units
    loss: float | None  # average precision lost on the judged days when its values are shuffled


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One alert from the judged days, with its reasons."""

    event_id: str
    time_us: int
    entity: str
    risk: float
    truth: str  # true, false or unlabelled
    reasons: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] = ()  # of the event; only fields that features read


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the winner did on the judged days."""

    distribution: Distribution
    calibration: tuple[CalibrationBin, ...]
    leanings: tuple[Leaning, ...]  # largest share first, at the latest origin
    attribution: Attribution  # the method behind their shares and the examples' reasons
    examples: tuple[Example, ...]  # from the latest origin: true, false and unlabelled alerts


def behaviour(
    detector: Detector,
    data: Dataset,
    chosen: str,
    replays: Sequence[Replay],
    opened: NDArray[np.int64],
    origin: Origin,
    latest: Candidates,
) -> Behaviour:
    """Describe *chosen* by its *replays*; in depth only at the latest *origin*, by that model.

    *opened* are the positions of the units that open its alerts at that origin.
    """
    risk_map = RiskMap.of(detector.alerts.least_precision)
    rows = _Judged(
        detector=detector,
        data=data,
        places=np.flatnonzero(origin.judged),
        replay=replays[-1],
        opened=opened,
        matrix=latest.encoder.transform(rows_of(data, origin.judged)),
        model=latest.models[chosen],
        encoder=latest.encoder,
        norms=_norms(detector, data, origin),
        risk_map=risk_map,
    )
    return Behaviour(
        distribution=_distribution(replays, risk_map),
        calibration=_calibration(replays),
        leanings=rows.leanings(),
        attribution=rows.model.attribution,
        examples=rows.examples(),
    )


def _norms(detector: Detector, data: Dataset, origin: Origin) -> Norms:
    """The usual values before the judged days, by the labels known then."""
    before = data.times < origin.judged_span.since
    return norms_of(detector, rows_of(data, before), origin.parts.known.truth[before])


def _distribution(replays: Sequence[Replay], risk_of: RiskMap) -> Distribution:
    bars = 100 // RISK_STEP
    counts = {truth: np.zeros(bars, dtype=np.int64) for truth in (1, 0, UNKNOWN)}
    for replay in replays:
        risks = risk_of(score_of(replay.after.scores))
        bar = np.minimum(risks // RISK_STEP, bars - 1).astype(np.int64)
        for truth, count in counts.items():
            count += np.bincount(bar[replay.truth == truth], minlength=bars)
    return Distribution(
        positive=tuple(counts[1].tolist()),
        negative=tuple(counts[0].tolist()),
        unlabelled=tuple(counts[UNKNOWN].tolist()),
    )


def _calibration(replays: Sequence[Replay]) -> tuple[CalibrationBin, ...]:
    """Bins with about equally many positives each, because most units are far from any alert."""
    labelled = [replay.labelled() for replay in replays]
    truth = np.concatenate([truths for truths, _ in labelled])
    scores = score_of(np.concatenate([margins for _, margins in labelled]))
    if not (truth == 1).any():
        return ()
    cuts = np.unique(np.quantile(scores[truth == 1], np.linspace(0, 1, CALIBRATION_BINS)[1:-1]))
    place = np.searchsorted(cuts, scores, side="right")
    return tuple(
        CalibrationBin(
            units=int(mine.sum()), said=float(scores[mine].mean()), true=float(truth[mine].mean())
        )
        for mine in (place == i for i in range(len(cuts) + 1))
        if mine.any()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """The judged rows of the latest origin, as its own model sees them."""

    detector: Detector
    data: Dataset
    places: NDArray[np.int64]  # indices of the judged rows in `data`
    replay: Replay
    opened: NDArray[np.int64]  # indices of alerts among the judged rows
    matrix: Matrix
    model: Model
    encoder: Encoder  # of the matrix
    norms: Norms
    risk_map: RiskMap

    @property
    def margin(self) -> Floats:
        """Log-odds of each row."""
        return self.replay.after.scores

    def leanings(self) -> tuple[Leaning, ...]:
        asked = self._strongest(MOST_EXPLAINED)
        upward = np.maximum(self.model.contributions(self.matrix[asked])[:, :-1], 0).sum(axis=0)
        shares = upward / (upward.sum() or 1.0)
        top = np.argsort(-shares, kind="stable")[:MOST_FEATURES].tolist()
        return tuple(
            Leaning(feature=self.encoder.names[i], share=float(shares[i]), loss=self._loss(i))
            for i in top
            if shares[i] > 0
        )

    def _strongest(self, most: int) -> NDArray[np.int64]:
        """The highest alerts or, if there are none, the highest-scoring units; at most *most*."""
        opened = self.opened if len(self.opened) else np.arange(len(self.margin))
        return np.sort(opened[np.argsort(-self.margin[opened], kind="stable")[:most]])

    def _loss(self, feature: int) -> float | None:
        truth, own = self.replay.labelled()
        if not (truth == 1).any():
            return None
        shuffled = self.matrix[self.replay.truth != UNKNOWN]
        draw = np.random.default_rng(self.detector.train.seed)
        shuffled[:, feature] = draw.permutation(shuffled[:, feature])
        without = self.model.margin(shuffled)
        return average_precision(truth, own) - average_precision(truth, without)

    def examples(self) -> tuple[Example, ...]:
        ranked = self.opened[np.argsort(-self.margin[self.opened], kind="stable")]
        truth = self.replay.truth[ranked]
        wanted = [
            place
            for kind in (1, 0, UNKNOWN)
            for place in ranked[truth == kind][:_EXAMPLES].tolist()
        ]
        if not wanted:
            return ()
        at = np.array(wanted)
        mask = np.zeros(len(self.data), dtype=bool)
        mask[self.places[at]] = True
        order = np.argsort(np.argsort(self.places[at]))  # `rows_of` returns them by time
        rows = rows_of(self.data, mask).take(order)
        told = reasons_of(
            self.detector.features,
            self._with_entities(rows, self.places[at]),
            self.model.contributions(self.matrix[at]),
            self.margin[at],
            self.model.attribution,
            self.norms,
            self.encoder.texts,
        )
        risks = self.risk_map(score_of(self.margin[at]))
        return tuple(
            self._example(
                int(self.places[i]), int(self.replay.truth[i]), float(risks[n]), told[n],
                self._fields(rows.slice(n, 1)),
            )
            for n, i in enumerate(wanted)
        )  # fmt: skip

    def _with_entities(self, rows: pa.Table, places: NDArray[np.int64]) -> pa.Table:
        """*rows* with a first column of entities, so that reasons can name them."""
        entities = self.data.entities[places]
        names = self.data.entity_names.take(pa.array(entities, mask=entities < 0))
        return rows.add_column(0, field_column(self.detector.entity), names)

    def _fields(self, row: pa.Table) -> tuple[tuple[str, str], ...]:
        """The field values that features read unchanged: what an analyst would look at first."""
        found: dict[str, str] = {}
        for feature in self.detector.features:
            if feature.kind in ("category", "ngrams", "number") and feature.field:
                value = flat(row.column(feature.name))[0].as_py()
                if value is not None:
                    found.setdefault(feature.field, shown(value))
        return tuple(found.items())[:_FIELDS]

    def _example(
        self, place: int, truth: int, risk: float, reasons: str,
        fields: tuple[tuple[str, str], ...],
    ) -> Example:  # fmt: skip
        entity = int(self.data.entities[place])
        items: list[dict[str, Any]] = json.loads(reasons)
        return Example(
            event_id=str(self.data.event_ids[place].as_py()),
            time_us=int(self.data.times[place]),
            entity=str(self.data.entity_names[entity].as_py()) if entity >= 0 else "",
            risk=risk,
            truth={1: "true", 0: "false"}.get(truth, "unlabelled"),
            reasons=tuple(str(item["text"]) for item in items if "text" in item),
            fields=fields,
        )
