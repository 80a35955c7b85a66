"""The label is found by what its values say, or by its name where they say only yes and no."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.label_choice import Answer, Labels, with_all_values
from scoreback.models.detector.profile import profile

ROWS = 600
Rows = Callable[[int], str | None]
FEW = {
    "severity": [("low", "medium", "high")[i % 3] for i in range(ROWS)],
    "proto": [("tcp", "udp")[i % 2] for i in range(ROWS)],
    "tls": [("true", "false")[i % 2] for i in range(ROWS)],
    "event.outcome": [("success", "failure")[i % 2] for i in range(ROWS)],
    "ref_exploit_tag": [("0", "1")[i % 5 == 0] for i in range(ROWS)],
    "attack_complexity": [("L", "H")[i % 2] for i in range(ROWS)],
}


def labels(**columns: Sequence[str | None]) -> Labels:
    table = pa.table({n: pa.array(v, pa.string()) for n, v in (FEW | columns).items()})
    return Labels.among(profile(table, table.column_names))


def found(**columns: Sequence[str | None]) -> Answer:
    chosen = labels(**columns).chosen
    assert chosen is not None
    return chosen


def rarely(rare: str, common: str, every: int = 20) -> list[str | None]:
    return [rare if i % every == 0 else common for i in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "rare", "common"),
    [
        ("is_bad", "1", "0"),
        ("isBad", "true", "false"),
        ("target", "1", "0"),
        ("Disposition", "True Positive", "False Positive"),
        ("outcome", "incident", "no incident"),
        ("classification", "Mal-2", "clean"),
        ("zzz", "malicious", "benign"),
        ("closed as", "TP", "BTP"),
        ("notes2", "Attack", "Normal"),
        ("IncidentGrade", "TruePositive", "BenignPositive"),
        ("Result", "2", "-1"),
        ("grade", "2", "1"),
        ("Triage", "P1-confirmed", "closed-noise"),
        ("is_phishing", "1", "-1"),
        ("legit_or_not benign", "1", "2"),
    ],
)
def test_the_label_is_found_among_columns_of_few_values(name: str, rare: str, common: str) -> None:
    answer = found(**{name: rarely(rare, common)})
    assert answer.field.name == name
    assert answer.positive == (rare,)
    assert answer.negative == (common,)
    assert answer.positives == 30
    assert answer.why


def test_a_kind_that_nobody_knows_is_left_open() -> None:
    kinds: list[str | None] = [
        "benign",
        "benign",
        "benign",
        "phishing",
        "malware",
        "defacing",
    ] * 100
    answer = found(type=kinds)
    assert set(answer.positive) == {"phishing", "malware"}
    assert answer.open == ("defacing",)


def test_a_yes_to_benign_means_no_attack() -> None:
    answer = found(is_benign=rarely("0", "1"))
    assert (answer.positive, answer.negative) == (("0",), ("1",))


def test_what_is_not_called_harmless_is_taken_for_an_attack() -> None:
    steps: list[str | None] = ["-", "-", "-", "dirb", "wpscan", "pending"] * 100
    answer = found(event_label=steps)
    assert answer.negative == ("-",)
    assert set(answer.positive) == {"dirb", "wpscan"}
    assert answer.open == ("pending",)
    answer = found(event_label=[*steps[:-2], "malware", "sudo_confirmed"])
    assert set(answer.positive) == {"dirb", "wpscan", "malware", "sudo_confirmed"}


def test_odd_values_of_a_field_that_is_called_a_label_are_a_guess_that_says_so() -> None:
    answer = found(classification=rarely("cat-7", "cat-1"))
    assert (answer.positive, answer.negative) == (("cat-7",), ("cat-1",))
    assert "GUESS" in answer.why


def test_positives_alone_are_a_label_too() -> None:
    some: list[str | None] = ["1" if i % 20 == 0 else None for i in range(ROWS)]
    answer = found(is_malicious=some)
    assert (answer.positive, answer.negative) == (("1",), ())
    assert np.bincount(answer.truth()).tolist() == [570, 30]


def test_without_a_label_none_is_made_up() -> None:
    none = labels()
    assert none.chosen is None
    assert "not whether it was an attack" in none.refused["event.outcome"]


def test_one_field_of_yes_and_no_is_taken_only_if_no_other_could_be_meant() -> None:
    odd = {"qq": rarely("1", "0")}
    table = pa.table({"proto": FEW["proto"], **odd})
    alone = Labels.among(profile(table, table.column_names))
    assert alone.chosen is not None
    assert "the only yes-or-no field" in alone.chosen.why
    beside = labels(**odd)
    assert beside.chosen is None
    assert {answer.field.name for answer in beside.unclear} >= {"qq", "ref_exploit_tag"}


def test_of_two_labels_the_stricter_is_taken_if_it_has_enough_positives() -> None:
    by_phase, by_event = rarely("attack", "none", 3), rarely("attack", "none", 10)
    both = labels(time_label=by_phase, event_label=by_event)
    assert both.chosen is not None
    assert both.chosen.field.name == "event_label"
    assert [answer.field.name for answer in both.others] == ["time_label"]
    assert found(time_label=by_phase, event_label=rarely("attack", "none", 200)).field.name == (
        "time_label"
    )


def test_values_that_the_sample_missed_are_learnt_from_all_events() -> None:
    answer = found(event_label=[("-", "dirb")[i % 9 == 0] for i in range(ROWS)])
    whole = with_all_values(answer, lambda _: {"-": 9000, "dirb": 500, "dns_scan": 3})
    assert whole.positive == ("dirb", "dns_scan")
    assert whole.positives == 503
    assert with_all_values(answer, lambda _: None) is answer
