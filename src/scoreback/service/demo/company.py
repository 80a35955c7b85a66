"""The simulated company: three streams of events a day, the truth about them, and its analysts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import LABEL_COLUMNS, utc
from scoreback.service.demo.alerts import alerts_stream
from scoreback.service.demo.analysts import Analysts, team_history
from scoreback.service.demo.behaviour import Stream
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.draw import Spells, draw_day, plan_spells
from scoreback.service.demo.endpoint import endpoint_stream
from scoreback.service.demo.population import Population
from scoreback.service.demo.vulnerabilities import vulnerabilities_stream

StreamName = Literal["endpoint", "alerts", "vulnerabilities"]
STREAMS: tuple[StreamName, ...] = ("endpoint", "alerts", "vulnerabilities")
VERDICT_STREAMS: tuple[StreamName, ...] = ("endpoint", "alerts")  # the third has a label field
DAYS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What reached the SIEM on one day, and the truth about it, which the SIEM does not get."""

    index: int  # days since the start
    since: datetime
    events: pa.Table  # event_id, event_time, arrival_time, then ECS fields as text
    truth: pa.Table  # event_id, attack, behaviour, allowed, incident, shown, oracle; same rows


class Company:
    """A simulated company: the same arguments give the same events, labels and truth."""

    def __init__(
        self,
        seed: int,
        start: datetime,
        days: int = DAYS,
        scale: float = 1.0,
        difficulty: Difficulty | None = None,
    ) -> None:
        """Plan *days* from the UTC midnight *start* on; *scale* multiplies machines and events.

        Raises:
            ValueError: *start* is not midnight UTC, or *days* or *scale* is not above 0.
        """
        self.start = utc(start)
        if self.start.replace(hour=0, minute=0, second=0, microsecond=0) != self.start:
            raise ValueError(f"start must be a UTC midnight, not {start}")
        if days < 1 or scale <= 0:
            raise ValueError(f"days is {days} and scale is {scale}; both must be above 0")
        self.seed, self.days_count, self.scale = seed, days, scale
        self.difficulty = difficulty or Difficulty()
        self.population = Population.of(seed, scale)
        self._streams: dict[str, Stream] = {
            "endpoint": endpoint_stream(self.difficulty),
            "alerts": alerts_stream(self.difficulty),
            "vulnerabilities": vulnerabilities_stream(self.difficulty),
        }

    def days(self, stream: StreamName) -> Iterator[Day]:
        """Yield what arrived on each day, by arrival; late events of the last days never arrive."""
        kind, spells = self._streams[stream], self._spells(stream)
        waiting: list[tuple[pa.Table, pa.Table]] = []
        for index in range(self.days_count):
            since = self.start + timedelta(days=index)
            drawn = draw_day(
                kind, self.population, spells, self.difficulty,
                seed=self.seed, day=index, weekend=since.weekday() >= 5,
                midnight_us=int(since.timestamp()) * 1_000_000,
            )  # fmt: skip
            events, truth = (pa.concat_tables(t) for t in zip(*waiting, drawn, strict=True))
            order = pc.sort_indices(
                events, [("arrival_time", "ascending"), ("event_id", "ascending")]
            )
            events, truth = events.take(order), truth.take(order)
            tonight = pa.scalar(since + timedelta(days=1), events["arrival_time"].type)
            here = pc.sum(pc.less(events["arrival_time"], tonight)).as_py() or 0
            yield Day(
                index=index, since=since, events=events.slice(0, here), truth=truth.slice(0, here)
            )
            waiting = [(events.slice(here), truth.slice(here))]

    def truth(self, stream: StreamName) -> pa.Table:
        """The truth about all events of *stream*."""
        return pa.concat_tables([day.truth for day in self.days(stream)])

    def verdicts(self, stream: StreamName) -> pa.Table:
        """What the team itself found out over all days, as labels in order of label time.

        A verdict exists from its ``label_time`` on: when you play day D, leave out later ones.
        """
        if stream not in VERDICT_STREAMS:
            return LABEL_COLUMNS.empty_table()
        labels = [
            team_history(day.events, day.truth, self.difficulty,
                         seed=self.seed, day=day.index, hunted=stream == "endpoint")
            for day in self.days(stream)
        ]  # fmt: skip
        return pa.concat_tables(labels).sort_by([("label_time", "ascending"),
                                                 ("event_id", "ascending")])  # fmt: skip

    def analysts(self, stream: StreamName) -> Analysts:
        """The analysts who close the alerts of a detector on *stream*."""
        return Analysts(self.truth(stream), self.difficulty, seed=self.seed)

    def _spells(self, stream: StreamName) -> Spells:
        return {
            behaviour.name: plan_spells(
                behaviour, self.seed, self.days_count, self.scale, self.population
            )
            for behaviour in self._streams[stream].behaviours
        }
