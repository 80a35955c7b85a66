"""The demo's story: learn, alert, notice drift, learn again, pass the gate, undo a mistake."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from scoreback.deployment import Delivery
from scoreback.errors import ConfigError, TrainingRefused
from scoreback.health import Condition, Kind
from scoreback.models.detector.file import load_detector
from scoreback.records import Alert
from scoreback.service.app import App
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.phases import Judge, Mark
from scoreback.service.demo.rounds import RULES_LOOK, Rounds
from scoreback.service.demo.stage import OwnAlerts, Stage
from scoreback.service.demo.story import (
    CHANGING,
    SHORT,
    WHOLE,
    Calendar,
    Chapter,
    DriftSeen,
    Story,
    TakenBack,
)
from scoreback.service.deploying.promotion import promote
from scoreback.service.monitoring.monitor import monitor
from scoreback.service.recalling.rollback import roll_back, told
from scoreback.service.recalling.taken_back import LABELLER
from scoreback.service.state.gate_verdicts import GateVerdict
from scoreback.service.state.versions import Versions
from scoreback.service.training.gate import let_in
from scoreback.service.training.train_job import TrainOutcome, train_detector

START = datetime(2026, 6, 1, tzinfo=UTC)
DETECTORS: tuple[tuple[StreamName, str], ...] = (
    ("alerts", "alert_triage.yml"),
    ("endpoint", "endpoint_threats.yml"),
    ("vulnerabilities", "exploited_next.yml"),
)
FILES = Path(__file__).parent / "detectors"
WHO = "demo"


def company(seed: int, scale: float = 1.0) -> Company:
    """The company of the demo."""
    return Company(seed=seed, start=START, scale=scale, difficulty=CHANGING)


def play(
    app: App,
    company: Company,
    stream: StreamName,
    file: str,
    tell: Callable[[str], None],
    stage: Stage | None = None,
    calendar: Calendar | None = None,
) -> Story:
    """Play the story of one detector over the company's days.

    Args:
        app: the workspace; its SIEM must accept sample events.
        company: the simulated company.
        stream: the name of one of its streams.
        file: the name of the detector file in `FILES`.
        tell: is called with a sentence before each step.
        stage: the SIEM's clock and people; by default, nothing happens in the SIEM by itself.
        calendar: what happens when; by default, only the first of `DETECTORS` gets the whole story.

    Raises:
        ConfigError: the SIEM accepts no sample events.
    """
    detector = load_detector(FILES / file)
    # The story is about alerts, so each hit becomes an alert, whatever the SIEM's default is.
    alerts = detector.alerts.model_copy(update={"deliver": Delivery.FINDING.value})
    intake = app.connector.intake
    if intake is None or app.connector.alerts is None:
        raise ConfigError(
            f"connection {app.connector.name!r} does not accept sample events",
            hint="play the demo on the embedded SIEM, or on a test cluster",
        )
    selection = {app.settings.connector: dict(intake.selection(stream))}
    detector = detector.model_copy(update={"events": selection, "alerts": alerts})
    stage = OwnAlerts(app.connector.alerts) if stage is None else stage
    rounds = Rounds(app, company, stream, detector, stage)
    if calendar is None:
        calendar = WHOLE if (stream, file) == DETECTORS[0] else SHORT
    return _Play(rounds, calendar, tell).story()


class _Play:
    def __init__(self, rounds: Rounds, calendar: Calendar, tell: Callable[[str], None]) -> None:
        self._rounds, self._calendar, self._tell = rounds, calendar, tell
        self._app, self._detector, self._stage = rounds.app, rounds.detector, rounds.stage
        self._versions = Versions(rounds.app.state)
        self._marks = [Mark(Chapter.LEARNING, 0, None)]
        self._drift: DriftSeen | None = None
        self._gate: list[GateVerdict] = []
        self._refused: str | None = None
        self._taken_back: TakenBack | None = None

    def story(self) -> Story:
        calendar = self._calendar
        self._tell(f"labelled events of {calendar.first_training} days arrive")
        self._rounds.history(calendar.first_training)
        first = self._train(calendar.first_training)
        first = self._promoted(first, Chapter.FIRST, calendar.first_training)
        second, bad = first, None
        for day in range(calendar.first_training, calendar.end):
            if day == self._rounds.company.difficulty.new_attack_day:
                self._mark(Chapter.CHANGE, day)
            self._tell(f"day {day}: events, scores, alerts, verdicts")
            self._rounds.play(day)
            evening = day + 1
            if calendar.gate:
                self._look(evening)
            if evening == calendar.second_training:
                second = self._second(evening)
            elif calendar.gate:
                self._ask_gate(evening)
            if calendar.gate and evening == calendar.mistake:
                bad = self._mistake(evening)
            if bad is not None and evening == calendar.taken_back:
                self._take_back(bad, evening)
        self._tell("comparing alerts with the truth")
        return self._told(first, second)

    def _train(self, evening: int, as_of: int | None = None) -> TrainOutcome:
        self._tell(f"training on day {evening}")
        at = self._rounds.at(evening) + RULES_LOOK
        self._stage.until(at)
        known = self._rounds.at(evening if as_of is None else as_of)
        return train_detector(self._app, self._detector, as_of=known, now=at)

    def _promoted(self, trained: TrainOutcome, chapter: Chapter, day: int) -> TrainOutcome:
        """Promote the *trained* version as a person would, and begin *chapter*."""
        at = self._rounds.at(day) + RULES_LOOK
        version = promote(self._app, self._detector, trained.version.version, by=WHO, at=at)
        self._mark(chapter, day)
        return replace(trained, version=version)

    def _second(self, evening: int) -> TrainOutcome:
        second = self._train(evening)
        if not self._calendar.gate:
            return self._promoted(second, Chapter.SECOND, evening)
        at = self._rounds.at(evening) + RULES_LOOK
        if let_in(self._app, self._detector, second.version, at=at).next == "shadow":
            self._mark(Chapter.SHADOW, evening)
        return second

    def _look(self, evening: int) -> None:
        """Look at the detector's health, and note when it first reports drift."""
        found = monitor(self._app, self._detector, now=self._rounds.at(evening) + RULES_LOOK)
        status = next((one.figures for one in found if one.kind is Kind.STATUS), {})
        if self._drift is None and status.get(Condition.DRIFTING.value):
            scores = next(one.figures for one in found if one.kind is Kind.SCORES)
            self._drift = DriftSeen(
                day=evening,
                why=str(scores.get("why", "")),
                psi=_number(scores.get("psi")),
                usual_psi=_number(scores.get("usual_psi")),
            )

    def _ask_gate(self, evening: int) -> None:
        """Run the gate; if the shadow is better, promote it as a person would."""
        at = self._rounds.at(evening) + RULES_LOOK
        for verdict in run_gate(self._app, self._detector, now=at):
            self._gate.append(verdict)
            if verdict.outcome == "better":
                seen = self._versions.get(self._detector.name, verdict.against)
                promote(self._app, self._detector, verdict.version, by=WHO, at=at, instead_of=seen)
                self._mark(Chapter.SECOND, evening)

    def _mistake(self, evening: int) -> TrainOutcome | None:
        """Train on the first days only, and promote that version without the gate."""
        try:
            bad = self._train(evening, self._calendar.learnt_until)
        except TrainingRefused as error:
            self._refused = error.message
            return None
        return self._promoted(bad, Chapter.MISTAKE, evening)

    def _take_back(self, bad: TrainOutcome, evening: int) -> None:
        self._tell("rolling back")
        at = self._rounds.at(evening) + self._calendar.noticed
        self._stage.until(at)
        before = self._rule()
        done = roll_back(self._app, self._detector, by=WHO, at=at, close=True)
        told(self._app, self._detector)  # the story tells of it itself
        self._stage.leave([one.alert_id for one in done.choice.alerts])
        self._mark(Chapter.BACK, evening)
        self._taken_back = TakenBack(bad=bad, done=done, rules=(before, self._rule()))

    def _rule(self) -> str | None:
        """The version in the condition of the SIEM's rule."""
        door = self._app.connector.rules
        rule = None if door is None else door.current(self._detector.name)
        return None if rule is None else rule.version

    def _mark(self, chapter: Chapter, day: int) -> None:
        version = self._versions.champion(self._detector.name)
        self._marks.append(Mark(chapter, day, version))

    def _told(self, first: TrainOutcome, second: TrainOutcome) -> Story:
        end = self._rounds.at(self._calendar.end) + 2 * RULES_LOOK
        self._stage.until(end)
        alerts = self._rounds.alerts()
        judge = Judge(self._rounds, self._calendar.end)
        phases = judge.phases(self._marks, alerts)
        better = next((one for one in phases if one.chapter is Chapter.SECOND), None)
        judged = [one for one in alerts if one.verdict is not None and one.labeller != LABELLER]
        return Story(
            detector=self._detector,
            start=self._rounds.at(0),
            first=first,
            second=second,
            phases=phases,
            days=judge.days(self._calendar.first_training, alerts),
            drift=self._drift,
            gate=tuple(self._gate),
            stayed=None if better is None else judge.had_it_stayed(first.version, better),
            refused=self._refused,
            taken_back=self._taken_back,
            closed=len(judged),
            example=_example(judged),
        )


def _example(alerts: list[Alert]) -> Alert | None:
    """The riskiest alert that was closed as true."""
    true = [one for one in alerts if one.verdict == "true_positive" and one.reasons]
    return max(true, key=lambda one: one.risk, default=None)


def _number(figure: object) -> float | None:
    return float(figure) if isinstance(figure, int | float) else None
