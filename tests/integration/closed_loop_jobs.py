"""The jobs of the closed loop, in the order of a story; each can be done again.

A small detector learns, is compared, promoted, paused, rolled back and trained again, on whatever
SIEM its workspace has. Its file lies in the workspace, so that a job needs nothing else.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scoreback.connectors.doors import AlertQuery, AlertsDoor
from scoreback.models.detector.file import load_detector, parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import Verdict
from scoreback.service.app import App
from scoreback.service.backtesting.backtest import Wish, backtest
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying.pausing import pause, resume
from scoreback.service.deploying.promotion import promote, retire
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.labels.harvest import harvest
from scoreback.service.labels.quarantine import decide_on, in_quarantine
from scoreback.service.recalling.rollback import roll_back, told, undo
from scoreback.service.scoring.champions import score_live
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.serving.kinds.retraining import RETRAIN
from scoreback.service.settings import Settings
from scoreback.service.state.quarantine_log import ACCEPTED
from scoreback.service.state.recalls import UNDONE, Recalls
from scoreback.service.state.versions import Versions
from scoreback.service.training.gate import let_in
from scoreback.service.training.train_job import train_detector
from tests.integration.alike import DAY, END, HOUR, TRAINED, events, text_of

NAME = "plain"
FLOOD = 7  # verdicts of one person within an hour
MIDDLE = TRAINED + 30 * HOUR  # the first run of scoring ends here
COMPARED = END - 20 * HOUR
LATER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that can be done again, and what happened in the SIEM before it."""

    name: str
    do: Callable[[App, Detector], object]
    before: Callable[[App, Detector], object] = lambda _app, _detector: None  # never killed
    once: bool = False  # killed twice in a row it is given up for now, as it may be what kills


def settings_of(home: Path) -> Settings:
    """The workspace in *home*, on the connection that it has a file for."""
    (connection,) = [path.stem for path in (home / "connections").glob("*.yml")] or ["local"]
    return Settings(home=home, connection=connection, threads=1)


def detector_of(home: Path) -> Detector:
    """The detector, as its file in the workspace says."""
    return load_detector(home / f"{NAME}.yml")


def begin(app: App, selection: Mapping[str, object]) -> None:
    """Let a version score that learnt what is good as bad, and a shadow that is no better.

    Args:
        app: of a new workspace.
        selection: of the events, in the words of its SIEM.
    """
    text = text_of(NAME).replace("alerts: {", "alerts: {audit: 4/day, ")
    text = text.replace("labels: {", f"labels: {{verdicts: {{join: event}}, flood: {FLOOD}, ")
    text = text.replace("trials: 0", "trials: 0, when: {verdicts: 5}")
    text = text.replace(
        "{local: {stream: alerts}}", json.dumps({app.settings.connector: dict(selection)})
    )
    text += "gate: {shadow: 1d, min_verdicts: 5, approval: automatic, explore: 25%}\n"
    (app.settings.home / f"{NAME}.yml").write_text(text)
    upside_down = text.replace("positive: bad, negative: good", "positive: good, negative: bad")
    detector = parse_detector(upside_down)
    wrong = train_detector(app, detector, as_of=TRAINED, now=TRAINED).version.version
    promote(app, detector, wrong, by="ann", at=TRAINED)
    alike = train_detector(app, detector, as_of=TRAINED - DAY, now=TRAINED).version.version
    Versions(app.state).shadow(NAME, alike, by="ann", at=TRAINED)


def alerts_of(app: App) -> AlertsDoor:
    """The door to alerts, which all SIEMs of this story have."""
    assert app.connector.alerts is not None
    return app.connector.alerts


def _trained(app: App, detector: Detector) -> None:
    """Learn a version, which begins as a shadow beside the champion and the other shadow."""
    version = train_detector(app, detector, as_of=TRAINED, now=TRAINED).version
    let_in(app, detector, version, at=TRAINED)
    reconcile(app, detector, at=TRAINED)


def _scored(until: datetime) -> Callable[[App, Detector], None]:
    def score(app: App, detector: Detector) -> None:
        assert score_live(app, detector, now=until) is not None

    return score


def _judged(app: App, _: Detector) -> None:
    """Analysts close what is true and what is not; somebody closes a whole page as false."""
    truth = _truth()
    for number, one in enumerate(list(alerts_of(app).find(AlertQuery(detector=NAME)))):
        at = MIDDLE + number * timedelta(minutes=10)
        verdict = Verdict.TRUE_POSITIVE if truth[one.event_id] else Verdict.FALSE_POSITIVE
        person = "dana" if number % 2 else "eli"
        if number <= FLOOD:
            at, person, verdict = MIDDLE, "eve", Verdict.FALSE_POSITIVE
        alerts_of(app).close(one.alert_id, verdict, labeller=person, at=at)


