from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.records import Verdict
from scoreback.service.demo.alerts import NOISY_RULES
from scoreback.service.demo.analysts import HUNTERS, Analysts, Closing
from scoreback.service.demo.company import Day, StreamName
from scoreback.service.demo.difficulty import Difficulty

Days = dict[StreamName, list[Day]]
Verdicts = dict[StreamName, pa.Table]
SHOWN = datetime(2026, 10, 5, 9, tzinfo=UTC)
RIGHT = {
    (True, False): Verdict.TRUE_POSITIVE,
    (False, True): Verdict.BENIGN_POSITIVE,
    (False, False): Verdict.FALSE_POSITIVE,
}


@pytest.fixture(scope="module")
def suspicious(days: Days) -> pa.Table:
    """What a good detector shows: the likeliest attacks of the alert stream."""
    truth = pa.concat_tables([d.truth for d in days["alerts"]])
    return truth.sort_by([("oracle", "descending")]).slice(0, 1500)


@pytest.fixture(scope="module")
def closings(suspicious: pa.Table) -> list[Closing | None]:
    analysts = Analysts(suspicious, Difficulty(), seed=7)
    ids = suspicious["event_id"].to_pylist()
    return [analysts.verdict_for(event_id, shown_at=SHOWN) for event_id in ids]


def test_some_alerts_are_never_closed(closings: list[Closing | None]) -> None:
    assert 0.10 < sum(c is None for c in closings) / len(closings) < 0.20


def test_verdicts_come_hours_to_days_after_the_alert(closings: list[Closing | None]) -> None:
    hours = [(c.label_time - SHOWN) / timedelta(hours=1) for c in closings if c]
    assert min(hours) > 0
    assert 4 < np.median(hours) < 8
    assert np.quantile(hours, 0.95) > 24
    assert max(hours) <= 96


def test_a_few_verdicts_in_a_hundred_are_wrong_and_a_few_undetermined(
    suspicious: pa.Table, closings: list[Closing | None]
) -> None:
    rows = suspicious.select(["attack", "allowed"]).to_pylist()
    pairs = [
        (RIGHT[row["attack"], row["allowed"]], closing.verdict)
        for row, closing in zip(rows, closings, strict=True)
        if closing
    ]
    decided = [(right, said) for right, said in pairs if said != Verdict.UNDETERMINED]
    assert 0.02 < 1 - len(decided) / len(pairs) < 0.07
    assert 0.02 <= np.mean([right != said for right, said in decided]) <= 0.05
    assert {said for _, said in pairs} == set(Verdict)


def test_the_same_event_gets_the_same_verdict_whenever_one_asks(suspicious: pa.Table) -> None:
    ids = suspicious["event_id"].to_pylist()[:50]
    one, other = (Analysts(suspicious, Difficulty(), seed=7) for _ in range(2))
    forwards = [one.verdict_for(i, shown_at=SHOWN) for i in ids]
    backwards = [other.verdict_for(i, shown_at=SHOWN) for i in reversed(ids)]
    assert forwards == backwards[::-1]


def test_an_event_that_never_happened_has_no_verdict(suspicious: pa.Table) -> None:
    with pytest.raises(KeyError, match="nonsense"):
        Analysts(suspicious, Difficulty(), seed=7).verdict_for("nonsense", shown_at=SHOWN)


def test_a_team_without_faults_is_always_right(suspicious: pa.Table) -> None:
    perfect = Difficulty(wrong_share=0, undetermined_share=0, closed_share=1)
    analysts = Analysts(suspicious, perfect, seed=7)
    for row in suspicious.slice(0, 200).to_pylist():
        closing = analysts.verdict_for(row["event_id"], shown_at=SHOWN)
        assert closing is not None
        assert closing.verdict == RIGHT[row["attack"], row["allowed"]]


def test_the_team_closes_a_third_to_two_thirds_of_alerts_noisy_ones_less_often(
    verdicts: Verdicts, days: Days
) -> None:
    labels = verdicts["alerts"]
    events = pa.concat_tables([d.events for d in days["alerts"]])
    closed = pc.is_in(events["event_id"], labels["event_id"].combine_chunks())
    noisy = pc.is_in(events["rule.id"], pa.array(sorted(NOISY_RULES)))
    share = {n: pc.mean(closed.filter(pc.equal(noisy, n)).cast(pa.float64())).as_py()
             for n in (True, False)}  # fmt: skip
    assert 0.3 < labels.num_rows / events.num_rows < 0.6
    assert share[True] < share[False] - 0.2
    assert set(pc.unique(labels["propensity"]).to_pylist()) == {0.45, 0.9}


def test_incident_response_finds_most_endpoint_attacks_that_nobody_was_shown(
    verdicts: Verdicts, days: Days
) -> None:
    labels = verdicts["endpoint"]
    truth = pa.concat_tables([d.truth for d in days["endpoint"]])
    attacks = truth.filter(truth["attack"])["event_id"].combine_chunks()
    known = pc.is_in(attacks, labels["event_id"].combine_chunks())
    assert 0.55 < pc.mean(known.cast(pa.float64())).as_py() < 0.85
    hunted = labels.filter(pc.equal(labels["labeller"], HUNTERS))
    assert hunted["propensity"].null_count == hunted.num_rows
    assert pc.unique(hunted["verdict"]).to_pylist() == [Verdict.TRUE_POSITIVE]
