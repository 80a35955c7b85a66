"""No sentence of the page says what the figures beside it contradict."""

import re
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from scoreback.models.judging.percent import percent
from scoreback.models.report import sentences
from scoreback.models.report.recommendation import outcome, recommend
from scoreback.models.training.candidates import BASELINE, TODAY_QUEUE

MODELS = ("xgboost", "random_forest", "logistic_regression")
NAMED = {
    "xgboost": "xgboost",
    "random_forest": "random forest",
    "logistic_regression": "logistic regression",
    BASELINE: "best single feature (rule.id)",
    TODAY_QUEUE: "today's queue (severity)",
}
SHARES = st.floats(0, 1, allow_nan=False)


@st.composite
def shown(draw: st.DrawFn, most: int = 60) -> tuple[int, int]:
    """True alerts, and alerts."""
    alerts = draw(st.integers(0, most))
    return draw(st.integers(0, alerts)), alerts


@st.composite
def at_budgets(draw: st.DrawFn) -> dict[str, Any]:
    true, alerts = draw(shown())
    low, high = sorted((draw(SHARES), draw(SHARES)))
    precision = true / alerts if alerts else None
    benign = draw(st.integers(0, alerts))
    return {
        "budget": draw(st.sampled_from([1.0, 5.0, 20.0])), "days": draw(st.floats(1, 90)),
        "alerts": alerts, "true_alerts": true, "alerts_per_day": draw(st.floats(0, 50)),
        "precision": precision, "positives": draw(st.integers(0, 100)),
        "precision_low": None if precision is None else min(low, precision),
        "precision_high": None if precision is None else max(high, precision),
        "precision_benign_true": precision,
        "precision_benign_false": None if precision is None else max(0, true - benign) / alerts,
    }  # fmt: skip


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=1, unique=True))
    rivals = [BASELINE, *draw(st.sampled_from([[], [TODAY_QUEUE]]))]
    candidates: list[dict[str, Any]] = [
        {"algorithm": name, "at_budget": draw(at_budgets()),
         "average_precision": draw(st.none() | SHARES)}
        for name in [*models, *rivals]
    ]  # fmt: skip
    own = candidates[0]["at_budget"]["true_alerts"]
    ahead = [c["algorithm"] for c in candidates[len(models):]
             if c["at_budget"]["true_alerts"] < own and draw(st.booleans())]  # fmt: skip
    rule = draw(shown())
    return {
        "candidates": candidates,
        "chosen": models[0],
        "choice": {
            "equals": models[1:][: draw(st.integers(0, 2))],
            "finds_more": len(ahead) == len(rivals), "ahead_of": ahead,
        },
        "plain_rule": {
            "words": draw(st.sampled_from(["", "bytes >= 3"])), "true_alerts": rule[0],
            "alerts": rule[1], "against": {models[0]: draw(st.integers(0, rule[1]))},
        },
        "beside": draw(st.none() | besides()),
        "pitfalls": [
            {"name": name, "figure": "0.97", "fine": draw(st.booleans()), "sentence": "is much"}
            for name in ("label in disguise", "base rate", "positives to judge by")
        ],
    }  # fmt: skip


@st.composite
def besides(draw: st.DrawFn) -> dict[str, Any]:
    own, other = draw(shown()), draw(shown())
    mine, its = draw(st.integers(0, own[1] - own[0])), draw(st.integers(0, other[1] - other[0]))
    sure = draw(st.booleans())
    return {
        "unlabelled": mine, "incumbent_unlabelled": its,
        "version": "v1-abc", "why_not": draw(st.sampled_from(["", "it has learnt from all days"])),
        "since": "2026-03-01", "until": "2026-03-07", "true_alerts": own[0], "alerts": own[1],
        "incumbent_true_alerts": other[0], "incumbent_alerts": other[1],
        "finds_more": sure and own[0] > other[0] + its,
        "finds_fewer": sure and other[0] > own[0] + mine,
    }  # fmt: skip


def holds(text: str, own: int, other: int) -> None:
    """What *text* says of two numbers is so."""
    assert ("more" in text) == (own > other), text
    assert ("fewer" in text) == (own < other), text
    assert ("as many" in text) == (own == other), text