def _truth() -> dict[str, bool]:
    batch = events().batch
    names, outcomes = (batch.column(name).to_pylist() for name in ("event_id", "outcome"))
    return {name: said == "bad" for name, said in zip(names, outcomes, strict=True)}


def _compared(app: App, detector: Detector) -> None:
    """The gate, and what `serve` does beside it: rules that lag behind follow."""
    run_gate(app, detector, now=COMPARED)
    reconcile(app, detector, at=COMPARED)


def _bad_by_hand(app: App, detector: Detector) -> None:
    first = Versions(app.state).list(NAME)[0].version
    promote(app, detector, first, by="ann", at=COMPARED + LATER)


def _rolled_back(close: bool, at: datetime) -> Callable[[App, Detector], None]:
    def act(app: App, detector: Detector) -> None:
        said = app.settings.home / f"said-{at:%H%M}.txt"
        if not said.exists():  # else whoever asked for it has read what it did, and asks no more
            roll_back(app, detector, by="ann", at=at, close=close)
            said.touch()
            told(app, detector)

    return act


def _brought_back(app: App, detector: Detector) -> None:
    recall = Recalls(app.state).latest(NAME)
    if recall is None or recall.stage != UNDONE:  # else it says so, and nobody calls again
        undo(app, detector, by="ann", at=END + 2 * LATER)


def _touched(app: App, _: Detector) -> None:
    """An analyst does something with a few of the bad version's alerts before it goes."""
    champion = Versions(app.state).champion(NAME)
    assert champion is not None
    found = list(alerts_of(app).find(AlertQuery(detector=NAME, version=champion.version)))
    for one in found[-3:]:
        if one.verdict is None:
            alerts_of(app).close(one.alert_id, Verdict.TRUE_POSITIVE, labeller="dana", at=END)


def _replayed(app: App, detector: Detector) -> None:
    wish = Wish(since=TRAINED, until=TRAINED + 2 * DAY)
    found = backtest(app, detector, wish, now=END)
    file = app.settings.home / "backtest.json"
    file.write_text(json.dumps(found, default=str, sort_keys=True))


def _accepted(app: App, detector: Detector) -> None:
    """Somebody lets training learn from the page that was closed as false after all."""
    (case,) = (one.case for one in in_quarantine(app, detector, END))
    at = END + 4 * LATER
    decide_on(app, detector, case.case_id, ACCEPTED, by="ann", reason="they are", at=at)


def _trained_again(app: App, detector: Detector) -> None:
    """There are enough new verdicts for `train.when`, and `serve` looks."""
    work = Work(
        app=app, now=END + 5 * LATER, pause=lambda _rows: None, warn=lambda *_: None,
        clear=lambda *_: None, apart=None, left=lambda _names: None,
    )  # fmt: skip
    RETRAIN.run(work, [Served(app.settings.home / f"{NAME}.yml", detector)])
    reconcile(app, detector, at=END + 5 * LATER)


def _retired(app: App, detector: Detector) -> None:
    last = Versions(app.state).list(NAME)[-1].version
    retire(app, detector, last, by="ann", at=END + 6 * LATER, reason="not wanted")


JOBS = (
    Job("train, into shadow", _trained),
    Job("score, shadows, audits", _scored(MIDDLE)),
    Job("harvest", lambda a, d: harvest(a, d, now=MIDDLE + 12 * HOUR), _judged),
    Job("score on", _scored(COMPARED - HOUR)),
    Job("gate: retire, promote", _compared),
    Job("promotion by hand", _bad_by_hand),
    Job("pause", lambda a, d: pause(a, d, by="ann", reason="noise", at=END - 12 * HOUR)),
    Job("score, paused", _scored(END - 12 * HOUR)),
    Job("resume", lambda a, d: resume(a, d, by="ann", reason="", at=END - 11 * HOUR)),
    Job("score, bad version", _scored(END)),
    Job("rollback --close", _rolled_back(True, END + LATER), _touched),
    Job("harvest, own closures", lambda a, d: harvest(a, d, now=END + LATER)),
    Job("rollback --undo", _brought_back),
    Job("rollback", _rolled_back(False, END + 3 * LATER)),
    Job("quarantine accept", _accepted),
    Job("train by train.when", _trained_again, once=True),
    Job("retire", _retired),
    Job("backtest", _replayed),
)  # fmt: skip
