"""Training: judges candidates on days they never saw, and keeps the winner only if it earns it.

At each of up to three origins in the past, every candidate learns from what was known then and is
judged on the days after it, all at the same number of alerts. The best candidate, or the most
robust of several equal ones, is then fitted again on everything known now. The result is
reproducible: the same rows, labels and seed give the same artefact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import pyarrow as pa

from scoreback.models.artifact.folder import Artifact, Fit, artifact_of
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.bins import bin_edges
from scoreback.models.judging.contest import Contest, dealt
from scoreback.models.judging.equal_volume import best_units, volume
from scoreback.models.judging.evaluation import TABLE, Evaluation, Replay, evaluate
from scoreback.models.judging.norms import norms_of
from scoreback.models.judging.reference import reference_of
from scoreback.models.judging.threshold import (
    RiskMap,
    Threshold,
    fit_threshold,
    keep_floor,
    suppression_of,
)
from scoreback.models.labels.dataset import (
    Dataset,
    Known,
    day_of,
    known_at,
    once_a_day,
    row_hash,
)
from scoreback.models.labels.joins import event_labels
from scoreback.models.learners.model import Effort, told
from scoreback.models.training.behaviour import Behaviour, behaviour
from scoreback.models.training.breakdown import Breakdown, breakdown
from scoreback.models.training.candidates import (
    BASELINE,
    Candidates,
    first_lesson,
    fit_candidates,
    replays,
    units_of,
)
from scoreback.models.training.cautions import cautions
from scoreback.models.training.choosing import Choice, choose
from scoreback.models.training.cold_start import cold_start_of, unseen_scores
from scoreback.models.training.figures import counts_of, metrics_of, not_eligible, warnings_of
from scoreback.models.training.floor import GivenUp, given_up, in_words
from scoreback.models.training.incumbent import Beside, Incumbent, beside
from scoreback.models.training.leaks import leaks_of
from scoreback.models.training.parameter_search import Searched, search
from scoreback.models.training.pitfalls import Pitfall, pitfalls
from scoreback.models.training.plain_rule import PlainRule, plain_rules
from scoreback.models.training.refusals import (
    refuse_unjudgeable,
    refuse_unlearnable,
)
from scoreback.models.training.rivals import (
    HeldOut,
    held_out,
    random_split_precision,
    values_to_hold_out,
)
from scoreback.models.training.splits import Origin, Parts, parts_of, plan_of
from scoreback.models.training.texts_left_out import texts_left_out
from scoreback.models.training.weighing import Weighing, weighing
from scoreback.times import moment

Progress = Callable[[int, int, str], None]  # steps done, all steps, name of the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training: the artefact, and the results of every candidate."""

    artifact: Artifact
    choice: Choice
    plain_rule: PlainRule  # the best single feature without a model
    evaluations: tuple[Evaluation, ...]  # of every candidate; the single feature comes last
    single_feature: str  # at the latest origin; "-name" if low values are suspicious
    random_split_average_precision: float | None  # shown only beside the chosen candidate's
    held_out: HeldOut | None
    expected_alerts_per_day: float  # on the days the threshold was fitted on
    counts: Mapping[str, int]
    immature_days: tuple[str, ...]  # days left out, by name
    warnings: tuple[str, ...]
    pitfalls: tuple[Pitfall, ...]
    breakdown: Breakdown
    behaviour: Behaviour
    searched: Searched
    not_eligible: Mapping[str, str]  # rivals that could not compete, and why
    judged_days: tuple[str, str]  # first and last
    beside: Beside | None = None  # the version that scores now; None if none does
    weighing: Weighing | None = None  # None if it learnt from no sampled unit

    @property
    def chosen(self) -> str:
        """The name of the candidate that is kept."""
        return self.choice.chosen

    @property
    def evaluation(self) -> Evaluation:
        """The chosen candidate's evaluation."""
        return _of(self.chosen, self.evaluations)

    @property
    def baseline(self) -> Evaluation:
        """The best single feature's evaluation."""
        return _of(BASELINE, self.evaluations)


