"""The threshold in force: the budget of a day holds, whatever comes and however it is cut."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.detector.day_start import DayStart, parse_day_start
from scoreback.models.judging.judged import Judged
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacer import Pacer
from scoreback.models.judging.pacing import Cut, Pace, Tick
from scoreback.models.judging.past import Past, Units
from scoreback.suppression import Suppression
from scoreback.times import micros

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = micros(datetime(2026, 3, 2, tzinfo=UTC))
FREE = Suppression(per_entity=10**6, throttle=timedelta(0))
BERLIN = parse_day_start("06:00 Europe/Berlin")
BORN = 0.5


def pace(budget: float = 10, floor: float = 0.0, rule: Suppression = FREE) -> Pace:
    return Pace(budget=budget, burst=0.5, floor=floor, rule=rule)


def units_of(
    times: list[int] | np.ndarray[tuple[int], np.dtype[np.int64]],
    scores: list[float] | np.ndarray[tuple[int], np.dtype[np.float64]],
    entities: list[int] | None = None,
) -> Units:
    count = len(times)
    return Units(
        times=np.asarray(times, dtype=np.int64),
        event_times=np.asarray(times, dtype=np.int64),
        entities=np.asarray(entities or range(count), dtype=np.int64),
        scores=np.asarray(scores, dtype=np.float64),
        draws=np.random.default_rng(3).random(count),
    )


def days_of(
    days: int, a_day: int = 200, seed: int = 1, scale: Callable[[int], float] = lambda _day: 1.0
) -> list[Units]:
    """Units of whole days, whose scores of day n are drawn at scale(n)."""
    draw = np.random.default_rng(seed)
    found = []
    for day in range(days):
        times = np.sort(draw.integers(0, DAY, a_day)) + START + day * DAY
        scores = np.clip(draw.beta(0.3, 6, a_day) * scale(day), 0, 0.999)
        found.append(units_of(times, scores, list(range(day * a_day, (day + 1) * a_day))))
    return found


def all_of(days: list[Units]) -> Units:
    return Units(
        times=np.concatenate([d.times for d in days]),
        event_times=np.concatenate([d.event_times for d in days]),
        entities=np.concatenate([d.entities for d in days]),
        scores=np.concatenate([d.scores for d in days]),
        draws=np.concatenate([d.draws for d in days]),
    )


def opened(judged: Judged) -> int:
    return int(judged.past.opened.sum())


def openings_of(past: list[Past]) -> list[Opening]:
    return [
        Opening(*values)
        for one in past
        for values in zip(
            one.units.times[one.opened].tolist(), one.units.event_times[one.opened].tolist(),
            one.units.entities[one.opened].tolist(), strict=True,
        )
    ]  # fmt: skip


def in_hours(units: Units) -> list[Units]:
    cuts = np.unique(units.times // HOUR)
    return [units.take(np.flatnonzero(units.times // HOUR == hour)) for hour in cuts]


def test_a_steady_stream_opens_its_budget_each_day() -> None:
    pacer = Pacer(pace(10), DayStart(), BORN)
    counts = [opened(pacer.judge(day)) for day in days_of(20)]
    assert all(8 <= count <= 12 for count in counts[9:])


def test_scores_that_drift_upwards_open_no_more_alerts() -> None:
    drifting = days_of(24, scale=lambda day: 1.0 + day / 12)
    pacer = Pacer(pace(10), DayStart(), BORN)
    counts = [opened(pacer.judge(day)) for day in drifting]
    assert sum(counts[9:]) / 15 == pytest.approx(10, rel=0.15)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.sampled_from([0.1, 0.5, 0.9])), max_size=80),
    st.sampled_from([1.0, 2.0, 5.0]),
    st.sampled_from([DayStart(), BERLIN]),
)
def test_no_day_opens_more_than_its_ceiling(
    seen: list[tuple[int, float]], budget: float, start: DayStart
) -> None:
    pacer = Pacer(pace(budget), start, 0.05)
    units = units_of([START + t for t, _ in seen], [s for _, s in seen])
    shown = pacer.judge(units)
    assert not (shown.alerts & (units.scores < shown.thresholds)).any()
    if not seen:
        return
    starts = start.between(int(units.times.min()), int(units.times.max()) + 1)
    times = shown.past.units.times[shown.past.opened]
    for since, until in pairwise(starts):
        assert ((times >= since) & (times < until)).sum() <= pacer.pace.ceiling


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(12, 60))
def test_cut_into_hours_or_days_and_begun_again_between_the_alerts_are_the_same(
    seed: int, a_day: int
) -> None:
    days = days_of(10, a_day, seed)
    whole = Pacer(pace(3), DayStart(), BORN)
    expected = [whole.judge(day).alerts.tolist() for day in days]
    at_once = Pacer(pace(3), DayStart(), BORN).judge(all_of(days))
    assert at_once.alerts.tolist() == [one for day in expected for one in day]
    past: list[Past] = []
    found = []
    for day in days:
        alerts: list[bool] = []
        for hour in in_hours(day):
            again = Pacer(pace(3), DayStart(), BORN, past=past, opened=openings_of(past))
            judged = again.judge(hour)
            past.append(judged.past)
            alerts += judged.alerts.tolist()
        found.append(alerts)
    assert found == expected


def test_a_step_that_goes_on_in_an_hour_keeps_the_cut_of_that_hour() -> None:
    days = days_of(9)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days[:-1]:
        pacer.judge(day)
    hour = in_hours(days[-1])[5]
    first = pacer.judge(hour.take(np.arange(2)))
    second = pacer.judge(hour.take(np.arange(2, len(hour.times))))
    assert len(first.ticks) == 1
    assert second.ticks == ()
    assert second.thresholds[0] == first.thresholds[0]


def test_equal_scores_keep_the_budget() -> None:
    draw = np.random.default_rng(5)
    pacer = Pacer(pace(10), DayStart(), BORN)
    counts = []
    for day in range(20):
        times = np.sort(draw.integers(0, DAY, 300)) + START + day * DAY
        counts.append(opened(pacer.judge(units_of(times, np.full(300, 0.97)))))
    assert all(7 <= count <= 13 for count in counts[9:])


def test_nothing_below_the_floor_alerts_on_the_quietest_day() -> None:
    pacer = Pacer(pace(50, floor=0.2), DayStart(), BORN)
    for day in days_of(10):
        judged = pacer.judge(day)
        assert (day.scores[judged.alerts] >= 0.2).all()
    assert judged.ticks[-1].reason == "floor"


def test_a_burst_over_a_thousand_entities_is_held_to_the_ceiling_and_told() -> None:
    days = days_of(10)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days[:-1]:
        pacer.judge(day)
    times = START + 9 * DAY + 10 * HOUR + np.arange(1000) * 1_000_000
    judged = pacer.judge(units_of(times, np.full(1000, 0.99)))
    assert opened(judged) == pacer.pace.ceiling == 15
    assert judged.held_back == 985
    assert judged.alerts.sum() == 15


def test_an_hour_of_ordinary_events_opens_no_more_than_the_budget() -> None:
    days = days_of(10)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days[:-1]:
        pacer.judge(day)
    usual = np.sort(all_of(days[:-1]).scores)
    busy = np.full(400, usual[-60])  # of 1,800: six or seven a day are above it
    times = START + 9 * DAY + 10 * HOUR + np.arange(400) * 1_000_000
    judged = pacer.judge(units_of(times, busy))
    assert opened(judged) == 10
    assert [tick.reason for tick in judged.ticks] == ["paced", "budget spent"]
    spending, strict = int(np.flatnonzero(judged.alerts)[-1]), judged.ticks[1]
    assert strict.since == times[spending] + 1
    assert set(judged.thresholds[spending + 1 :].tolist()) == {strict.cut.score}
    assert strict.cut.score > judged.thresholds[spending]


@pytest.mark.parametrize("score", [0.4, 0.99])
@pytest.mark.parametrize("trained", [True, False])
def test_until_a_model_has_scored_a_day_the_budget_is_all_that_a_day_opens(
    score: float, trained: bool
) -> None:
    cold_start = cold_start_of(days_of(9)) if trained else None
    pacer = Pacer(pace(15), DayStart(), 0.05, cold_start=cold_start)
    at = START + 9 * DAY + 10 * HOUR
    at_once = pacer.judge(units_of(at + np.arange(400), np.full(400, score)))
    later = pacer.judge(units_of(at + 5 * HOUR + np.arange(400), np.full(400, 0.999)))
    assert opened(at_once) == 15
    assert opened(later) == 0
    assert at_once.held_back + later.held_back > 0


@pytest.mark.parametrize(("began", "most"), [(23.9, 10), (13.0, 10), (11.0, 15), (0.0, 15)])
def test_a_model_that_begins_in_the_evening_opens_no_burst_on_its_first_whole_day(
    began: float, most: int
) -> None:
    pacer = Pacer(pace(10), DayStart(), BORN, cold_start=cold_start_of(days_of(9)))
    start = START + 9 * DAY + int(began * HOUR)
    pacer.judge(units_of([start, START + 10 * DAY - 1], [0.1, 0.1]))
    at = START + 10 * DAY + 10 * HOUR
    busy = pacer.judge(units_of(at + np.arange(400), np.full(400, 0.9)))
    worst = pacer.judge(units_of(at + 5 * HOUR + np.arange(400), np.full(400, 0.998)))
    assert opened(busy) + opened(worst) == most


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 399), max_size=4))
def test_a_busy_hour_gives_the_same_alerts_however_it_is_cut(seed: int, cuts: list[int]) -> None:
    days = days_of(10, seed=seed)
    draw = np.random.default_rng(seed)
    times = np.sort(draw.integers(0, HOUR, 400)) + START + 10 * DAY + 7 * HOUR
    busy = units_of(times, draw.beta(0.3, 3, 400))
    found = []
    for ends in ([0, 400], sorted({0, *cuts, 400})):
        pacer = Pacer(pace(10), DayStart(), BORN)
        past = [pacer.judge(day).past for day in days]
        ticks: list[Tick] = []
        alerts: list[bool] = []
        thresholds: list[float] = []
        for low, high in pairwise(ends):
            pacer = Pacer(
                pace(10), DayStart(), BORN, past=past, opened=openings_of(past), ticks=ticks
            )
            judged = pacer.judge(busy.take(np.arange(low, high)))
            past.append(judged.past)
            ticks += judged.ticks
            alerts += judged.alerts.tolist()
            thresholds += judged.thresholds.tolist()
        found.append((alerts, thresholds, ticks))
    assert found[0] == found[1]


def test_the_worst_of_a_day_is_shown_though_its_budget_is_spent() -> None:
    days = days_of(10)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days[:-1]:
        pacer.judge(day)
    morning = START + 9 * DAY + np.arange(10) * 60_000_000
    pacer.judge(units_of(morning, np.full(10, 0.95)))
    evening = pacer.judge(units_of([START + 9 * DAY + 20 * HOUR], [0.998]))
    assert evening.ticks[0].reason == "budget spent"
    assert evening.alerts.tolist() == [True]


def test_one_noisy_entity_takes_its_cap_and_not_the_budget() -> None:
    rule = Suppression(per_entity=2, throttle=timedelta(hours=1))
    pacer = Pacer(pace(10, rule=rule), DayStart(), 0.5)
    times = START + np.arange(0, DAY, HOUR // 4)
    judged = pacer.judge(units_of(times, np.full(len(times), 0.9), [7] * len(times)))
    assert opened(judged) == 2
    assert judged.alerts.all()  # the others join


def test_until_a_day_was_scored_the_threshold_is_that_of_the_training() -> None:
    judged = Pacer(pace(), DayStart(), BORN).judge(days_of(1)[0])
    assert set(judged.thresholds.tolist()) == {BORN}
    assert {tick.reason for tick in judged.ticks} == {"as trained"}


def cold_start_of(days: list[Units]) -> Past:
    units = all_of(days)
    hours, counts = np.unique(units.times // HOUR * HOUR, return_counts=True)
    return Past(
        units=units,
        opened=np.zeros(len(units.times), dtype=bool),
        hours=dict(zip(hours.tolist(), counts.tolist(), strict=True)),
    )


def test_a_new_model_holds_the_budget_from_its_first_day() -> None:
    days = days_of(14)
    pacer = Pacer(pace(10), DayStart(), BORN, cold_start=cold_start_of(days[:9]))
    counts = [opened(pacer.judge(day)) for day in days[9:]]
    assert all(7 <= count <= 13 for count in counts)


def test_a_capture_shorter_than_a_day_is_a_cold_start_too() -> None:
    days = days_of(6)
    morning = days[0].take(np.flatnonzero(days[0].times < START + 8 * HOUR))
    pacer = Pacer(pace(10), DayStart(), BORN, cold_start=cold_start_of([morning]))
    first = pacer.judge(days[1])
    assert first.ticks[0].reason == "paced"
    assert 4 <= opened(first) <= 15


def test_after_a_month_of_silence_the_days_before_it_count() -> None:
    days = days_of(10)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days:
        pacer.judge(day)
    late = days_of(1, seed=9)[0]
    moved = late.times + 40 * DAY
    later = Units(
        times=moved, event_times=moved, entities=late.entities, scores=late.scores, draws=late.draws
    )
    judged = pacer.judge(later)
    assert judged.ticks[0].reason == "paced"
    assert 7 <= opened(judged) <= 13


def test_a_changed_budget_is_in_force_at_the_next_step() -> None:
    days = days_of(10)
    pacer = Pacer(pace(10), DayStart(), BORN)
    for day in days[:-1]:
        pacer.judge(day)
    hours = in_hours(days[-1])
    before = pacer.judge(hours[0])
    pacer.follow(pace(40), DayStart())
    after = pacer.judge(hours[1])
    assert after.thresholds.min() < before.thresholds.min()


def test_a_budget_of_a_million_shows_all_that_is_above_the_floor() -> None:
    pacer = Pacer(pace(1e6, floor=0.05), DayStart(), BORN)
    days = days_of(4)
    for day in days[:-1]:
        pacer.judge(day)
    judged = pacer.judge(days[-1])
    assert judged.alerts.tolist() == (days[-1].scores >= 0.05).tolist()


def test_a_budget_of_zero_shows_nothing_and_tells_what_it_held_back() -> None:
    pacer = Pacer(pace(0), DayStart(), BORN)
    days = days_of(9)
    shown = [pacer.judge(day) for day in days]
    worst = pacer.judge(units_of([START + 9 * DAY], [0.9999]))
    assert not any(judged.alerts.any() for judged in [*shown, worst])
    assert worst.held_back == 1
    pacer.follow(pace(5), DayStart())  # somebody gives it one again
    assert opened(pacer.judge(units_of([START + 9 * DAY + HOUR], [0.9999]))) == 1


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_is_as_long_as_its_zone_says(day: str, hours: int) -> None:
    midnight = parse_day_start("00:00 Europe/Berlin")
    noon = micros(datetime.fromisoformat(f"{day}T12:00:00+00:00"))
    since, until = midnight.between(noon, noon)
    assert until - since == hours * HOUR


def test_a_clock_that_goes_back_over_midnight_makes_one_day_and_no_gap() -> None:
    havana = parse_day_start("00:00 America/Havana")  # on 1 November 2026 it is 00:30 twice
    around = micros(datetime(2026, 10, 30, tzinfo=UTC))
    starts = havana.between(around, around + 5 * DAY)
    lengths = {(b - a) // HOUR for a, b in pairwise(starts)}
    assert lengths == {24, 25}


@given(st.integers(0, 400), st.sampled_from(["Pacific/Apia", "Asia/Kolkata", "America/Havana"]))
def test_every_moment_lies_in_one_day(hour: int, zone: str) -> None:
    start = parse_day_start(f"00:00 {zone}")
    at = micros(datetime(2011, 12, 25, tzinfo=UTC)) + hour * HOUR
    days = start.between(at, at)
    assert days[0] <= at < days[1]


def test_what_is_no_time_of_day_or_no_zone_is_refused() -> None:
    for wrong in ("25:00", "6 Uhr", "06:00 Europe/Atlantis", 6, "06:00 ../etc"):
        with pytest.raises(ValueError, match="is not a"):
            parse_day_start(wrong)


def test_of_equal_scores_those_below_the_share_pass() -> None:
    cut = Cut(0.5, 0.3)
    passed = cut.passes(np.array([0.6, 0.5, 0.5, 0.4]), np.array([0.9, 0.2, 0.4, 0.0]))
    assert passed.tolist() == [True, True, False, False]
    assert cut.at_least(0.7) == Cut(0.7)


def test_a_catch_up_of_months_remembers_a_fortnight() -> None:
    pacer = Pacer(pace(5), DayStart(), BORN)
    for day in days_of(60, a_day=30):
        pacer.judge(day)
    assert len(pacer._past) <= 16
    assert len(pacer._showing._opened) < 5 * 2 * 5
