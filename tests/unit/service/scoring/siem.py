"""A batch, and a SIEM in memory that it is written to, for tests of how batches are published."""

from collections.abc import Iterator, Set
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pyarrow as pa

from scoreback.connectors.doors import Connector, Facts
from scoreback.errors import SiemUnavailable
from scoreback.records import (
    SCORE_COLUMNS,
    Enrichment,
    Histogram,
    Refused,
    ScoreBatch,
    TimeWindow,
    WriteReport,
)
from scoreback.service.scoring.outbox import Parcel
from scoreback.service.scoring.publish import Published, Resolved, publish, resolve
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.workspace_state import State

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AFTER = Progress(detector="d", plan_hash="p", watermark=T, score_since=T)
BATCH = Batch(
    batch_id="b", detector="d", version="v1-00000000", since=T, until=T + 5 * MINUTE,
    outbox="b.arrow", next_progress=AFTER,
)  # fmt: skip
SCORES = ScoreBatch(
    pa.RecordBatch.from_pylist(
        [
            {
                "score_id": f"id{n}", "event_id": f"e{n}", "event_ref": "ref", "event_time": T,
                "scored_at": T, "entity": None, "detector": "d", "version": "v1-00000000",
                "stage": "live", "score": n / 10, "risk": 1.0, "threshold": 0.5, "alert": n > 5,
                "reasons": None, "user.name": None if n % 2 else "amy",
            }
            for n in range(10)
        ],
        schema=SCORE_COLUMNS.append(pa.field("user.name", pa.string())),
    )
)  # fmt: skip
IDS = SCORES.batch.column("score_id").to_pylist()
HISTOGRAM = Histogram(
    histogram_id="b", detector="d", version="v1-00000000", stage="live", since=T,
    until=T + 5 * MINUTE, edges=(0.5,), counts={T.isoformat(): [10, 0]},
)  # fmt: skip
EMPTY = Histogram(
    histogram_id="none", detector="d", version="v2-00000000", stage="shadow", since=T,
    until=T + 5 * MINUTE, edges=(0.5,), counts={},
)  # fmt: skip
PARCEL = Parcel(SCORES, (HISTOGRAM, EMPTY))


NOBODY: Set[str] = frozenset()


def said(refused: list[str]) -> tuple[Refused, ...]:
    """What a SIEM says of items that it refuses."""
    return tuple(Refused(item_id=one, reason="too long", document=f"<{one}>") for one in refused)


class Siem:
    """Keeps every row that it is given, whether it has one already or not, unless it is away.

    It shows what it has some time later, and may lose some of what it said it would keep.
    """

    kinds = frozenset({Enrichment.EVENT})

    def __init__(self, *fates: str, facts: Facts = Facts(), refuses: Set[str] = NOBODY) -> None:  # noqa: B008 - frozen
        self.scores, self.rule_engine, self.enrichment, self.facts = self, self, self, facts
        self.fates, self.now, self.looks = list(fates), T, list[tuple[datetime, datetime]]()
        self.refuses, self.enriched = refuses, list[str]()  # ids of scores
        self.stored = list[tuple[datetime, dict[str, Any]]]()
        self.counted = list[tuple[datetime, Histogram]]()

    def as_connector(self) -> Connector:
        return cast("Connector", self)

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        assert at == self.now
        fate = self.fates.pop(0) if self.fates else "kept"
        rows = scores.batch.to_pylist()
        if fate in ("half kept", "half lost"):
            rows = rows[: len(rows) // 2]
        refused = [row["score_id"] for row in rows if row["score_id"] in self.refuses]
        if fate not in ("away", "lost"):
            self.stored += [(at, row) for row in rows if row["score_id"] not in refused]
        if fate in ("away", "half kept", "broke off"):
            raise SiemUnavailable("it is away", hint="wait")
        return WriteReport(written=scores.num_rows - len(refused), refused=said(refused))

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        assert how == Enrichment.EVENT
        ids = scores.batch.column("score_id").to_pylist()
        assert set(ids) <= {*self.ids, *self.refuses}  # what enriches has a history
        self.enriched += ids
        return WriteReport(written=len(ids))

    def write_histograms(self, histograms: list[Histogram], *, at: datetime) -> None:
        self.counted += [(at, histogram) for histogram in histograms]

    def existing(self, scores: ScoreBatch) -> set[str]:
        asked = set(scores.batch.column("score_id").to_pylist())
        return asked & {row["score_id"] for at, row in self.stored if self._seen(at)}

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        found = {one.histogram_id: one for at, one in self.counted if self._seen(at)}
        for one in found.values():
            if one.detector == detector and window.since <= one.since < window.until:
                yield one

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        self.looks.append((since, at))
        return 0

    @property
    def ids(self) -> list[str]:
        return [row["score_id"] for _, row in self.stored]

    def _seen(self, at: datetime) -> bool:
        return at + self.facts.visible_after <= self.now


SLOW = Facts(visible_after=5 * MINUTE)
UNSURE = Facts(acknowledged=False, visible_after=5 * MINUTE)


def send(state: State, siem: Siem, parcel: Parcel = PARCEL) -> Published:
    """Publish the batch, at the time of *siem*."""
    return publish(state, siem.as_connector(), BATCH, parcel, at=siem.now)


def finish(state: State, siem: Siem, at: datetime = T) -> Resolved:
    """Resolve what is in doubt, *at* that time."""
    siem.now = at
    return resolve(state, siem.as_connector(), "d", at=at)


def outbox(state: State) -> list[str]:
    """The files that lie in the outbox."""
    return sorted(path.name for path in (state.outbox / "d").iterdir())
