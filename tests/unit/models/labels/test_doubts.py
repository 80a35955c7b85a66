"""One person's flood of verdicts, and verdicts that others contradict on near-duplicates."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.labels.doubts import contradictions, floods
from scoreback.records import LABEL_COLUMNS

START = datetime(2026, 3, 2, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TRUE, FALSE = "true_positive", "false_positive"

Given = tuple[str, str, datetime, str]  # labeller, event, label time, verdict


def table(given: Sequence[Given], *, withdrawn: bool = False) -> pa.Table:
    rows = [
        {
            "event_id": event, "verdict": verdict, "label_time": at, "labeller": who,
            "source": "verdict", "alert_id": f"a-{event}", "withdrawn": withdrawn,
        }
        for who, event, at, verdict in given
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=LABEL_COLUMNS)


def burst(who: str, count: int, begin: datetime, every: timedelta = SECOND) -> list[Given]:
    return [(who, f"{who}{n}-{begin:%H%M}", begin + n * every, FALSE) for n in range(count)]


def test_more_verdicts_than_that_within_an_hour_are_one_case_and_no_other_persons() -> None:
    given = burst("eve", 11, START) + burst("ann", 10, START) + burst("eve", 3, START + 5 * HOUR)
    (case,) = floods(table(given), 10)
    assert (case.kind, case.labeller, len(case.places)) == ("flood", "eve", 11)
    assert (case.first, case.last) == (START, START + 10 * SECOND)


def test_two_floods_apart_are_two_cases_and_one_that_goes_on_is_one() -> None:
    apart = burst("eve", 11, START) + burst("eve", 11, START + 9 * HOUR)
    assert len(floods(table(apart), 10)) == 2
    long = burst("eve", 200, START, timedelta(minutes=3))  # 21 an hour, for ten hours
    (case,) = floods(table(long), 20)
    assert len(case.places) == 200
    assert floods(table(long), 21) == []


def test_what_was_taken_back_or_says_nothing_is_no_flood() -> None:
    given = burst("eve", 50, START)
    assert floods(table(given, withdrawn=True), 10) == []
    assert floods(table([(w, e, t, "undetermined") for w, e, t, _ in given]), 10) == []


@given(st.lists(st.integers(0, 20_000), max_size=60), st.integers(1, 8), st.randoms())
def test_a_verdict_is_in_a_flood_if_and_only_if_an_hour_around_it_has_too_many(
    seconds: list[int], most: int, shuffle: object
) -> None:
    given: list[Given] = [("eve", str(n), START + s * SECOND, FALSE) for n, s in enumerate(seconds)]
    shuffle.shuffle(given)  # type: ignore[attr-defined]  # a Random
    times = [at for _, _, at, _ in given]
    wanted = set()
    for begin in times:
        within = [n for n, at in enumerate(times) if begin <= at <= begin + HOUR]
        if len(within) > most:
            wanted.update(within)
    found = [place for case in floods(table(given), most) for place in case.places.tolist()]
    assert sorted(found) == sorted(wanted)


def test_a_case_keeps_its_name_while_the_flood_goes_on() -> None:
    early = floods(table(burst("eve", 11, START)), 10)
    late = floods(table(burst("eve", 40, START)), 10)
    assert [one.case_id for one in early] == [one.case_id for one in late]


ROWS = pa.table(
    {
        "event_id": ["a", "b", "c", "d", "far"],
        "bytes": [1000.0, 1001.0, 1002.0, 1003.0, 9000.0],
        "rule": ["r1", "r1", "r1", "r1", "r1"],
    }
)


def on(who: str, event: str, verdict: str, hour: int = 0) -> Given:
    return (who, event, START + hour * HOUR, verdict)


def test_a_verdict_that_others_contradict_on_near_duplicates_is_doubted() -> None:
    given = [on("ann", "a", TRUE), on("bob", "b", TRUE), on("cid", "c", TRUE),
             on("eve", "d", FALSE, 1), on("eve", "far", FALSE, 1)]  # fmt: skip
    labels = table(given)
    (case,) = contradictions(labels, ROWS, ["bytes", "rule"])
    assert (case.kind, case.labeller, case.places.tolist()) == ("contradiction", "eve", [3])
    assert contradictions(labels.slice(1), ROWS, ["bytes", "rule"]) == []  # two others are few


def test_where_others_do_not_agree_or_features_differ_nobody_is_doubted() -> None:
    split = [on("ann", "a", TRUE), on("bob", "b", FALSE), on("cid", "c", TRUE),
             on("eve", "d", FALSE)]  # fmt: skip
    assert contradictions(table(split), ROWS, ["bytes", "rule"]) == []
    apart = [on("ann", "a", TRUE), on("bob", "b", TRUE), on("cid", "c", TRUE),
             on("eve", "far", FALSE)]  # fmt: skip
    assert contradictions(table(apart), ROWS, ["bytes", "rule"]) == []


def test_a_benign_positive_contradicts_nothing() -> None:
    given = [on("ann", "a", TRUE), on("bob", "b", TRUE), on("cid", "c", TRUE),
             on("eve", "d", "benign_positive")]  # fmt: skip
    assert contradictions(table(given), ROWS, ["bytes", "rule"]) == []
