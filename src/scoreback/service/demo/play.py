"""The cycle on the simulated company: learn, score, alert, be told, learn again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import AlertQuery, AlertsDoor
from scoreback.deployment import Delivery
from scoreback.errors import ConfigError
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.threshold import fit_threshold, suppression_of
from scoreback.records import TIME, Alert, EventBatch, LabelBatch
from scoreback.service.app import App
from scoreback.service.demo.analysts import Closing
from scoreback.service.demo.company import Company, Day, StreamName
from scoreback.service.demo.judge import Judged, Period
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.training.train_job import TrainOutcome, read_training_data, train_detector

START = datetime(2026, 6, 1, tzinfo=UTC)
FIRST_TRAINING, SECOND_TRAINING, END = 25, 35, 40  # days; drift and a new attack lie between
DETECTORS: tuple[tuple[StreamName, str], ...] = (
    ("alerts", "alert_triage.yml"),
    ("endpoint", "endpoint_threats.yml"),
    ("vulnerabilities", "exploited_next.yml"),
)
FILES = Path(__file__).parent / "detectors"
WHO = "demo"
RULES_LOOK = timedelta(minutes=10)  # after scores were written: rules of a SIEM have looked by then


class Stage(Protocol):
    """Where the cycle is played: what happens there by itself, and how analysts close alerts."""

    def until(self, at: datetime) -> None:
        """Let time pass until *at*."""
        ...

    def close(self, alert: Alert, closing: Closing) -> None:
        """An analyst closes *alert*, now or when they come to it."""
        ...


@dataclass(frozen=True, slots=True)
class OwnAlerts:
    """A SIEM where nothing happens by itself: alerts are closed by our own door to them."""

    alerts: AlertsDoor

    def until(self, at: datetime) -> None:
        """Nothing happens."""

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* at the time when its analyst comes to it."""
        self.alerts.close(
            alert.alert_id, closing.verdict, labeller=closing.labeller, at=closing.label_time
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to one detector."""

    detector: Detector
    first: TrainOutcome
    second: TrainOutcome
    closed: int  # alerts of ours that analysts closed between the trainings
    example: Alert | None
    judged: tuple[Judged, ...]  # first model live, first model had it stayed, second model live


def play(
    app: App,
    company: Company,
    stream: StreamName,
    file: str,
    tell: Callable[[str], None],
    stage: Stage | None = None,
) -> Story:
    """Play the cycle for one detector over the company's days.

    Args:
        app: the workspace, with a SIEM that takes sample events.
        company: who plays.
        stream: which of its streams.
        file: the detector's, among `FILES`.
        tell: told what comes next.
        stage: where nothing is said, nothing happens in the SIEM by itself.

    Raises:
        ConfigError: the SIEM takes no sample events.
    """
    detector = load_detector(FILES / file)
    # The story is told of alerts, so each hit is to be one of its own, whatever is usual there.
    alerts = detector.alerts.model_copy(update={"deliver": Delivery.FINDING.value})
    intake = app.connector.intake
    if intake is None or app.connector.alerts is None:
        raise ConfigError(
            f"connection {app.connector.name!r} takes no sample events",
            hint="play the demo on the embedded SIEM, or on a test cluster",
        )
    selection = {app.settings.connector: dict(intake.selection(stream))}
    detector = detector.model_copy(update={"events": selection, "alerts": alerts})
    stage = OwnAlerts(app.connector.alerts) if stage is None else stage
    return _Play(app, company, stream, detector, tell, stage).story()


class _Play:
    def __init__(
        self,
        app: App,
        company: Company,
        stream: StreamName,
        detector: Detector,
        tell: Callable[[str], None],
        stage: Stage,
    ) -> None:
        self._stage = stage
        self._app, self._company, self._stream = app, company, stream
        self._detector, self._tell = detector, tell
        if app.connector.intake is None or app.connector.alerts is None:
            raise TypeError("the demo needs a SIEM that takes sample events and shows its alerts")
        self._intake, self._alerts = app.connector.intake, app.connector.alerts
        self._days = list(company.days(stream))
        self._analysts = company.analysts(stream)
        self._verdicts = company.verdicts(stream)

    def story(self) -> Story:
        self._tell("labelled events of 25 days arrive")
        self._arrive(self._days[:FIRST_TRAINING])
        self._hear(self._at(0), self._at(FIRST_TRAINING))
        first = self._train(FIRST_TRAINING)
        closed = self._live(first, FIRST_TRAINING, SECOND_TRAINING)
        second = self._train(SECOND_TRAINING)
        self._live(second, SECOND_TRAINING, END)
        self._tell("judging by the truth")
        return Story(
            detector=self._detector,
            first=first,
            second=second,
            closed=closed,
            example=self._example(),
            judged=self._judged(first, second),
        )

    def _arrive(self, days: Sequence[Day]) -> None:
        for day in days:
            refs = day.events["event_id"]
            table = day.events.add_column(
                1, pa.field("event_ref", pa.string(), nullable=False), refs
            )
            for batch in table.combine_chunks().to_batches():
                self._intake.add_events(self._stream, EventBatch(batch))

    def _hear(self, since: datetime, until: datetime) -> None:
        """The team's own verdicts of ``[since, until)`` reach the SIEM."""
        times = self._verdicts["label_time"]
        wanted = pc.and_(
            pc.greater_equal(times, pa.scalar(since, TIME)), pc.less(times, pa.scalar(until, TIME))
        )
        for batch in self._verdicts.filter(wanted).combine_chunks().to_batches():
            if batch.num_rows:
                self._intake.add_verdicts(LabelBatch(batch))

    def _train(self, day: int) -> TrainOutcome:
        self._tell(f"training on day {day}")
        at = self._at(day)
        self._stage.until(at)
        outcome = train_detector(self._app, self._detector, as_of=at, now=at)
        version = promote(self._app, self._detector, outcome.version.version, by=WHO, at=at)
        return replace(outcome, version=version)

    def _live(self, trained: TrainOutcome, since: int, until: int) -> int:
        """Days of events, scores, alerts and analysts; alerts closed."""
        closed = 0
        for day in self._days[since:until]:
            self._tell(f"day {day.index}: events, scores, alerts, verdicts")
            self._arrive([day])
            tonight = day.since + timedelta(days=1)
            self._hear(day.since, tonight)
            artifact = load_artifact(self._app, self._detector, trained.version)
            model = Model(version=trained.version, artifact=artifact)
            self._stage.until(tonight)
            score(self._app, self._detector, model, now=tonight)
            self._stage.until(tonight + RULES_LOOK)
            closed += self._close_alerts(tonight)
        return closed

    def _close_alerts(self, tonight: datetime) -> int:
        closed = 0
        for alert in list(self._alerts.find(self._mine(still_open=True))):
            if alert.raised_at < tonight:
                continue  # looked at on its own day, and left open
            closing = self._analysts.verdict_for(alert.event_id, shown_at=alert.raised_at)
            if closing is not None:
                self._stage.close(alert, closing)
                closed += 1
        return closed

    def _mine(self, *, still_open: bool = False) -> AlertQuery:
        return AlertQuery(detector=self._detector.name, still_open=still_open)

    def _example(self) -> Alert | None:
        """The riskiest alert that was closed as true."""
        alerts = self._alerts.find(self._mine())
        true = [a for a in alerts if a.verdict == "true_positive" and a.reasons]
        return max(true, key=lambda a: a.risk, default=None)

    def _judged(self, first: TrainOutcome, second: TrainOutcome) -> tuple[Judged, ...]:
        rule = suppression_of(self._detector)
        data = read_training_data(self._app, self._detector, self._at(END))
        rows = data.rows.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
        truth = self._company.truth(self._stream)
        early = self._period(rows, truth, FIRST_TRAINING, SECOND_TRAINING)
        late = self._period(rows, truth, SECOND_TRAINING, END)
        scorers = {
            outcome.version.version: Scorer(
                load_artifact(self._app, self._detector, outcome.version)
            )
            for outcome in (first, second)
        }
        alerts = list(self._alerts.find(self._mine()))
        one, two = first.version.version, second.version.version

        def live(version: str) -> set[str]:
            return {a.event_id for a in alerts if a.version == version}

        stayed = scorers[one].score(late.rows)
        units = late.period.scored(stayed.scores)
        # At as many alerts as the second raised: else whoever shows more finds more.
        rate = max(len(late.period.among(live(two))), 1) / late.period.days
        threshold = fit_threshold(units, rate, rule).value
        had_it_stayed = {
            str(late.rows["event_id"][int(i)].as_py()) for i in units.alerts(threshold, rule)
        }
        return (
            early.period.judge("first", live(one), rule, scorers[one].score(early.rows).scores),
            late.period.judge("first, had it stayed", had_it_stayed, rule, stayed.scores),
            late.period.judge("second", live(two), rule, scorers[two].score(late.rows).scores),
        )

    def _period(self, rows: pa.Table, truth: pa.Table, since: int, until: int) -> "_Rows":
        wanted = pc.and_(
            pc.greater_equal(rows["event_time"], pa.scalar(self._at(since), TIME)),
            pc.less(rows["event_time"], pa.scalar(self._at(until), TIME)),
        )
        rows = rows.filter(wanted)
        place = pc.index_in(rows["event_id"], value_set=truth["event_id"].combine_chunks())
        known = truth.select(["attack", "incident", "oracle"]).take(place)
        units = rows.select(["event_id", "event_time", "entity"])
        for name in known.column_names:
            units = units.append_column(name, known[name])
        return _Rows(rows, Period(f"days {since} to {until - 1}", until - since, units))

    def _at(self, day: int) -> datetime:
        return self._company.start + timedelta(days=day)


@dataclass(frozen=True, slots=True)
class _Rows:
    rows: pa.Table
    period: Period