def train(
    detector: Detector,
    rows: pa.Table,
    labels: pa.Table,
    as_of: datetime,
    *,
    threads: int = 1,
    time_is_up: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
    incumbent: Incumbent | None = None,
) -> Training:
    """Train *detector* as of *as_of*.

    Args:
        detector: what to learn, and for which budget.
        rows: feature rows of the history, in any order: ``event_id``, ``event_time``,
            ``arrival_time``, ``entity``, optionally ``hold_out``, and one column per feature.
        labels: `records.LABEL_COLUMNS`; labels after *as_of* have no effect.
        as_of: the moment whose knowledge is used.
        threads: for fitting; they do not change the result.
        time_is_up: called between trials of the parameter search, which ends if it returns true.
        progress: called before each step.
        incumbent: the version that scores now, to compare with the new one.

    Raises:
        TrainingRefused: the result would not deserve trust; the message has the numbers.
        DataError: *rows* are not feature rows of *detector*.
    """
    tell = progress or _silent
    tell(0, 1, "joining labels")
    data = Dataset.of(rows, detector)
    labels = event_labels(data, labels, detector)
    known = known_at(data, labels, detector, as_of)
    kept = once_a_day(data, known.truth, known.labelled)
    refuse_unlearnable(detector, data, known, kept)
    plan = plan_of(data, labels, detector, known)
    parts = parts_of(data, known)
    parts = refuse_unjudgeable(plan, parts, known)
    values = values_to_hold_out(data, known)
    trials = detector.train.trials * len(detector.train.algorithms)
    steps = trials + len(plan.origins) + 2 + len(values)
    first = plan.origins[0].parts
    step = "weights by chance of being shown"
    effort = told(Effort(threads=threads), partial(tell, 0, steps), step)
    weighed = weighing(detector, data, parts, first, effort)
    effort = Effort(threads=threads, weighed=weighed is not None and weighed.used)
    searched = _searched(
        detector, data, first, effort, time_is_up, lambda i, step: tell(i, steps, step)
    )
    effort = replace(effort, parameters=searched.parameters)
    rule, seed, budget = suppression_of(detector), detector.train.seed, detector.alerts.budget
    evaluations, said, latest = _judge(
        detector, data, known, plan.origins, effort, lambda i, step: tell(trials + i, steps, step)
    )
    shown = {
        name: [best_units(r.after, volume(budget, r.after.days), rule, seed=seed) for r in replays]
        for name, replays in said.items()
    }
    rules = plain_rules(detector, data, plan.origins[-1], latest, said)
    leaks = leaks_of(data, known)
    choice = choose(
        detector,
        evaluations,
        Contest.of(said, shown, seed),
        {name: dealt(said[name], shown[name], seed) for name in said},
        rules,
        [leak for kind in leaks for leak in kind],
    )
    chosen = choice.chosen
    done = trials + len(plan.origins)
    step = f"fitting {chosen} on all days"
    tell(done, steps, step)
    telling = told(effort, partial(tell, done, steps), step)
    final = fit_candidates(detector, data, parts, [chosen], telling)
    step = "random split, to show the gap"
    tell(done + 1, steps, step)
    telling = told(effort, partial(tell, done + 1, steps), step)
    gap = random_split_precision(detector, data, known, chosen, telling)
    apart = None
    if values:
        apart = held_out(
            detector, data, known, chosen, values, effort,
            lambda i, value: tell(done + 2 + i, steps, f"holding out {value}"),
        )  # fmt: skip
    own, single = _of(chosen, evaluations), _of(BASELINE, evaluations)
    metrics = metrics_of(own, single, gap, apart)
    if weighed is not None and weighed.used:
        metrics["effective_fit_rows"] = weighed.effective_rows
    threshold, fit, lost = _finished(detector, data, parts, final, chosen, metrics, effort)
    tell(steps, steps, "done")
    return Training(
        artifact=artifact_of(detector, fit),
        choice=choice,
        plain_rule=rules[BASELINE],
        evaluations=evaluations,
        single_feature=latest.single_feature,
        random_split_average_precision=gap,
        held_out=apart,
        expected_alerts_per_day=threshold.alerts_per_day,
        counts=counts_of(data, known, kept, parts),
        immature_days=known.immature_days,
        warnings=(
            *plan.warnings, *filter(None, [searched.note, in_words(detector, lost)]),
            *warnings_of(detector, data, known, threshold, apart),
            *texts_left_out(final.encoder),
        ),
        pitfalls=(
            *cautions(detector, own, single, choice, rules[BASELINE], apart),
            *pitfalls(
                data, known, plan.origins, own, single, latest.single_feature, gap, *leaks,
            ),
        ),
        breakdown=breakdown(
            data, plan.origins, said[chosen], shown[chosen], seed
        ),
        behaviour=behaviour(
            detector, data, chosen, said[chosen], shown[chosen][-1].opened, plan.origins[-1],
            latest,
        ),
        searched=searched,
        not_eligible=not_eligible(detector, data),
        judged_days=_days(data, plan.origins),
        weighing=weighed,
        beside=None if incumbent is None else beside(
            detector, data, plan.origins, said[chosen], incumbent
        ),
    )  # fmt: skip


