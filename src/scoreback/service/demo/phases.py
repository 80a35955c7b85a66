"""Cuts the played days into phases, and compares each with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.artifact.scoring import Scorer
from scoreback.models.judging.threshold import suppression_of
from scoreback.records import TIME, Alert, ModelVersion
from scoreback.service.demo.judge import Judged, Period
from scoreback.service.demo.rounds import Rounds
from scoreback.service.demo.story import Chapter, DayCount, Phase
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.training.train_job import read_training_data


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a phase begins."""

    chapter: Chapter
    day: int
    version: ModelVersion | None  # the version that raises alerts from then on


class Judge:
    """Knows the truth about the days that were played."""

    def __init__(self, rounds: Rounds, end: int) -> None:
        """Read the feature rows of all days up to *end*, so that any version can score them."""
        self._rounds, self._end = rounds, end
        self._rule = suppression_of(rounds.detector)
        data = read_training_data(rounds.app, rounds.detector, rounds.at(end))
        self._rows = data.rows.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
        self._truth = rounds.company.truth(rounds.stream)
        self._scorers: dict[str, Scorer] = {}

    def phases(self, marks: Sequence[Mark], alerts: Sequence[Alert]) -> tuple[Phase, ...]:
        """A phase from each of *marks* to the next, with those of *alerts* that are in it."""
        ends = [*(mark.day for mark in marks[1:]), self._end]
        return tuple(
            Phase(
                chapter=mark.chapter,
                since=mark.day,
                until=until,
                version=mark.version.version if mark.version else None,
                judged=self._judged(mark, until, alerts),
            )
            for mark, until in zip(marks, ends, strict=True)
            if until > mark.day
        )

    def had_it_stayed(self, version: ModelVersion, phase: Phase) -> Judged:
        """How *version* would have done in *phase*, with as many alerts as were raised there."""
        rows, period = self._period(phase.since, phase.until)
        # As many alerts, because a version that shows more finds more.
        rate = phase.judged.alerts_per_day if phase.judged else self._rounds.detector.alerts.budget
        scores = self._scorer(version).score(rows).scores
        return period.judge_at_rate(scores, max(rate, 1 / period.days), self._rule)

    def days(self, since: int, alerts: Sequence[Alert]) -> tuple[DayCount, ...]:
        """The alerts of each day from *since* on."""
        place = pc.index_in(
            pa.array([one.event_id for one in alerts], pa.string()),
            value_set=self._truth["event_id"].combine_chunks(),
        )
        true = self._truth["attack"].take(place).to_pylist()
        day = [self._day_of(one) for one in alerts]
        return tuple(
            DayCount(
                day=each,
                alerts=day.count(each),
                true_alerts=sum(bool(t) for d, t in zip(day, true, strict=True) if d == each),
            )
            for each in range(since, self._end)
        )

    def _judged(self, mark: Mark, until: int, alerts: Sequence[Alert]) -> Judged | None:
        if mark.version is None:
            return None
        rows, period = self._period(mark.day, until)
        opened = {one.event_id for one in alerts if mark.day <= self._day_of(one) < until}
        return period.judge(opened, self._rule, self._scorer(mark.version).score(rows).scores)

    def _day_of(self, alert: Alert) -> int:
        """The day on which *alert* was raised: in its evening, or shortly after midnight."""
        return (alert.raised_at - self._rounds.company.start).days - 1

    def _scorer(self, version: ModelVersion) -> Scorer:
        if version.version not in self._scorers:
            artifact = load_artifact(self._rounds.app, self._rounds.detector, version)
            self._scorers[version.version] = Scorer(artifact)
        return self._scorers[version.version]

    def _period(self, since: int, until: int) -> tuple[pa.Table, Period]:
        """What arrived on the days ``[since, until)``."""
        wanted = pc.and_(
            pc.greater_equal(self._rows["arrival_time"], pa.scalar(self._rounds.at(since), TIME)),
            pc.less(self._rows["arrival_time"], pa.scalar(self._rounds.at(until), TIME)),
        )
        rows = self._rows.filter(wanted)
        place = pc.index_in(rows["event_id"], value_set=self._truth["event_id"].combine_chunks())
        known = self._truth.select(["attack", "incident", "oracle"]).take(place)
        units = rows.select(["event_id", "event_time", "entity"])
        for name in known.column_names:
            units = units.append_column(name, known[name])
        return rows, Period(until - since, units, self._truth)
