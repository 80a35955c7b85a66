"""Chooses the candidate that is kept, or refuses all of them.

Candidates are compared at the same number of alerts, then by their whole rankings, on the same
resamples of the judged units (`Contest`). A candidate that is behind drops out. Among equal ones
the fourth decimal would decide by chance, so the order of `ROBUST` decides instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoreback.errors import TrainingRefused
from scoreback.models.detector.quantities import format_share
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.contest import Contest, Dealt
from scoreback.models.judging.evaluation import Evaluation
from scoreback.models.training.candidates import BASELINE, CHEAP
from scoreback.models.training.leaks import Leak
from scoreback.models.training.plain_rule import PlainRule

# A forest averages independently grown trees, so no single accident of the training days has much
# effect: it lost the least where days, hosts or networks changed. Boosted trees come next: with few
# labels they are hardly better than a linear model, but the interactions of features that they
# learn held on later days (40 % true alerts against 25 %, at the same number, on the simulated
# company). An average of the tree candidates, by log-odds or by rank, was tried as one more: on six
# real data sets it came between the best and the worst of them, and never ranked better than the
# forest beyond chance.
ROBUST = ("random_forest", "xgboost", "hist_gradient_boosting", "logistic_regression")

_FAR = 4.0  # times the odds of a ranking by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The candidate that is kept."""

    chosen: str
    equals: tuple[str, ...]  # the other candidates that are not distinguishable from it
    finds_more: bool  # whether it finds more than every cheap rival, beyond chance
    ahead_of: tuple[str, ...] = ()  # cheap rivals that find fewer true alerts, beyond chance


def choose(
    detector: Detector,
    evaluations: Sequence[Evaluation],
    contest: Contest,
    dealt: Mapping[str, Dealt],
    rules: Mapping[str, PlainRule],
    leaks: Sequence[Leak] = (),
) -> Choice:
    """The most robust of the best candidates that earns its place.

    Args:
        detector: sets what it accepts.
        evaluations: of all candidates, including the cheap rivals.
        contest: compares them.
        dealt: what chance would give each candidate.
        rules: the cheap rivals as plain rules.
        leaks: features that may know the answer, for the advice in a refusal.

    Raises:
        TrainingRefused: none does better than chance and than the cheap rivals, or its alerts would
            hardly ever be true.
    """
    by_name = {e.algorithm: e for e in evaluations}
    best = _best([e for e in evaluations if e.algorithm not in CHEAP], contest)
    cheap = [by_name[name] for name in CHEAP if name in by_name]
    problems: list[TrainingRefused] = []
    for name in best:
        try:
            _refuse_chance(by_name[name], contest.ranking[name], dealt[name])
            _refuse_poor(detector, by_name[name])
            for rival in cheap:
                _refuse_unearned(detector, by_name[name], rival, contest, rules, leaks)
        except TrainingRefused as problem:
            problems.append(problem)
            continue
        ahead_of = [r.algorithm for r in cheap if contest.finds_more(name, r.algorithm)]
        return Choice(
            chosen=name,
            equals=tuple(other for other in best if other != name),
            finds_more=len(ahead_of) == len(cheap),
            ahead_of=tuple(ahead_of),
        )
    raise problems[0]


def _best(candidates: Sequence[Evaluation], contest: Contest) -> list[str]:
    """The candidates that no other beats in true alerts or seems to beat in ranking, by robustness.

    For a choice between candidates, being better in three of four resamples is a better guide than
    a fixed order; to earn a place, it is not enough.
    """
    ranking = contest.ranking
    most = max(candidates, key=lambda e: (e.true_alerts_within_budget, ranking[e.algorithm]))
    left = [c.algorithm for c in candidates if not contest.finds_more(most.algorithm, c.algorithm)]
    top = max(left, key=lambda name: ranking[name])
    return sorted((n for n in left if not contest.seems_better(top, n)), key=ROBUST.index)