@given(own=shown(), other=shown(), sure=st.booleans())
def test_more_and_fewer_are_those_of_the_numbers(
    own: tuple[int, int], other: tuple[int, int], *, sure: bool
) -> None:
    text = sentences.against(own, other, "the rule", sure=sure)
    holds(text, own[0], other[0])
    assert re.findall(r"\d+", text) == [str(n) for n in (*other, *own)]
    assert ("beyond chance" in text) == (sure and own[0] != other[0])


@given(account=accounts())
def test_the_reason_why_a_candidate_is_kept_is_that_of_the_table(account: dict[str, Any]) -> None:
    text = sentences.chosen(account, NAMED)
    models = [c for c in account["candidates"] if c["algorithm"] in MODELS]
    own, rivals = models[0], models[1:]
    true = own["at_budget"]["true_alerts"]
    best = max((c["at_budget"]["true_alerts"] for c in rivals), default=-1)
    name = NAMED[own["algorithm"]]
    if "most true alerts" in text:
        assert true > best
    if "as many true alerts as any other" in text:
        assert true == best
    if "more true alerts" in text:
        assert best > true
        assert f"({best}) than {name} ({true})" in text
    known = [c["average_precision"] for c in rivals if c["average_precision"] is not None]
    if "ranks best" in text:
        assert own["average_precision"] > max(known)
    assert ("within chance" in text) == bool(rivals and account["choice"]["equals"])


@given(account=accounts())
def test_the_plain_rule_is_told_by_its_numbers(account: dict[str, Any]) -> None:
    text, rule = sentences.plain_rule(account, NAMED), account["plain_rule"]
    assert bool(text) == bool(rule["words"])
    if text:
        at_as_many = text.replace("with as many alerts shows", "shows")
        holds(at_as_many, rule["against"][account["chosen"]], rule["true_alerts"])
        assert f"{rule['true_alerts']} of its {rule['alerts']} alerts are true" in text


@given(account=accounts(), status=st.sampled_from(["candidate", "shadow", "champion", "retired"]))
def test_advice_never_contradicts_what_it_is_given_for(
    account: dict[str, Any], status: str
) -> None:
    found = recommend(account, status, NAMED)
    own = account["candidates"][0]["at_budget"]
    assert found.heading
    assert f"{own['true_alerts']} of {own['alerts']} were true" in found.why[-1] or any(
        f"{own['true_alerts']} of {own['alerts']} were true" in why or "no alert" in why
        for why in found.why
    )
    if status in ("champion", "retired"):
        assert found.advice in ("scores", "past")
        return
    cheap = [c for c in account["candidates"] if c["algorithm"] in (BASELINE, TODAY_QUEUE)]
    rule, beside = account["plain_rule"], account["beside"]
    behind = [c for c in cheap if c["at_budget"]["true_alerts"] > own["true_alerts"]]
    rule_finds_more = rule["words"] and rule["true_alerts"] > rule["against"][account["chosen"]]
    surely_behind = beside and beside["finds_fewer"] and not beside["why_not"]
    if found.advice == "promote":
        assert own["alerts"]
        assert not behind
        assert not rule_finds_more
        assert not surely_behind
        assert all(c["algorithm"] in account["choice"]["ahead_of"] for c in cheap)
        assert account["pitfalls"][0]["fine"]
    if found.advice == "leave":
        assert not own["alerts"] or behind or rule_finds_more or surely_behind


@given(found=besides())
def test_the_version_that_scores_now_is_told_by_its_numbers(found: dict[str, Any]) -> None:
    text = sentences.beside(found)
    if found["why_not"]:
        assert not re.search("more|fewer|as many", text)
        return
    holds(text, found["true_alerts"], found["incumbent_true_alerts"])
    assert ("beyond chance" in text) == (found["finds_more"] or found["finds_fewer"])
    mine, its = found["unlabelled"], found["incumbent_unlabelled"]
    assert ("no label" in text) == bool(mine or its)
    own, other = found["true_alerts"], found["incumbent_true_alerts"]
    turn = other <= own + mine if own < other else own <= other + its
    assert ("could reverse the order" in text) == (own != other and turn)


