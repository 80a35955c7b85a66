"""Batches in doubt: finished with what is missing, each score once as read."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors import Facts
from scoreback.errors import SiemUnavailable, StateError
from scoreback.records import ScoreBatch
from scoreback.service.scoring.outbox import Parcel
from scoreback.service.scoring.publish import SLOWEST_SEND, Resolved, look_again, publish
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State
from tests.unit.service.scoring.siem import (
    AFTER,
    BATCH,
    HISTOGRAM,
    IDS,
    MINUTE,
    SCORES,
    SLOW,
    UNSURE,
    Siem,
    T,
    finish,
    outbox,
    send,
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def doubtful(state: State) -> State:
    """A state whose one batch was begun, and did not get through."""
    with pytest.raises(SiemUnavailable):
        send(state, Siem("away"))
    return state


def test_a_batch_that_is_acknowledged_is_done_and_rules_look_at_it(state: State) -> None:
    siem = Siem()
    send(state, siem)
    assert siem.ids == IDS
    assert [one for _, one in siem.counted] == [HISTOGRAM]  # one that counts nothing is not sent
    assert state.progress("d", "p") == AFTER
    assert not state.open_batches("d")
    assert not outbox(state)
    assert siem.looks == [(T - SLOWEST_SEND, T)]


def test_a_batch_in_doubt_is_finished_with_what_is_missing(doubtful: State) -> None:
    siem = Siem()
    siem.stored = [(T, row) for row in SCORES.batch.to_pylist() if row["score_id"] == "id3"]
    assert finish(doubtful, siem, T + MINUTE) == Resolved(done=1)
    assert sorted(siem.ids) == IDS
    assert [row for _, row in siem.stored[1:]] == [
        row for row in SCORES.batch.to_pylist() if row["score_id"] != "id3"
    ]
    assert [one for _, one in siem.counted] == [HISTOGRAM]
    assert doubtful.progress("d", "p") == AFTER
    assert not outbox(doubtful)
    assert siem.looks == [(T + MINUTE - SLOWEST_SEND, T + MINUTE)]
    assert finish(doubtful, siem, T + MINUTE) == Resolved()


def test_what_was_written_before_a_crash_is_not_sent_again_but_looked_at(state: State) -> None:
    siem = Siem("broke off")
    with pytest.raises(SiemUnavailable):
        send(state, siem)
    assert finish(state, siem, T + MINUTE) == Resolved(done=1)
    assert siem.ids == IDS
    assert siem.looks == [(T + MINUTE - SLOWEST_SEND, T + MINUTE)]


def test_a_batch_without_an_alert_is_not_looked_at(state: State) -> None:
    calm = SCORES.batch.filter(pc.invert(SCORES.batch.column("alert")))
    siem = Siem()
    publish(state, siem.as_connector(), BATCH, Parcel(ScoreBatch(calm), ()), at=T)
    assert len(siem.ids) == calm.num_rows
    assert not siem.looks


def test_after_a_crash_rules_look_at_what_was_sent_last(state: State) -> None:
    siem = Siem()
    look_again(state, siem.as_connector(), "d", at=T)
    assert not siem.looks
    send(state, siem)
    siem.looks.clear()
    look_again(state, siem.as_connector(), "d", at=T + 60 * MINUTE)
    assert siem.looks == [(T - SLOWEST_SEND, T + 60 * MINUTE)]


def test_where_writes_show_later_a_batch_in_doubt_is_waited_for_before_it_is_sent_again(
    state: State,
) -> None:
    siem = Siem("half kept", facts=SLOW)
    with pytest.raises(SiemUnavailable):
        send(state, siem)
    assert finish(state, siem, T + MINUTE) == Resolved(waiting=1)  # counted from here on
    assert state.progress("d", "p") == AFTER  # scoring goes on meanwhile
    assert finish(state, siem, T + 5 * MINUTE) == Resolved(waiting=1)
    assert (siem.ids, outbox(state)) == (IDS[:5], ["b.arrow"])
    assert finish(state, siem, T + 6 * MINUTE) == Resolved(done=1)
    assert (siem.ids, outbox(state)) == (IDS, [])


def test_where_nothing_is_acknowledged_a_batch_is_done_once_all_of_it_is_read(
    state: State,
) -> None:
    siem = Siem("half lost", facts=UNSURE)
    send(state, siem)
    assert state.progress("d", "p") == AFTER
    assert outbox(state) == ["b.arrow"]
    assert not siem.looks
    assert finish(state, siem, T + 4 * MINUTE) == Resolved(waiting=1)
    assert len(siem.ids) == 5
    assert finish(state, siem, T + 5 * MINUTE) == Resolved(waiting=1)  # the rest is sent
    assert siem.ids == IDS
    assert finish(state, siem, T + 9 * MINUTE) == Resolved(waiting=1)
    assert finish(state, siem, T + 10 * MINUTE) == Resolved(done=1)
    assert (siem.ids, outbox(state)) == (IDS, [])
    assert [one for _, one in siem.counted] == [HISTOGRAM]
    assert finish(state, siem, T + 11 * MINUTE) == Resolved()


def test_counts_that_are_lost_are_sent_again_where_nothing_is_acknowledged(state: State) -> None:
    siem = Siem(facts=UNSURE)
    send(state, siem)
    siem.counted.clear()
    assert finish(state, siem, T + 5 * MINUTE) == Resolved(waiting=1)
    assert [one for _, one in siem.counted] == [HISTOGRAM]
    assert siem.ids == IDS
    assert finish(state, siem, T + 10 * MINUTE) == Resolved(done=1)


Crash = tuple[str, bool]  # which step of the state is cut off, and whether it was done before


FATES = st.sampled_from(["kept", "away", "half kept", "broke off"])
LOSSES = st.sampled_from(["lost", "half lost"])
CRASHES = st.tuples(st.sampled_from(["mark_sent", "send_again", "finish_batch"]), st.booleans())


@given(
    facts=st.sampled_from([Facts(), SLOW, UNSURE]),
    fates=st.lists(FATES | LOSSES, max_size=4),
    crashes=st.lists(st.none() | CRASHES, max_size=5),
    pauses=st.lists(st.integers(0, 6), min_size=6, max_size=6),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_breaks_off_each_score_is_stored_once(
    state: State,
    facts: Facts,
    fates: list[str],
    crashes: list[Crash | None],
    pauses: list[int],
) -> None:
    if facts.acknowledged:  # it does not lose what it said it has
        fates = [fate for fate in fates if "lost" not in fate]
    siem = Siem(*fates, facts=facts)
    with state.database.writes() as connection:  # as it was before the first example
        for table in (tables.batches, tables.progress):
            connection.execute(table.delete())
    crashing = cast("State", _Crashing(state))
    for tried, pause in enumerate(pauses):
        _Crashing.at = crashes[tried] if tried < len(crashes) else None
        with suppress(SiemUnavailable, KeyboardInterrupt):
            if tried == 0:
                send(crashing, siem)
            else:
                finish(crashing, siem, siem.now + pause * MINUTE)
    _Crashing.at, siem.fates = None, []
    for _ in range(4):
        finish(state, siem, siem.now + 5 * MINUTE)
    assert sorted(siem.ids) == IDS
    assert {one.histogram_id for _, one in siem.counted} == {"b"}
    assert state.progress("d", "p") == AFTER
    assert not state.open_batches("d")
    assert not outbox(state)


class _Crashing:
    """A state whose process is cut off before or after one of its steps."""

    at: Crash | None = None

    def __init__(self, state: State) -> None:
        self._state = state

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the state has
        real = getattr(self._state, name)
        if self.at is None or self.at[0] != name:
            return real
        return _cut_off(real, done=self.at[1])


def _cut_off(step: Callable[..., object], *, done: bool) -> Callable[..., None]:
    def cut_off(*arguments: object, **named: object) -> None:
        if done:
            step(*arguments, **named)
        raise KeyboardInterrupt

    return cut_off


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_outbox_file_that_breaks_off_is_named_and_nothing_is_written(
    doubtful: State, share: float
) -> None:
    path = doubtful.outbox / "d" / "b.arrow"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    siem = Siem()
    with pytest.raises(StateError, match=r"b\.arrow of a batch in doubt cannot be read"):
        finish(doubtful, siem)
    assert not siem.stored
    path.write_bytes(content)  # restored from a backup, say
    assert finish(doubtful, siem) == Resolved(done=1)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_outbox_file_never_ends_the_process(doubtful: State, seed: int) -> None:
    draw = np.random.default_rng(seed)
    path = doubtful.outbox / "d" / "b.arrow"
    whole = path.read_bytes()
    content = bytearray(whole)
    for at in draw.integers(len(content), size=3).tolist():
        content[at] = int(draw.integers(256))
    path.write_bytes(content)
    with suppress(StateError, SiemUnavailable):
        finish(doubtful, Siem("away"))
    path.write_bytes(whole)
