"""Which candidate is kept, and when none deserves it.

All are set side by side at the same number of alerts, then by their whole rankings, each on the
same resamples of the judged units (`Contest`). Who is behind is out. Among those that nothing tells
apart the fourth decimal would decide by chance, so the order of `ROBUST` does.
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

# A forest averages trees that were grown apart, so no single accident of the learnt days carries
# far: of these it has lost least where days, hosts or networks changed. Boosted trees come next:
# few labels hardly tell them from a line, but what they learn of how features go together held on
# the days that came (on the simulated company 40 % against 25 % true, at the same alerts).
# An average of the tree candidates, by log-odds or by rank, was tried as one more: on six real sets
# it came between the best and the worst of them, and ranked nowhere better than the forest beyond
# chance.
ROBUST = ("random_forest", "xgboost", "hist_gradient_boosting", "logistic_regression")

_FAR = 4.0  # times the odds that chance gives a ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The candidate that is kept."""

    chosen: str
    equals: tuple[str, ...]  # the others that nothing tells apart from it
    finds_more: bool  # than each cheap rival, at the same number of alerts, beyond chance
    ahead_of: tuple[str, ...] = ()  # the cheap rivals that it finds more than, beyond chance


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
        detector: what it accepts.
        evaluations: of all candidates, the cheap rivals too.
        contest: between them.
        dealt: what chance would give each candidate.
        rules: the cheap rivals as rules.
        leaks: what may know the answer, to be looked at before any rule is made of it.

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
    """Those that nobody finds more than beyond chance or seems to rank better than, in order.

    Where candidates are chosen among, three times out of four is better than a fixed order; where
    one has to earn its place, it is not enough.
    """
    ranking = contest.ranking
    most = max(candidates, key=lambda e: (e.true_alerts_within_budget, ranking[e.algorithm]))
    left = [c.algorithm for c in candidates if not contest.finds_more(most.algorithm, c.algorithm)]
    top = max(left, key=lambda name: ranking[name])
    return sorted((n for n in left if not contest.seems_better(top, n)), key=ROBUST.index)


def _refuse_chance(own: Evaluation, ranking: float, chance: Dealt) -> None:
    """Refuse a ranking that chance gives as well, or no more true alerts than chance may give.

    A whole ranking tells more than the few alerts of the judged days: what is far beyond chance
    there need only find more than chance usually does here.
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
    """Refuse what finds fewer than a plain rule, or as many without ranking better.

    Where few cases are judged, hardly any difference is beyond chance: there it suffices to seem to
    rank better, and a caution says that nothing is sure.
    """
    name, rule = rival.algorithm, rules[rival.algorithm]
    if contest.finds_more(own.algorithm, name):
        return
    # At the budget, and at the rule's own number of alerts where that is smaller.
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
    """Refuse a promise that nobody would read; alerts without a label may be true, if any may."""
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
    """A round share that is not above *share*, as the file writes it."""
    return format_share(int(share * 1000) / 1000)