@given(at=at_budgets(), counts_as=st.sampled_from([None, "negative", "positive"]))
def test_benign_positives_are_told_where_anything_hangs_on_them(
    at: dict[str, Any], counts_as: str | None
) -> None:
    text = sentences.benign(at, counts_as)
    true, false = at["precision_benign_true"], at["precision_benign_false"]
    assert bool(text) == (true != false)
    if text:
        assert percent(true) in text
        assert percent(false) in text
        assert (counts_as is None) or counts_as in text


@given(st.lists(st.none() | SHARES, max_size=8))
def test_a_ranking_falls_in_words_only_where_it_falls(found: list[float | None]) -> None:
    text = sentences.ageing([{"average_precision": one} for one in found])
    known = [one for one in found if one is not None]
    assert bool(text) == (len(known) > 1)
    if text:
        change = known[-1] - known[0]
        assert ("falls" in text) == (change < -sentences.FALL)
        assert ("rises" in text) == (change > sentences.FALL)
        assert f"{known[0]:.2f}" in text
        assert f"{known[-1]:.2f}" in text


GROUPS = st.fixed_dictionaries(
    {"units": st.integers(0, 5000), "said": st.floats(1e-6, 1), "true": SHARES}
)


@given(st.lists(GROUPS, max_size=10))
def test_calibration_is_judged_as_the_groups_are(groups: list[dict[str, Any]]) -> None:
    text, fine = sentences.calibration(groups)
    known = [g for g in groups if g["units"]]
    assert bool(text) == bool(known)
    far = [g for g in known if abs(g["said"] - g["true"]) > 0.4 and g["units"] > 100]
    assert not (fine and far)
    if "are too high" in text:
        assert any(g["true"] < g["said"] for g in known)
    if "are too low" in text:
        assert any(g["true"] > g["said"] for g in known)
    if all(abs(g["said"] - g["true"]) < 1e-9 for g in known):
        assert fine


def test_a_score_that_says_too_much_is_told_with_where() -> None:
    groups = [
        {"units": 100, "said": 0.4, "true": 0.15},
        {"units": 2000, "said": 0.01, "true": 0.011},
    ]
    text, fine = sentences.calibration(groups)
    assert not fine
    assert text.startswith("Scores are too high as probabilities: in 1 of 2 groups")
    assert "Where 40% was predicted, 15% of 100 were true." in text


@given(at=at_budgets(), judged=shown(), alerts_per_day=st.floats(0, 50))
def test_what_came_is_compared_with_what_was_promised(
    at: dict[str, Any], judged: tuple[int, int], alerts_per_day: float
) -> None:
    assume(judged[1])
    share = judged[0] / judged[1]
    came = {
        "precision": share, "precision_low": share * 0.7, "precision_high": min(1, share * 1.3),
        "labelled": judged[1], "alerts": judged[1] + 3, "alerts_per_day": alerts_per_day,
    }  # fmt: skip
    text = outcome(at, came)
    assert f"Of {judged[1]} alert" in text
    assert f" {percent(share)} were true" in text
    if at["precision_low"] is not None:
        less, more = (came["precision_high"] < at["precision_low"],
                      came["precision_low"] > at["precision_high"])  # fmt: skip
        assert ("less than" in text) == less
        assert ("more than" in text) == more
        assert ("in keeping with" in text) == (not less and not more)


@given(
    wrong=st.lists(st.integers(0, 5), min_size=1, max_size=6),
)
def test_who_has_the_most_false_alerts_is_not_alone_where_others_have_as_many(
    wrong: list[int],
) -> None:
    most = max(wrong)
    every = {"alerted": len(wrong), "mean_precision": None, "attacked": 0, "found": 0,
             "worst": "ws-1" if most else "", "worst_false_alerts": most,
             "worst_others": wrong.count(most) - 1}  # fmt: skip
    said = sentences.entities(every, "host")
    assert ("has the most" in said) == (most > 0)
    assert ("more." in said) == (most > 0 and wrong.count(most) > 1)
    del every["worst_others"]  # an account of before
    assert "more." not in sentences.entities(every, "host")
