"""Bad days of a SIEM that acknowledges nothing: each score is there once as read, if it can be.

The SIEM is the double: it keeps every document that it is sent, and shows it 90 seconds later.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import ScoreQuery
from scoreback.errors import SiemUnavailable, StateError
from scoreback.records import TimeWindow
from scoreback.service.scoring.publish import Resolved, publish, resolve
from scoreback.service.state.workspace_state import State
from tests.contract.double import DoubleConnector
from tests.contract.double.data import HISTOGRAM, SCORE
from tests.unit.service.scoring.siem import AFTER, BATCH, IDS, MINUTE, PARCEL, T

SECOND = timedelta(seconds=1)
DELAY = 90 * SECOND
EVER = TimeWindow(since=T - MINUTE, until=T + MINUTE)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def siem(tmp_path: Path) -> DoubleConnector:
    siem = DoubleConnector.open("double", {"path": str(tmp_path / "double")})
    assert siem.facts.visible_after == DELAY
    siem.log.set_clock(T)
    return siem


def send(state: State, siem: DoubleConnector) -> None:
    publish(state, siem, BATCH, PARCEL, at=siem.log.now)


def finish(state: State, siem: DoubleConnector, after: timedelta) -> Resolved:
    siem.log.set_clock(siem.log.now + after)
    return resolve(state, siem, "d", at=siem.log.now)


def stored(siem: DoubleConnector) -> list[str]:
    """The ids of all scores that the SIEM keeps, as often as it does."""
    return sorted(score["score_id"] for score in siem.log.kept(SCORE))


def read(siem: DoubleConnector) -> list[str]:
    """The ids of scores as a reader sees them."""
    batches = siem.scores.read(ScoreQuery(detector="d", window=EVER))
    return [one for b in batches for one in b.batch.column("score_id").to_pylist()]


def counts(siem: DoubleConnector) -> int:
    """How many scores a reader sees counted."""
    found = siem.scores.histograms("d", EVER)
    return sum(sum(bins) for one in found for bins in one.counts.values())


def test_what_shows_only_after_90_seconds_is_waited_for_and_never_sent_twice(
    state: State, siem: DoubleConnector
) -> None:
    send(state, siem)
    assert state.progress("d", "p") == AFTER  # scoring goes on meanwhile
    for _ in range(8):
        assert finish(state, siem, 11 * SECOND) == Resolved(waiting=1)
        assert read(siem) == []
    assert finish(state, siem, 2 * SECOND) == Resolved(done=1)
    assert read(siem) == stored(siem) == IDS
    assert counts(siem) == len(IDS)


@pytest.mark.parametrize("write", [0, 1])
def test_what_broke_off_is_sent_again_only_once_it_would_have_shown(
    state: State, siem: DoubleConnector, write: int
) -> None:
    siem.log.faults.before = [write]  # the scores, or their counts
    with pytest.raises(SiemUnavailable):
        send(state, siem)
    was = stored(siem)
    assert finish(state, siem, 10 * SECOND) == Resolved(waiting=1)
    assert finish(state, siem, 89 * SECOND) == Resolved(waiting=1)
    assert stored(siem) == was
    assert finish(state, siem, 1 * SECOND) == Resolved(waiting=1)  # now it is sent
    assert finish(state, siem, 89 * SECOND) == Resolved(waiting=1)
    assert finish(state, siem, 1 * SECOND) == Resolved(done=1)
    assert read(siem) == stored(siem) == IDS
    assert counts(siem) == len(IDS)


def test_what_the_siem_keeps_twice_is_read_once_and_not_sent_again(
    state: State, siem: DoubleConnector
) -> None:
    siem.log.faults.doubled = [0, 1]
    send(state, siem)
    assert finish(state, siem, DELAY) == Resolved(done=1)
    assert Counter(stored(siem)) == dict.fromkeys(IDS, 2)
    assert read(siem) == IDS
    assert counts(siem) == len(IDS)
    assert len(siem.log.kept(HISTOGRAM)) == 2


@pytest.mark.parametrize("lately", [MINUTE, 3 * MINUTE])
def test_what_the_siem_forgot_before_a_reader_saw_it_comes_back_once(
    state: State, siem: DoubleConnector, lately: timedelta
) -> None:
    send(state, siem)
    siem.log.set_clock(T + 30 * SECOND)
    siem.log.forget(lately)
    assert stored(siem) == []
    assert finish(state, siem, 60 * SECOND) == Resolved(waiting=1)
    assert stored(siem) == IDS
    assert finish(state, siem, DELAY) == Resolved(done=1)
    assert read(siem) == stored(siem) == IDS
    assert counts(siem) == len(IDS)
    assert finish(state, siem, DELAY) == Resolved()
    assert stored(siem) == IDS


def test_what_was_forgotten_after_it_was_seen_is_not_known_and_not_made_up(
    state: State, siem: DoubleConnector
) -> None:
    send(state, siem)
    assert finish(state, siem, DELAY) == Resolved(done=1)
    siem.log.forget(2 * MINUTE)
    assert finish(state, siem, DELAY) == Resolved()
    assert read(siem) == []
    assert not (state.outbox / "d" / "b.arrow").exists()


def test_of_two_that_would_resolve_one_batch_at_once_one_is_refused_and_all_is_there_once(
    state: State, siem: DoubleConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    siem.log.faults.before = [0]
    with pytest.raises(SiemUnavailable):
        send(state, siem)
    finish(state, siem, SECOND)
    siem.log.set_clock(siem.log.now + DELAY)
    writing, go_on = threading.Event(), threading.Event()
    write = siem.scores.write

    def slowly(*scores: object, **named: object) -> object:
        writing.set()
        assert go_on.wait(60)
        return write(*scores, **named)  # type: ignore[arg-type]  # as they were given

    monkeypatch.setattr(siem.scores, "write", slowly)

    def alone() -> Resolved:
        with state.lock("d"):
            return resolve(state, siem, "d", at=siem.log.now)

    with ThreadPoolExecutor(1) as other:
        first = other.submit(alone)
        assert writing.wait(60)
        try:
            with pytest.raises(StateError, match="detector 'd' is in use by process"):
                alone()
        finally:
            go_on.set()
        assert first.result() == Resolved(waiting=1)
    assert finish(state, siem, DELAY) == Resolved(done=1)
    assert read(siem) == stored(siem) == IDS
