"""What the service holds back is what a rule engine would let join, however scoring is cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.deployment import AlertRule
from scoreback.models.detector.day_start import DayStart, parse_day_start
from scoreback.models.judging.judged import Holding, Judged
from scoreback.models.judging.pacer import Pacer
from scoreback.models.judging.pacing import Pace
from scoreback.models.judging.past import Units
from scoreback.naming import alert_id
from scoreback.records import TIME, Severity, Stage
from scoreback.service.state.pacing_log import (
    PacedStep,
    join_old_steps,
    note_steps,
    remembered,
    suppressed_since,
)
from scoreback.service.state.workspace_state import State
from scoreback.suppression import OpenAlert, Suppression, place
from scoreback.times import micros, moment

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = datetime(2026, 3, 2, tzinfo=UTC)
HELD = Holding(joins=True)
NAMES = count()


@dataclass(frozen=True)
class Hit:
    """A hit, by when it is taken; its event may be older."""

    seen: int  # microseconds
    late: int
    entity: int  # -1: none

    @property
    def event_time(self) -> int:
        return self.seen - self.late


def units_of(hits: list[Hit]) -> Units:
    times = np.array([hit.seen for hit in hits], dtype=np.int64)
    return Units(
        times=times,
        event_times=np.array([hit.event_time for hit in hits], dtype=np.int64),
        entities=np.array([hit.entity for hit in hits], dtype=np.int64),
        scores=np.full(len(hits), 0.9),
        draws=np.full(len(hits), 0.5),
    )


def pace_of(rule: Suppression, budget: float = 1e6) -> Pace:
    return Pace(budget=budget, burst=0.5, floor=0.0, rule=rule)


def placed(hits: list[Hit], rules: list[Suppression]) -> list[bool]:
    """Which of *hits* open an alert by the definition of rule engines, taken one by one."""
    before: list[OpenAlert] = []
    found = []
    for n, (hit, rule) in enumerate(zip(hits, rules, strict=True)):
        entity = None if hit.entity < 0 else str(hit.entity)
        row = pa.table(
            {
                "score_id": [f"s{n}"],
                "event_time": pa.array([hit.event_time]).cast(TIME),
                "entity": pa.array([entity], pa.string()),
            }
        )
        opened = bool(place(alert_rule(rule), row, sorted(before, key=_by_time)).new)
        if opened:
            name = alert_id("d", f"s{n}")
            before.append(OpenAlert(alert_id=name, entity=entity, event_time=hit.event_time))
        found.append(opened)
    return found


def _by_time(alert: OpenAlert) -> int:
    return alert.event_time


def alert_rule(rule: Suppression) -> AlertRule:
    return AlertRule(
        name="d", detector="d", version="v1", per_entity=rule.per_entity, throttle=rule.throttle,
        budget=10, severity=Severity.MEDIUM,
    )  # fmt: skip


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    folder: Path = tmp_path_factory.mktemp("state")
    with State.open(folder) as opened:
        yield opened


class Service:
    """A run of scoring after another; each remembers nothing but what the state does."""

    def __init__(self, state: State, rule: Suppression, start: DayStart = DayStart()) -> None:  # noqa: B008 - frozen
        self.name, self.rule, self.version = f"d{next(NAMES)}", rule, "v1"
        self._state, self._start, self._steps = state, start, count()
        self.restart()

    def restart(self) -> None:
        """What was judged and not written down is forgotten."""
        join_old_steps(self._state.database, self.name, least=2)
        known = remembered(
            self._state.database, self.name, self.version, Stage.LIVE, "p", joined=True
        )
        self._pacer = Pacer(
            pace_of(self.rule), self._start, 0.0, past=known.past, opened=known.opened,
            ticks=known.ticks, holding=HELD,
        )  # fmt: skip

    def follow(self, rule: Suppression) -> None:
        self.rule = rule
        self._pacer.follow(pace_of(rule), self._start, HELD)

    def judge(self, hits: list[Hit]) -> Judged:
        return self._pacer.judge(units_of(hits))

    def note(self, judged: Judged) -> None:
        step = PacedStep(version=self.version, stage=Stage.LIVE, judged=judged, pace="p")
        with self._state.database.writes() as connection:
            note_steps(connection, f"{self.name}/{next(self._steps)}", self.name, [step])


CUTS = st.sampled_from(["go on", "restart", "killed", "promoted"])
RULES = st.builds(
    Suppression,
    per_entity=st.integers(1, 3),
    throttle=st.sampled_from([0, 1, 5, 40]).map(lambda hours: timedelta(hours=hours)),
)
HITS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, HOUR // 2, 5 * HOUR, 30 * HOUR]),  # after the one before
        st.sampled_from([0, 0, 0, 2 * HOUR, 26 * HOUR, 4 * DAY]),
        st.integers(-1, 2),
        st.one_of(st.none(), CUTS),  # after it
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(HITS, RULES, RULES, st.sampled_from([DayStart(), parse_day_start("06:00 Europe/Berlin")]))
def test_what_is_marked_is_what_a_rule_engine_opens_alerts_for(
    state: State,
    drawn: list[tuple[int, int, int, str | None]],
    rule: Suppression,
    other: Suppression,
    start: DayStart,
) -> None:
    service = Service(state, rule, start)
    at, step = micros(START), list[Hit]()
    hits, rules, marked = list[Hit](), list[Suppression](), list[bool]()
    suppressed = 0
    for after, late, entity, cut in [*drawn, (0, 0, -1, "go on")]:
        at += after
        step.append(Hit(at, late, entity))
        if cut is None:
            continue
        if cut == "killed":
            service.judge(step)
        if cut in ("killed", "restart"):
            service.restart()
        judged = service.judge(step)
        service.note(judged)
        assert not (judged.alerts & judged.suppressed).any()
        assert (judged.alerts | judged.suppressed).all()  # all are hits
        assert judged.past.opened.sum() == judged.alerts.sum()  # what is shown is what counts
        hits += step
        rules += [service.rule] * len(step)
        marked += judged.alerts.tolist()
        suppressed += int(judged.suppressed.sum())
        step = []
        if cut == "promoted":
            service.version, service.rule = "v2", other
            service.restart()
        elif cut == "restart":
            service.follow(other)
    assert marked == placed(hits, rules)
    assert suppressed_since(state.database, service.name, moment(0)) == suppressed


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9 * HOUR), st.integers(-1, 2)), min_size=1, max_size=30),
    RULES,
    st.lists(st.integers(1, 29), max_size=5),
)
def test_hits_on_time_open_the_same_alerts_as_a_rule_engine_that_looks_once_at_all_of_them(
    state: State, drawn: list[tuple[int, int]], rule: Suppression, cuts: list[int]
) -> None:
    times = micros(START) + np.cumsum([after for after, _ in drawn])
    hits = [Hit(int(t), 0, entity) for t, (_, entity) in zip(times, drawn, strict=True)]
    service, marked = Service(state, rule), list[bool]()
    edges = [0, *sorted(set(cuts)), len(hits)]
    for since, until in pairwise(edges):
        judged = service.judge(hits[since:until])
        service.note(judged)
        marked += judged.alerts.tolist()
    table = pa.table(
        {
            "score_id": [f"s{n}" for n in range(len(hits))],
            "event_time": pa.array([hit.event_time for hit in hits]).cast(TIME),
            "entity": [None if hit.entity < 0 else str(hit.entity) for hit in hits],
        }
    )
    assert np.flatnonzero(marked).tolist() == place(alert_rule(rule), table, []).new


def test_a_noisy_entity_opens_its_cap_and_leaves_the_budget_to_others() -> None:
    rule = Suppression(per_entity=2, throttle=timedelta(hours=1))
    pacer = Pacer(pace_of(rule, budget=10), DayStart(), 0.5, holding=HELD)
    start = micros(START)
    noise = [Hit(start + n * HOUR // 60, 0, 7) for n in range(20 * 60)]
    others = [Hit(start + 21 * HOUR + n, 0, 100 + n) for n in range(8)]
    judged = pacer.judge(units_of([*noise, *others]))
    assert judged.alerts[: len(noise)].sum() == 2
    assert judged.alerts[len(noise) :].all()
    assert judged.suppressed.sum() == len(noise) - 2
    assert judged.held_back == 0
    assert sum(judged.past.suppressed.values()) == len(noise) - 2


def test_what_a_full_day_kept_from_opening_holds_nothing_back_the_next_day() -> None:
    rule = Suppression(per_entity=1, throttle=timedelta(0))
    pacer = Pacer(pace_of(rule, budget=2), DayStart(), 0.5, holding=HELD)
    start = micros(START)
    full = pacer.judge(units_of([Hit(start + n, 0, n) for n in range(4)]))
    assert (full.alerts.sum(), full.held_back, full.suppressed.sum()) == (2, 2, 0)
    late = pacer.judge(units_of([Hit(start + DAY, DAY - 10, 3)]))  # of the day that was full
    assert late.alerts.tolist() == [True]


def test_a_late_hit_joins_an_alert_that_was_opened_weeks_ago_and_after_many_steps(
    state: State,
) -> None:
    service = Service(state, Suppression(per_entity=1, throttle=timedelta(0)))
    for day in range(30):
        service.note(service.judge([Hit(micros(START) + day * DAY, 0, day)]))
    service.restart()
    late = [Hit(micros(START) + 30 * DAY, 30 * DAY, 0), Hit(micros(START) + 30 * DAY, 30 * DAY, 1)]
    assert service.judge(late).alerts.tolist() == [False, True]


def test_nothing_is_marked_while_the_detector_is_off_and_nothing_counts_as_shown() -> None:
    rule = Suppression(per_entity=1, throttle=timedelta(0))
    start = micros(START)
    off = Holding(joins=True, all=True)
    pacer = Pacer(pace_of(rule, budget=2), DayStart(), 0.5, holding=off)
    quiet = pacer.judge(units_of([Hit(start, 0, 1)]))
    assert not quiet.alerts.any()
    assert quiet.suppressed.all()
    pacer.follow(pace_of(rule, budget=2), DayStart(), HELD)
    assert pacer.judge(units_of([Hit(start + HOUR, 0, 1)])).alerts.all()


def test_when_the_siem_stops_holding_back_the_service_goes_on_where_it_was() -> None:
    rule = Suppression(per_entity=1, throttle=timedelta(0))
    start = micros(START)
    pacer = Pacer(pace_of(rule), DayStart(), 0.5)
    first = pacer.judge(units_of([Hit(start, 0, 1), Hit(start + 1, 0, 1)]))
    assert first.alerts.all()  # the SIEM lets the second join
    pacer.follow(pace_of(rule), DayStart(), HELD)
    later = pacer.judge(units_of([Hit(start + HOUR, 0, 1), Hit(start + HOUR, 0, 2)]))
    assert later.alerts.tolist() == [False, True]