def _refuse_chance(own: Evaluation, ranking: float, chance: Dealt) -> None:
    """Refuse a ranking, or a number of true alerts, that chance may give as well.

    A whole ranking says more than the few alerts of the judged days: a candidate whose ranking is
    far beyond chance only needs more true alerts than chance gives on average.
    """
    true, dealt_ranking = own.at_budget.true_alerts, chance.average_precision or 0.0
    far = _odds(ranking) > _FAR * _odds(dealt_ranking)
    few = chance.tells and true <= (chance.usual_true_alerts if far else chance.true_alerts)
    if not few and ranking > dealt_ranking:
        return
    above = ", which is beyond chance, but not far enough for so few alerts"
    raise TrainingRefused(
        f"the best candidate, {own.algorithm}, is not told apart from chance: {true} of"
        f" {own.at_budget.alerts} alerts true, where labels dealt at random give"
        f" {chance.usual_true_alerts:.0f} on average and up to {chance.true_alerts:.0f}; average"
        f" precision, by cases, {ranking:.3f}, where they give up to"
        f" {dealt_ranking:.3f} (99 of 100 times){above if ranking > dealt_ranking else ''}",
        hint="look whether the labels say what they should; else add features that could tell, or"
        " collect more labels",
    )


def _odds(precision: float) -> float:
    return precision / max(1.0 - precision, 1e-9)


def _refuse_unearned(
    detector: Detector,
    own: Evaluation,
    rival: Evaluation,
    contest: Contest,
    rules: Mapping[str, PlainRule],
    leaks: Sequence[Leak],
) -> None:
    """Refuse a model that finds fewer than a plain rule, or as many without ranking better.

    With few judged cases, hardly any difference is beyond chance: then it is enough to seem to rank
    better, and a caution says that this is not certain.
    """
    name, rule = rival.algorithm, rules[rival.algorithm]
    if contest.finds_more(own.algorithm, name):
        return
    # Compare at the budget, and at the rule's own number of alerts, which may be smaller.
    sides = (
        (own.at_budget.true_alerts, rival.at_budget.true_alerts, rival.at_budget.alerts),
        (rule.against[own.algorithm], rule.true_alerts, rule.alerts),
    )
    true, plain, alerts = min(sides, key=lambda side: side[0] - side[1])
    ranks_better = contest.ranks_better(own.algorithm, name)
    if true >= plain and (ranks_better or contest.leans_to(own.algorithm, name)):
        return
    behind = contest.finds_more(name, own.algorithm)
    if detector.train.accept.equal_to_rule and not behind:
        return
    advice = []
    if leaks and name == BASELINE:
        advice.append(f"look first where this comes from, it may know the answer: {leaks[0]}")
    if rule.words:
        advice.append(f"put it into a plain rule, which needs no model: {rule.words}")
    if ranks_better:
        advice.append("lower alerts.budget: the model is ahead where fewer alerts are read")
    advice.append("for a model, add features or collect more labels")
    if not behind:
        advice.append("or keep it all the same: train: {accept: {equal_to_rule: true}}")
    cheap = "the best single feature" if name == BASELINE else "today's queue"
    raise TrainingRefused(
        f"the best candidate, {own.algorithm}, does not beat {cheap}: {true} against {plain} true"
        f" alerts at the same number of alerts, {alerts}"
        f"{'' if behind else ', which may be chance alone'};"
        f" average precision, by cases, {contest.ranking[own.algorithm]:.3f} against"
        f" {contest.ranking[name]:.3f}",
        hint="; ".join(advice),
    )


def _refuse_poor(detector: Detector, own: Evaluation) -> None:
    """Refuse a precision too low to be read; unlabelled alerts count only if presumed benign."""
    at, least = own.at_budget, detector.train.accept.precision
    promised = at.precision
    if detector.labels.unlabelled == "ignore" and at.precision_labelled is not None:
        promised = at.precision_labelled
    if promised is None or promised >= least:
        return
    raise TrainingRefused(
        f"the best candidate, {own.algorithm}, promises {at.true_alerts} true of {at.alerts}"
        f" alerts, {promised:.1%} of those that have a label, fewer than {format_share(least)}",
        hint="lower alerts.budget, add features or collect more labels; where so rare a true alert"
        f" is worth the reading, accept it: train: {{accept: {{precision: {_below(promised)}}}}}",
    )


def _below(share: float) -> str:
    """*share* rounded down, in the notation of the detector file."""
    return format_share(int(share * 1000) / 1000)
