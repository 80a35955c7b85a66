"""Limits of the figures that a training promises, each with its number, shown before its use."""

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Evaluation
from scoreback.models.judging.percent import percent
from scoreback.models.training.choosing import Choice
from scoreback.models.training.pitfalls import Pitfall
from scoreback.models.training.plain_rule import PlainRule
from scoreback.models.training.rivals import HeldOut

UNSEEN = 2 / 3  # of the average precision by time; less on unseen entities is a caution
PRECISION = 0.1  # with a lower precision, a team soon stops reading
OFF = 0.25  # share of the budget by which alerts a day may differ from it
FEW = 20  # fewer judged positives cannot distinguish any two candidates
_SOME = 50  # the same, if candidates came out equal


def cautions(
    detector: Detector,
    own: Evaluation,
    single: Evaluation,
    choice: Choice,
    rule: PlainRule,
    apart: HeldOut | None,
) -> tuple[Pitfall, ...]:
    """Cautions about the winner's evaluation *own*, the most important first."""
    found = [
        _unseen(own, apart),
        _plain_rule(own, single, choice, rule),
        _precision(own),
        _volume(detector, own),
        _busy_days(detector, own),
        _interval(own),
        _positives(own, choice),
    ]
    return tuple(caution for caution in found if caution is not None)


def _unseen(own: Evaluation, apart: HeldOut | None) -> Pitfall | None:
    unseen = None if apart is None else apart.mean_average_precision
    if apart is None or unseen is None or not own.average_precision:
        return None
    return Pitfall(
        f"{apart.field} never seen",
        f"{unseen:.2f}",
        unseen >= UNSEEN * own.average_precision,
        f"is the average precision when each {apart.field} is judged by a model that never saw"
        f" it; on later days it is {own.average_precision:.2f}. Below {UNSEEN:.0%} of that,"
        f" expect the lower figure for any new {apart.field}",
    )


def _plain_rule(own: Evaluation, single: Evaluation, choice: Choice, rule: PlainRule) -> Pitfall:
    at, plain, ahead = own.at_budget, single.at_budget, single.algorithm in choice.ahead_of
    alone = ""
    if rule.words:
        alone = (
            f" As a plain rule, {rule.words}, it shows {rule.true_alerts} of {rule.alerts}, and"
            f" {own.algorithm} shows {rule.against[own.algorithm]} with as many alerts."
        )
    return Pitfall(
        "the best single feature at the same number of alerts",
        f"{at.true_alerts} against {plain.true_alerts}",
        ahead,
        f"true alerts, {_of_each(at.alerts, plain.alerts)}:"
        f" {'more' if ahead else 'no difference'} beyond chance.{alone}"
        + ("" if ahead else " A rule needs no model."),
    )


def _of_each(own: int, plain: int) -> str:
    return f"of {own} each" if own == plain else f"of {own} and of {plain}"


def _precision(own: Evaluation) -> Pitfall | None:
    at = own.at_budget
    if at.precision is None:
        return None
    labelled = ""
    if at.precision_labelled is not None and at.coverage is not None and at.coverage < 1:
        labelled = f" ({percent(at.precision_labelled)} of those with a verdict)"
    return Pitfall(
        "promised precision",
        f"{percent(at.precision)}",
        at.precision >= PRECISION,
        f"of the alerts would be true{labelled}. Below {PRECISION:.0%}, a team reads more than"
        " ten alerts for each one that matters: lower the budget, or add features that separate"
        " them",
    )


def _volume(detector: Detector, own: Evaluation) -> Pitfall:
    budget, shown = detector.alerts.budget, own.at_budget.alerts_per_day
    return Pitfall(
        "alerts a day",
        f"{shown:.1f}",
        abs(shown - budget) <= OFF * budget,
        f"on the judged days, for a budget of {budget:,.14g}. A difference above {OFF:.0%} means"
        " that there were fewer units than the budget allows, so each of them would be an alert",
    )


def _busy_days(detector: Detector, own: Evaluation) -> Pitfall:
    at, most = own.at_budget, detector.alerts.budget * (1 + detector.alerts.burst)
    return Pitfall(
        "days over budget",
        f"{at.days_over_budget} of {at.days:.0f}",
        at.busiest_day <= most,
        f"judged days have more than {detector.alerts.budget:,.14g} of the best alerts, the busiest"
        f" day {at.busiest_day}. At most {most:,.14g} a day are opened; the others are not shown",
    )


def _interval(own: Evaluation) -> Pitfall | None:
    at = own.at_budget
    if at.precision is None or at.drawn_width is None:
        return None
    return Pitfall(
        "an interval of no width",
        f"{at.drawn_width:.2f}",
        at.drawn_width > 0,
        "is how much precision varies when days and entities are resampled. At 0, all alerts are"
        " alike, or from one day and one entity, so other days may differ more than these figures"
        " show",
    )


def _positives(own: Evaluation, choice: Choice) -> Pitfall:
    count = own.at_budget.positives
    equals = ", ".join(choice.equals)
    return Pitfall(
        "positives to judge by",
        f"{count:,}",
        count >= (_SOME if equals else FEW),
        "positives on the judged days."
        + (
            f" {choice.chosen} and {equals} are equally good within chance, which is common below"
            f" {_SOME}."
            if equals
            else ""
        )
        + f" With fewer than {FEW}, no two candidates can be told apart: training keeps the most"
        " robust that earns its place",
    )
