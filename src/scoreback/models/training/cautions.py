"""What a promise leaves open: said before anybody trusts it, each with its number."""

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Evaluation
from scoreback.models.judging.percent import percent
from scoreback.models.training.choosing import Choice
from scoreback.models.training.pitfalls import Pitfall
from scoreback.models.training.plain_rule import PlainRule
from scoreback.models.training.rivals import HeldOut

UNSEEN = 2 / 3  # of the average precision by time that models of other entities should reach
PRECISION = 0.1  # promised; less, and a team soon stops reading
OFF = 0.25  # of the budget that alerts a day may differ from it
FEW = 20  # judged positives: not enough to tell any two candidates apart
_SOME = 50  # nor enough where candidates came out equal


def cautions(
    detector: Detector,
    own: Evaluation,
    single: Evaluation,
    choice: Choice,
    rule: PlainRule,
    apart: HeldOut | None,
) -> tuple[Pitfall, ...]:
    """What to know of the promise of *own*, the winner's evaluation; the weightiest first."""
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
        f"average precision where each {apart.field} is judged by a model that never saw it; by"
        f" time it is {own.average_precision:.2f}. Below {UNSEEN:.0%} of that, expect the lower"
        f" figure of any {apart.field} that is new",
    )


def _plain_rule(own: Evaluation, single: Evaluation, choice: Choice, rule: PlainRule) -> Pitfall:
    at, plain, ahead = own.at_budget, single.at_budget, single.algorithm in choice.ahead_of
    alone = ""
    if rule.words:
        alone = (
            f" As a rule, {rule.words}, it shows {rule.true_alerts} of {rule.alerts}, where"
            f" {own.algorithm} shows {rule.against[own.algorithm]}."
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
        f"of the alerts would be true{labelled}. Below {PRECISION:.0%} a team reads ten and more"
        " for each that matters: lower the budget, or give it more to tell them apart by",
    )


def _volume(detector: Detector, own: Evaluation) -> Pitfall:
    budget, shown = detector.alerts.budget, own.at_budget.alerts_per_day
    return Pitfall(
        "alerts a day",
        f"{shown:.1f}",
        abs(shown - budget) <= OFF * budget,
        f"on the judged days, for a budget of {budget:,.14g}. Off by more than {OFF:.0%} there were"
        " fewer units than the budget takes: every one would be an alert",
    )


def _busy_days(detector: Detector, own: Evaluation) -> Pitfall:
    at, most = own.at_budget, detector.alerts.budget * (1 + detector.alerts.burst)
    return Pitfall(
        "days over budget",
        f"{at.days_over_budget} of {at.days:.0f}",
        at.busiest_day <= most,
        f"judged days have more than {detector.alerts.budget:,.14g} of the best alerts, the busiest"
        f" {at.busiest_day}. A day opens at most {most:,.14g}: the rest is not shown",
    )


def _interval(own: Evaluation) -> Pitfall | None:
    at = own.at_budget
    if at.precision is None or at.drawn_width is None:
        return None
    return Pitfall(
        "an interval of no width",
        f"{at.drawn_width:.2f}",
        at.drawn_width > 0,
        "is how far precision moves when days and entities are drawn anew. At 0 all alerts are"
        " alike, or of one day and one entity: other days may differ by more than any figure says",
    )


def _positives(own: Evaluation, choice: Choice) -> Pitfall:
    count = own.at_budget.positives
    equals = ", ".join(choice.equals)
    return Pitfall(
        "positives to judge by",
        f"{count:,}",
        count >= (_SOME if equals else FEW),
        "positives on the judged days."
        + (f" Nothing tells {choice.chosen} apart from {equals}." if equals else "")
        + f" Below {FEW} no two candidates can be told apart: the most robust that earns its place"
        " is kept",
    )
