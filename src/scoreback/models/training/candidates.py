"""The candidates at one origin: every algorithm of the detector, and the best single feature.

Each algorithm is fitted twice. First on the earlier days, while the later days decide when to stop.
Then on all days, for the same number of rounds, because the newest labels show the newest attacks.
Judging uses the same two steps, so it also measures any loss that they cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.labels.dataset import Dataset, Known, Mask
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.linear import SingleFeature, fit_single_feature
from scoreback.models.learners.model import Effort, Floats, Lesson, Model
from scoreback.models.training.lessons import lesson_of, rows_of
from scoreback.models.training.splits import Origin, Parts, Span

BASELINE = "best_single_feature"
TODAY_QUEUE = "today_queue"  # the number that analysts sort by today, if the file names one
CHEAP = (BASELINE, TODAY_QUEUE)  # the rivals that a candidate has to beat


def cheap_names(single_feature: str, today_queue: str | None) -> Mapping[str, str]:
    """Readable names of the cheap rivals, keyed by their names in an evaluation."""
    return {
        BASELINE: f"best single feature ({single_feature})",
        TODAY_QUEUE: f"today's queue ({today_queue})",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The models fitted on the rows of one origin."""

    encoder: Encoder
    models: Mapping[str, Model]
    single: SingleFeature
    threshold_margins: Mapping[str, Floats]  # by algorithm, for units not learnt from

    @property
    def single_feature(self) -> str:
        """Name of the best single feature, with a minus if low values are suspicious."""
        if not self.single.sign:
            return "none"
        name = self.encoder.names[self.single.index]
        return name if self.single.sign > 0 else f"-{name}"


def first_lesson(
    detector: Detector, data: Dataset, parts: Parts, effort: Effort
) -> tuple[Encoder, Lesson]:
    """The lesson with the earlier days of *parts* to learn from and the later to stop by."""
    truth = parts.known.truth
    return lesson_of(
        detector, data, truth, parts.fit, later=parts.threshold & (truth != UNKNOWN),
        threads=effort.threads, tell=lambda part: effort.tell(f"earlier days, {part}"),
        weights=weights_for(parts, effort),
    )  # fmt: skip


def weights_for(parts: Parts, effort: Effort) -> Floats | None:
    """How many units each row stands for; None if *effort* does not weigh."""
    return parts.known.weights if effort.weighed else None


def fit_candidates(
    detector: Detector, data: Dataset, parts: Parts, names: Sequence[str], effort: Effort
) -> Candidates:
    """Fit the algorithms called *names*, and the best single feature, on *parts*."""
    truth = parts.known.truth
    tell = effort.tell
    early, first = first_lesson(detector, data, parts, effort)
    encoder, all_days = lesson_of(
        detector, data, truth, parts.all, threads=effort.threads, tell=tell,
        weights=weights_for(parts, effort),
    )  # fmt: skip
    unseen = early.transform(rows_of(data, parts.threshold))
    models: dict[str, Model] = {}
    margins: dict[str, Floats] = {}
    for name in names:
        tell(name)
        fit = algorithms()[name].fit
        parameters = effort.parameters.get(name, {})
        model = fit(replace(first, parameters=parameters))
        margins[name] = model.margin(unseen)
        models[name] = fit(replace(all_days, rounds=model.rounds, parameters=parameters))
    # Exclude `ngrams`: its number comes from a model, and nobody could write it as a plain rule.
    plain = [i for i in range(all_days.matrix.shape[1]) if i not in encoder.texts_at]
    single = fit_single_feature(all_days.matrix, all_days.truth, plain)
    return Candidates(encoder=encoder, models=models, single=single, threshold_margins=margins)


def replays(
    data: Dataset, final: Known, origin: Origin, candidates: Candidates
) -> Mapping[str, Replay]:
    """The scores of each of *candidates* on the days that it is judged on."""
    after = origin.judged
    matrix = candidates.encoder.transform(rows_of(data, after))
    rankers: dict[str, Model | SingleFeature] = {**candidates.models, BASELINE: candidates.single}
    said = {name: ranker.margin(matrix) for name, ranker in rankers.items()}
    if data.queue is not None:
        said[TODAY_QUEUE] = data.queue[after]
    return {
        name: Replay(
            after=units_of(data, after, origin.judged_span, margins),
            truth=final.truth[after],
            verdicts=final.verdicts[after],
        )
        for name, margins in said.items()
    }


def units_of(data: Dataset, mask: Mask, span: Span, scores: Floats) -> ScoredUnits:
    """The rows of *mask* with their *scores*."""
    return ScoredUnits(
        times=data.times[mask],
        entities=data.entities[mask],
        scores=scores,
        span=span.length,
    )
