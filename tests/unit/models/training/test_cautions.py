"""What a promise leaves open is said, each with its number, where somebody looks."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import AtBudget, Evaluation
from scoreback.models.training.cautions import cautions
from scoreback.models.training.choosing import Choice
from scoreback.models.training.pitfalls import Pitfall
from scoreback.models.training.plain_rule import PlainRule
from scoreback.models.training.rivals import HeldOut, HeldOutValue
from scoreback.models.training.training import Training

RULE = PlainRule(words="size >= 3", alerts=20, true_alerts=8, against={"xgboost": 10})
ALONE = Choice(chosen="xgboost", equals=(), finds_more=True)


@pytest.fixture
def own(training: Training) -> Evaluation:
    return training.evaluation


def with_figures(own: Evaluation, **figures: object) -> Evaluation:
    at: AtBudget = replace(own.at_budget, **figures)  # type: ignore[arg-type]
    return replace(own, at_budget=at)


def found(
    detector: Detector,
    own: Evaluation,
    choice: Choice = ALONE,
    apart: HeldOut | None = None,
    single: Evaluation | None = None,
) -> dict[str, Pitfall]:
    said = cautions(detector, own, single or own, choice, RULE, apart)
    return {caution.name: caution for caution in said}


@pytest.mark.parametrize(
    ("name", "figures", "fine"),
    [
        ("promised precision", {"precision": 0.09}, False),
        ("promised precision", {"precision": 0.11}, True),
        ("alerts a day", {"alerts_per_day": 3.7}, False),
        ("alerts a day", {"alerts_per_day": 4.0}, True),
        ("days over budget", {"busiest_day": 8}, False),
        ("days over budget", {"busiest_day": 7}, True),
        ("an interval of no width", {"drawn_width": 0.0}, False),
        ("an interval of no width", {"drawn_width": 0.2}, True),
        ("positives to judge by", {"positives": 19}, False),
        ("positives to judge by", {"positives": 20}, True),
    ],
)
def test_each_asks_for_a_look_from_its_limit_on(
    make_detector: Callable[..., Detector],
    own: Evaluation,
    name: str,
    figures: dict[str, object],
    fine: bool,
) -> None:
    assert found(make_detector(), with_figures(own, **figures))[name].fine is fine


def test_a_budget_of_a_million_is_written_out(
    make_detector: Callable[..., Detector], own: Evaluation
) -> None:
    detector = make_detector()
    alerts = detector.alerts.model_copy(update={"budget": 1_000_000.0})
    huge = detector.model_copy(update={"alerts": alerts})
    assert "for a budget of 1,000,000." in found(huge, own)["alerts a day"].sentence


def test_candidates_that_nothing_tells_apart_need_more_positives_and_are_named(
    make_detector: Callable[..., Detector], own: Evaluation
) -> None:
    choice = Choice(chosen="random_forest", equals=("xgboost",), finds_more=True)
    few = found(make_detector(), with_figures(own, positives=40), choice)["positives to judge by"]
    assert not few.fine
    assert "random_forest and xgboost are equally good" in few.sentence


def test_a_plain_rule_that_does_as_well_at_the_budget_is_shown(
    make_detector: Callable[..., Detector], own: Evaluation
) -> None:
    choice = replace(ALONE, finds_more=False)
    single = with_figures(own, true_alerts=9, alerts=25)
    said = found(
        make_detector(), with_figures(own, true_alerts=11, alerts=25), choice, None, single
    )
    rule = said["the best single feature at the same number of alerts"]
    assert (rule.figure, rule.fine) == ("11 against 9", False)
    assert "no difference beyond chance" in rule.sentence
    assert "size >= 3, it shows 8 of 20, and xgboost shows 10" in rule.sentence


@pytest.mark.parametrize(("unseen", "fine"), [(0.3, False), (0.65, True)])
def test_a_figure_of_unseen_entities_far_under_the_one_by_time_comes_first(
    make_detector: Callable[..., Detector], own: Evaluation, unseen: float, fine: bool
) -> None:
    by_time = replace(own, average_precision=0.9)
    value = HeldOutValue(
        value="a", rows=10, evaluation=replace(own, average_precision=unseen), baseline=own
    )
    apart = HeldOut(field="network.name", values=(value,), skipped=())
    first, *_ = cautions(make_detector(), by_time, own, ALONE, RULE, apart)
    assert (first.name, first.fine) == ("network.name never seen", fine)
    assert first.figure == f"{unseen:.2f}"
