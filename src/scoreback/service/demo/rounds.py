"""Plays the days of the simulated company: events, scores, alerts, analysts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import AlertQuery
from scoreback.models.detector.spec import Detector
from scoreback.records import TIME, Alert, EventBatch, LabelBatch
from scoreback.service.app import App
from scoreback.service.demo.company import Company, Day, StreamName
from scoreback.service.demo.stage import Stage
from scoreback.service.scoring.champions import score_live

RULES_LOOK = timedelta(minutes=10)  # after scores are written, the SIEM's rules have run by then


class Rounds:
    """Plays days of one stream in one SIEM; each evening, the day's events are scored."""

    def __init__(
        self, app: App, company: Company, stream: StreamName, detector: Detector, stage: Stage
    ) -> None:
        """Prepare to play *stream* of *company* for *detector*; analysts on *stage* close alerts.

        Raises:
            TypeError: the SIEM accepts no sample events, or its alerts cannot be read.
        """
        if app.connector.intake is None or app.connector.alerts is None:
            raise TypeError(
                "the demo needs a SIEM that accepts sample events and lets its alerts be read"
            )
        self.app, self.company, self.stream, self.detector = app, company, stream, detector
        self.stage = stage
        self._intake, self._alerts = app.connector.intake, app.connector.alerts
        self._days = list(company.days(stream))
        self._analysts = company.analysts(stream)
        self._verdicts = company.verdicts(stream)

    def at(self, day: int) -> datetime:
        """The midnight at which *day* begins."""
        return self.company.start + timedelta(days=day)

    def history(self, days: int) -> None:
        """Let the first *days* arrive, with what the team found out by itself."""
        self._arrive(self._days[:days])
        self._hear(self.at(0), self.at(days))

    def play(self, day: int) -> None:
        """Play *day*; in the evening its events are scored, and analysts get the alerts."""
        self._arrive(self._days[day : day + 1])
        evening = self.at(day + 1)
        self._hear(self.at(day), evening)
        self.stage.until(evening)
        score_live(self.app, self.detector, now=evening)
        self.stage.until(evening + RULES_LOOK)
        for alert in self.alerts(still_open=True):
            if alert.raised_at < evening:
                continue  # an analyst got it on its own day
            closing = self._analysts.verdict_for(alert.event_id, shown_at=alert.raised_at)
            if closing is not None:
                self.stage.close(alert, closing)

    def alerts(self, *, still_open: bool = False) -> list[Alert]:
        """The detector's alerts as they are now, in order of event time."""
        mine = AlertQuery(detector=self.detector.name, still_open=still_open)
        return list(self._alerts.find(mine))

    def _arrive(self, days: Sequence[Day]) -> None:
        for day in days:
            refs = day.events["event_id"]
            table = day.events.add_column(
                1, pa.field("event_ref", pa.string(), nullable=False), refs
            )
            for batch in table.combine_chunks().to_batches():
                self._intake.add_events(self.stream, EventBatch(batch))

    def _hear(self, since: datetime, until: datetime) -> None:
        """Send the team's own verdicts of ``[since, until)`` to the SIEM."""
        times = self._verdicts["label_time"]
        wanted = pc.and_(
            pc.greater_equal(times, pa.scalar(since, TIME)), pc.less(times, pa.scalar(until, TIME))
        )
        for batch in self._verdicts.filter(wanted).combine_chunks().to_batches():
            if batch.num_rows:
                self._intake.add_verdicts(LabelBatch(batch))
