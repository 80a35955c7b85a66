"""What a job does when it is due: one run of one detector, whatever goes wrong in it.

A job opens its own connection, so that a SIEM that does not answer is the trouble of one run and a
changed secret is used from the next run on. Trouble is said once, and that it is over.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from scoreback.errors import ScorebackError, SiemUnavailable, TrainingRefused
from scoreback.models.detector import Detector
from scoreback.service.app import App, opened
from scoreback.service.detector_watch import Served
from scoreback.service.gate import decide
from scoreback.service.live import score_live
from scoreback.service.rules import promote
from scoreback.service.schedule import JobKind
from scoreback.service.settings import Settings
from scoreback.service.state import State
from scoreback.service.stopping import Stop, Stopped
from scoreback.service.train_job import train_detector
from scoreback.service.troubles import Troubles
from scoreback.service.versions import SERVICE

LITTLE_PATIENCE = 5.0  # seconds that scoring waits for whoever works on its detector

_UNAVAILABLE = "unavailable"

_log = logging.getLogger(__name__)


class _NotYet(ScorebackError):
    """Nothing went wrong, but there is nothing to do either."""


class Jobs:
    """Runs jobs for the detectors that are served; `run` may be called from many threads."""

    def __init__(
        self, settings: Settings, state: State, stop: Stop, clock: Callable[[], datetime]
    ) -> None:
        """Work on the workspace of *settings*, whose *state* is open, until *stop* is asked."""
        self._settings, self._state, self._stop, self._clock = settings, state, stop, clock
        self._served: Mapping[str, Served] = {}
        self._troubles = Troubles()
        self._running: dict[int, tuple[JobKind, str]] = {}  # by thread
        self._ended = threading.Condition()

    def serve(self, served: Mapping[str, Served]) -> None:
        """Jobs that begin from now on are for *served*."""
        self._served = served

    def run(self, kind: JobKind, name: str) -> None:
        """One run; raises nothing."""
        served = self._served.get(name)
        if served is None or self._stop.asked:
            return
        thread = threading.get_ident()
        with self._ended:
            self._running[thread] = kind, name
        try:
            self._tried(kind, served)
        finally:
            with self._ended:
                del self._running[thread]
                self._ended.notify_all()

    def wait(self, seconds: float) -> list[tuple[JobKind, str]]:
        """Wait until no job runs, some *seconds* at most; what runs still, kind and detector."""
        with self._ended:
            self._ended.wait_for(lambda: not self._running, timeout=seconds)
            return sorted(self._running.values())

    def _tried(self, kind: JobKind, served: Served) -> None:
        about = {"detector": served.detector.name, "job": kind}
        try:
            with opened(self._settings, state=self._state) as app:
                {"score": self._score, "train": self._train, "check": self._check}[kind](
                    app, served.path, served.detector
                )
        except Stopped:
            _log.info("stopped between two steps; nothing is lost", extra=about)
            return
        except SiemUnavailable as error:
            text = f"the SIEM is not available: {error}. It is tried again at the next run"
            self._tell(logging.WARNING, about, _UNAVAILABLE, _with_hint(text, error))
            return
        except (TrainingRefused, _NotYet) as error:
            self._tell(logging.WARNING, about, str(error), _with_hint(str(error), error))
            return
        except ScorebackError as error:
            self._tell(logging.ERROR, about, str(error), _with_hint(str(error), error))
            return
        except Exception as error:  # noqa: BLE001 - one job's mistake must not end the others
            self._tell(logging.ERROR, about, repr(error), _traced(error))
            return
        if self._troubles.is_over((about["detector"], kind)):
            _log.info("works again", extra=about)

    def _tell(self, level: int, about: dict[str, str], trouble: str, text: str) -> None:
        """Log *text* unless the same trouble was the last that this job had.

        That the SIEM does not answer is every job's trouble, and said by the first.
        """
        job, shared = (about["detector"], about["job"]), trouble == _UNAVAILABLE
        news = self._troubles.is_news(job, trouble, text, shared=shared)
        _log.log(level if news else logging.DEBUG, "%s", text, extra=about)

    def _score(self, app: App, path: Path, detector: Detector) -> None:
        about = {"detector": detector.name, "job": "score"}
        warned: list[str] = []
        run = score_live(
            app, detector, now=self._clock(), warn=warned.append, progress=self._stop.here,
            wait=LITTLE_PATIENCE,
        )  # fmt: skip
        rule = {"detector": detector.name, "job": "rule"}
        for warning in warned:
            self._tell(logging.WARNING, rule, warning, warning)
        if not warned:
            self._troubles.is_over((detector.name, "rule"))
        if run is None:
            raise _NotYet(
                "no version scores yet", hint=f"scoreback train {path}, then scoreback promote"
            )
        done = run.outcome
        refused = sum(published.refused for published in done.published)
        _log.log(
            logging.INFO if done.read or done.settled else logging.DEBUG,
            "%s read %d events and scored %d, %d above the threshold%s",
            run.champion.version, done.read, done.scored, done.alerts,
            f"; the SIEM refused {refused} scores, kept in {app.state.refused}" if refused else "",
            extra=about,
        )  # fmt: skip

    def _train(self, app: App, path: Path, detector: Detector) -> None:
        about = {"detector": detector.name, "job": "train"}
        now = self._clock()
        _log.info("training begins", extra=about)
        outcome = train_detector(
            app, detector, as_of=now, now=now, progress=self._stop.here, stages=self._stop.here
        )
        version, precision = (
            outcome.version.version,
            outcome.training.evaluation.at_budget.precision,
        )
        decision = decide(app, detector, outcome.version)
        if decision.promote:
            promote(app, detector, version, by=SERVICE, at=now)
        _log.info(
            "trained %s, precision %s at the budget: it %s%s",
            version, "-" if precision is None else f"{precision:.2f}", decision.why,
            "" if decision.promote else f" (scoreback promote {path} {version})",
            extra=about,
        )  # fmt: skip

    def _check(self, app: App, _path: Path, detector: Detector) -> None:
        about = {"detector": detector.name, "job": "check"}
        for finding in app.connector.check(app.query(detector)):
            level = logging.ERROR if finding.fatal else logging.WARNING
            _log.log(level, "%s. Try: %s", finding.what, finding.fix, extra=about)


def _with_hint(text: str, error: ScorebackError) -> str:
    return f"{text}. Try: {error.hint}" if error.hint else text


def _traced(error: Exception) -> str:
    """A mistake of ours in one line: what it was, and the last places it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"a mistake in Scoreback: {type(error).__name__}: {error} ({places})"
