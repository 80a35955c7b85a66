"""Writes a step's scores so that readers see each exactly once, whatever is killed and whenever.

Four steps, each safe to repeat: the scores go into the outbox (a file); the batch is recorded as
*begun* together with the state that will follow it; the SIEM is given the scores; and one
transaction marks the batch as *sent* and makes that state the current one. If the SIEM
acknowledges what it stored, the batch is *done* with that; otherwise once readers see all of it.

A batch that is not done is in doubt. First it waits until readers must see what was sent, as that
would otherwise be sent twice; then the scores are read back, and only what is missing is sent.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import Connector
from scoreback.disk.files import write_whole
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError
from scoreback.records import Enrichment, Histogram, Refused, ScoreBatch, Stage, TimeWindow
from scoreback.service.scoring.outbox import Parcel, load, outbox_file, store
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.pacing_log import PacedStep
from scoreback.service.state.scored_counts import ScoredHour, add_counts
from scoreback.service.state.workspace_state import State

# Scores are stamped when sending begins, and batches when it ends: our rules look back that far.
SLOWEST_SEND = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Published:
    """The result of one batch."""

    written: int = 0
    already_there: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Resolved:
    """The result for the batches in doubt."""

    done: int = 0
    waiting: int = 0  # readers may not see them yet


def publish(
    state: State,
    connector: Connector,
    batch: Batch,
    parcel: Parcel,
    *,
    at: datetime,
    clock: Callable[[], datetime] | None = None,
    paced: Sequence[PacedStep] = (),
    counted: Sequence[ScoredHour] = (),
) -> Published:
    """Send *parcel*, then make what follows *batch* the current progress.

    Args:
        state: the state in which the batch is recorded.
        connector: the connector of the SIEM.
        batch: a batch not begun yet, with its ``next_progress``.
        parcel: what it writes.
        at: when it is sent.
        clock: returns the time; without it, sending takes no time.
        paced: which of the scores raise alerts, and by what cuts; stored in the state.
        counted: what was scored, in bins; stored in the state.

    Raises:
        SiemUnavailable: nothing is lost; `resolve` finishes the batch later.
    """
    store(outbox_file(state, batch), parcel)
    counting = partial(add_counts, detector=batch.detector, scored=counted)
    state.begin_batch(batch, paced, first=counting)
    published = _send(state, connector, batch, parcel, parcel.scores, at)
    acknowledged = connector.facts.acknowledged
    # After a slow send, it takes a while from its end until all of it can be seen.
    ended = at if clock is None else clock()
    state.mark_sent(batch.batch_id, _after(batch), at=ended, done=acknowledged)
    if acknowledged:
        _let_go(state, connector, batch, parcel, at, at)
    return published


def resolve(state: State, connector: Connector, detector: str, *, at: datetime) -> Resolved:
    """Finish the batches of *detector* that are in doubt, as far as is known at the time *at*.

    Raises:
        SiemUnavailable: it is unknown what is stored; nothing is lost.
        StateError: an outbox file is gone or damaged.
    """
    done = waiting = 0
    open_batches = state.open_batches(detector)
    for batch in open_batches:
        if _resolved(state, connector, batch, at):
            done += 1
        else:
            waiting += 1
    kept = {outbox_file(state, batch) for batch in open_batches}
    for path in (state.outbox / detector).glob("*"):
        if path not in kept:
            path.unlink(missing_ok=True)  # never begun: the step is computed again
    return Resolved(done, waiting)


def look_again(state: State, connector: Connector, detector: str, *, at: datetime) -> None:
    """Have our rules look at what was sent last, in case a crash came between sending and looking.

    If the SIEM has a rule engine of its own, that looks back by itself.
    """
    sent = state.last_sent(detector)
    if connector.rule_engine is not None and sent is not None:
        connector.rule_engine.evaluate(since=sent - SLOWEST_SEND, at=at)


def _resolved(state: State, connector: Connector, batch: Batch, at: datetime) -> bool:
    """Whether all of *batch* is there now; sends what is missing, unless it may be on its way."""
    facts = connector.facts
    if batch.status == "begun" and (facts.visible_after or not facts.acknowledged):
        # It may have been sent a moment ago, so wait from now on.
        state.mark_sent(batch.batch_id, _after(batch), at=at)
        return False
    if batch.sent_at is not None and at < batch.sent_at + facts.visible_after:
        return False
    parcel = load(outbox_file(state, batch))
    missing = _missing(connector, parcel)
    sent_at = batch.sent_at or at
    if batch.status == "begun" or missing.scores.num_rows or missing.histograms:
        if batch.status == "sent":  # recorded first, so that an interrupted send is waited for
            state.send_again(batch.batch_id, at)
        sent = _send(state, connector, batch, missing, parcel.scores, at)
        sent_at = at
        if batch.status == "begun":
            state.mark_sent(batch.batch_id, _after(batch), at=at, done=facts.acknowledged)
        # Readers never see what the SIEM refuses, so nothing waits for that alone.
        under_way = sent.written or sent.already_there or missing.histograms
        if under_way and not facts.acknowledged:
            return False
    if batch.status == "sent":
        state.finish_batch(batch.batch_id)
    _let_go(state, connector, batch, parcel, sent_at, at)
    return True


def _missing(connector: Connector, parcel: Parcel) -> Parcel:
    """What of *parcel* readers do not see."""
    ids = parcel.scores.batch.column("score_id")
    stored = connector.scores.existing(parcel.scores) if parcel.scores.num_rows else set()
    missing = pc.invert(pc.is_in(ids, value_set=pa.array(sorted(stored), pa.string())))
    histograms = parcel.histograms
    if not connector.facts.acknowledged:  # elsewhere, writing one again changes nothing
        histograms = tuple(h for h in histograms if h.counts and not _is_counted(connector, h))
    return Parcel(ScoreBatch(parcel.scores.batch.filter(missing)), histograms, parcel.enrichment)


def _is_counted(connector: Connector, histogram: Histogram) -> bool:
    moment = TimeWindow(since=histogram.since, until=histogram.since + timedelta(microseconds=1))
    found = connector.scores.histograms(histogram.detector, moment)
    return any(one.histogram_id == histogram.histogram_id for one in found)


def _send(
    state: State,
    connector: Connector,
    batch: Batch,
    parcel: Parcel,
    enriching: ScoreBatch,
    at: datetime,
) -> Published:
    """Write *parcel*, and enrich events with all the scores *enriching*, again if need be.

    Scores are written before they enrich anything, so that an enriched event always has a history.
    """
    report = connector.scores.write(parcel.scores, at=at)
    refused = report.refused
    if parcel.enrichment != Enrichment.NONE and connector.enrichment:
        live = _of_champion(enriching)  # an event is enriched with what the champion says of it
        if live.num_rows:
            refused += connector.enrichment.enrich(live, parcel.enrichment).refused
    counted = [histogram for histogram in parcel.histograms if histogram.counts]
    if counted:
        connector.scores.write_histograms(counted, at=at)
    if refused:
        _keep_refused(state.refused / f"{batch.batch_id}.ndjson", refused)
    return Published(report.written, report.already_there, len(refused))


def _of_champion(scores: ScoreBatch) -> ScoreBatch:
    live = pc.equal(scores.batch.column("stage"), Stage.LIVE.value)
    return scores if pc.all(live).as_py() else ScoreBatch(scores.batch.filter(live))


def _let_go(
    state: State,
    connector: Connector,
    batch: Batch,
    parcel: Parcel,
    sent_at: datetime,
    at: datetime,
) -> None:
    """Delete the file of *batch*, as all of it is there, and have our rules look at it."""
    outbox_file(state, batch).unlink(missing_ok=True)
    if connector.rule_engine is not None and pc.any(parcel.scores.batch.column("alert")).as_py():
        connector.rule_engine.evaluate(since=sent_at - SLOWEST_SEND, at=at)


def _after(batch: Batch) -> Progress:
    if batch.next_progress is None:
        raise ValueError(f"batch {batch.batch_id} was sent already")
    return batch.next_progress


def _keep_refused(path: Path, refused: tuple[Refused, ...]) -> None:
    content = "".join(json.dumps(asdict(item)) + "\n" for item in refused)
    try:
        write_whole(path, content.encode())
    except OSError as error:
        raise StateError(
            f"{len(refused)} items that the SIEM refused cannot be stored in {path}:"
            f" {reason(error)}",
            hint=f"{remedy(error)}; nothing is lost: the next score run finishes the batch",
        ) from error
