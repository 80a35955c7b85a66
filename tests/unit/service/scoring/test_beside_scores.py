"""What goes along with the scores of a batch: what is put beside events, and what is refused."""

import errno
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.doors import Facts
from scoreback.errors import SiemUnavailable, StateError
from scoreback.records import Enrichment, ScoreBatch, WriteReport
from scoreback.service.scoring import publish
from scoreback.service.scoring.publish import Resolved
from scoreback.service.state.workspace_state import State
from tests.unit.service.scoring.siem import (
    AFTER,
    BATCH,
    IDS,
    MINUTE,
    PARCEL,
    SLOW,
    UNSURE,
    Siem,
    T,
    finish,
    outbox,
    said,
    send,
)

ENRICHING = replace(PARCEL, enrichment=Enrichment.EVENT)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


def kept(state: State) -> list[dict[str, str]]:
    """The items that were refused, as they lie in the state."""
    path = state.refused / f"{BATCH.batch_id}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_scores_are_put_beside_events_where_that_is_asked_for_and_can_be_done(
    state: State,
) -> None:
    siem = Siem()
    send(state, siem, ENRICHING)
    assert siem.enriched == IDS


def test_only_what_the_champion_says_is_put_beside_events(state: State) -> None:
    siem = Siem()
    stages = ["shadow" if n % 2 else "live" for n in range(10)]
    batch = PARCEL.scores.batch
    place = batch.schema.get_field_index("stage")
    batch = batch.set_column(place, batch.schema.field(place), pa.array(stages))
    send(state, siem, replace(ENRICHING, scores=ScoreBatch(batch)))
    assert siem.ids == IDS
    assert siem.enriched == IDS[::2]


def test_nothing_is_put_beside_events_where_nobody_asks_or_the_siem_cannot(state: State) -> None:
    siem = Siem()
    send(state, siem)
    assert not siem.enriched
    unable = Siem()
    unable.enrichment = None  # type: ignore[assignment]  # as a SIEM without that door
    send(state, unable, ENRICHING)
    assert unable.ids == IDS
    assert not unable.enriched


@pytest.mark.parametrize("fate", ["away", "half kept", "broke off"])
@pytest.mark.parametrize("facts", [Facts(), SLOW, UNSURE])
def test_of_a_batch_in_doubt_all_scores_are_put_beside_events_also_those_that_are_stored(
    state: State, fate: str, facts: Facts
) -> None:
    siem = Siem(fate, facts=facts)
    with pytest.raises(SiemUnavailable):
        send(state, siem, ENRICHING)
    assert not siem.enriched  # it broke off before
    for minutes in (1, 7, 13):
        finish(state, siem, T + minutes * MINUTE)
    assert not state.open_batches("d")
    assert siem.ids == IDS
    assert sorted(siem.enriched) == IDS


def test_what_the_siem_refuses_is_kept_with_its_reason_as_it_was_sent(state: State) -> None:
    siem = Siem(refuses={"id3", "id7"})
    published = send(state, siem)
    assert (published.written, published.refused) == (8, 2)
    assert kept(state) == [asdict(one) for one in said(["id3", "id7"])]
    assert [path.name for path in state.refused.iterdir()] == ["b.ndjson"]
    assert state.progress("d", "p") == AFTER  # and scoring goes on
    assert not outbox(state)


def test_where_nothing_is_refused_nothing_is_kept(state: State) -> None:
    send(state, Siem())
    assert not state.refused.exists()


def test_what_is_refused_beside_events_is_kept_too(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    siem = Siem(refuses={"id1"})
    fussy = WriteReport(written=9, refused=said(["event of id2"]))
    monkeypatch.setattr(siem, "enrich", lambda _scores, _how: fussy)
    assert send(state, siem, ENRICHING).refused == 2
    assert [one["item_id"] for one in kept(state)] == ["id1", "event of id2"]


@pytest.mark.parametrize("facts", [Facts(), SLOW, UNSURE])
def test_what_is_refused_of_a_batch_in_doubt_is_kept_and_the_batch_comes_to_its_end(
    state: State, facts: Facts
) -> None:
    siem = Siem("away", facts=facts, refuses={"id5"})
    with pytest.raises(SiemUnavailable):
        send(state, siem)
    for minutes in (1, 7, 13, 19):
        finish(state, siem, T + minutes * MINUTE)
    assert siem.ids == [one for one in IDS if one != "id5"]
    assert [one["item_id"] for one in kept(state)] == ["id5"]
    assert not state.open_batches("d")
    assert finish(state, siem, T + 25 * MINUTE) == Resolved()


def test_a_disk_too_full_for_what_is_refused_is_told_and_the_next_run_keeps_it(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    siem = Siem(refuses={"id3"})

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(publish, "write_whole", full)
        with pytest.raises(StateError, match=r"1 items that the SIEM refused cannot be stored"):
            send(state, siem)
    assert [batch.batch_id for batch in state.open_batches("d")] == ["b"]
    assert finish(state, siem, T + MINUTE) == Resolved(done=1)
    assert [one["item_id"] for one in kept(state)] == ["id3"]
    assert sorted(siem.ids) == [one for one in IDS if one != "id3"]