def _days(data: Dataset, origins: tuple[Origin, ...]) -> tuple[str, str]:
    """The first and the last judged day."""
    times = [data.times[origin.judged] for origin in origins]
    return day_of(int(min(t.min() for t in times))), day_of(int(max(t.max() for t in times)))


def _of(name: str, evaluations: tuple[Evaluation, ...]) -> Evaluation:
    return next(e for e in evaluations if e.algorithm == name)


def _silent(_done: int, _steps: int, _step: str) -> None:
    """Report no progress."""


def _searched(
    detector: Detector,
    data: Dataset,
    parts: Parts,
    effort: Effort,
    time_is_up: Callable[[], bool],
    tell: Callable[[int, str], None],
) -> Searched:
    if not detector.train.trials:
        return Searched()
    _, lesson = first_lesson(detector, data, parts, replace(effort, tell=partial(tell, 0)))
    names, trials = detector.train.algorithms, detector.train.trials
    return search(lesson, names, trials, time_is_up=time_is_up, tell=tell)


def _judge(
    detector: Detector,
    data: Dataset,
    known: Known,
    origins: tuple[Origin, ...],
    effort: Effort,
    tell: Callable[[int, str], None],
) -> tuple[tuple[Evaluation, ...], Mapping[str, list[Replay]], Candidates]:
    """Evaluations over all *origins*, each candidate's scores, and the last origin's models."""
    said: dict[str, list[Replay]] = {}
    for i, origin in enumerate(origins):
        step = f"judging on block {i + 1} of {len(origins)}"
        tell(i, step)
        telling = told(effort, partial(tell, i), step)
        candidates = fit_candidates(
            detector, data, origin.parts, detector.train.algorithms, telling
        )
        for name, replay in replays(data, known, origin, candidates).items():
            said.setdefault(name, []).append(replay)
    rule, budget = suppression_of(detector), detector.alerts.budget
    evaluations = (
        evaluate(
            name, found, budget=budget, rule=rule, seed=detector.train.seed,
            table=sorted({*TABLE, budget}),
        )
        for name, found in said.items()
    )  # fmt: skip
    return tuple(evaluations), said, candidates


def _finished(
    detector: Detector,
    data: Dataset,
    parts: Parts,
    final: Candidates,
    chosen: str,
    metrics: Mapping[str, float],
    effort: Effort,
) -> tuple[Threshold, Fit, GivenUp]:
    """The final model's threshold, the content of its artefact, and what the floor gives up."""
    model = final.models[chosen]
    scores = unseen_scores(detector, data, parts, chosen, final, effort)
    units = units_of(data, parts.threshold, parts.threshold_span, scores)
    floor = detector.alerts.least_precision
    threshold = fit_threshold(units, detector.alerts.budget, suppression_of(detector), floor)
    value = min(threshold.value, 1.0)
    truth = parts.known.truth
    used = data.times[parts.all | parts.threshold]
    lost = given_up(detector, units, truth[parts.threshold])
    fit = Fit(
        as_of=parts.known.at,
        encoder=final.encoder,
        model=model,
        parameters=effort.parameters.get(chosen, {}),
        threshold=value,
        risk_map=RiskMap.of(floor),
        keep_floor=keep_floor(scores, detector.write.keep.top, value),
        bins=bin_edges(scores),
        cold_start=cold_start_of(detector, data, parts, scores),
        metrics={
            **metrics,
            "expected_alerts_per_day": threshold.alerts_per_day,
            "alerts_per_day_below_floor": lost.per_day,
        },
        since=moment(int(used[0])),
        until=moment(int(used[-1])),
        fit_rows=int(parts.all.sum()),
        fit_positives=int((truth[parts.all] == 1).sum()),
        threshold_rows=int(parts.threshold.sum()),
        row_hash=row_hash(data, truth, parts.all | parts.threshold),
        reference=reference_of(detector.features, data.features, data.entity_column, scores),
        norms=norms_of(detector, data.features, truth),
    )
    return threshold, fit, lost
