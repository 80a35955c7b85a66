"""What a job does when it is due: one run of its detectors, whatever goes wrong in it.

A job opens its own connection, so that a SIEM that does not answer is the trouble of one run and a
changed secret is used from the next run on. Trouble is said once, and that it is over.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scoreback.errors import ScorebackError, SiemUnavailable, TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App, opened
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import LiveRun, behind, score_live_together
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.schedule import JobKind
from scoreback.service.serving.troubles import Troubles
from scoreback.service.settings import Settings
from scoreback.service.state.versions import SERVICE
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop, Stopped
from scoreback.service.training.gate import decide
from scoreback.service.training.train_job import train_detector

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
        self.apart: Callable[[str], None] | None = None  # has a detector scored in a job of its own
        self._running: dict[int, tuple[JobKind, tuple[str, ...]]] = {}  # by thread
        self._ended = threading.Condition()

    def serve(self, served: Mapping[str, Served]) -> None:
        """Jobs that begin from now on are for *served*."""
        self._served = served

    def run(self, kind: JobKind, *names: str) -> None:
        """One run, of several detectors where they are scored; raises nothing."""
        if self._stop.asked:
            return
        thread = threading.get_ident()
        with self._ended:
            mine = tuple(name for name in names if not self._is_left_out(kind, name))
            if not mine:
                return
            self._running[thread] = kind, mine
        try:
            self._tried(kind, [self._served[name] for name in mine])
        finally:
            with self._ended:
                del self._running[thread]
                self._ended.notify_all()

    def wait(self, seconds: float) -> list[tuple[JobKind, str]]:
        """Wait until no job runs, some *seconds* at most; what runs still, kind and detector."""
        with self._ended:
            self._ended.wait_for(lambda: not self._running, timeout=seconds)
            return sorted((kind, name) for kind, names in self._running.values() for name in names)

    def _is_left_out(self, kind: JobKind, name: str) -> bool:
        """Whether a detector is gone, or in a run of that kind already, beside other ones."""
        if name not in self._served:
            return True
        going = any(k == kind and name in names for k, names in self._running.values())
        if going and kind != "check":
            _log.info(
                "the run before is still going on; this one is left out",
                extra=_about(kind, name),
            )
            return True
        return False

    def _tried(self, kind: JobKind, served: Sequence[Served]) -> None:
        names = [one.detector.name for one in served]
        try:
            with opened(self._settings, state=self._state) as app:
                ended = self._done(app, kind, served)
        except Stopped:
            text = "stopped between two steps; nothing is lost"
            _log.info(text, extra=_about(kind, *names))
            return
        except Exception as error:  # noqa: BLE001 - one job's mistake must not end the others
            ended = dict.fromkeys(names, error)
        # What several have in common, a SIEM that does not answer say, is one line for all.
        for trouble in {id(one): one for one in ended.values()}.values():
            of = [name for name, error in ended.items() if error is trouble]
            if trouble is not None:
                self._say(kind, of, trouble)
            elif over := [name for name in of if self._troubles.is_over((name, kind))]:
                _log.info("works again", extra=_about(kind, *over))

    def _done(
        self, app: App, kind: JobKind, served: Sequence[Served]
    ) -> Mapping[str, Exception | None]:
        """Do it; what went wrong, if anything, for each detector that it was done for."""
        if kind == "score":
            return self._score(app, served)
        for one in served:
            (self._train if kind == "train" else self._check)(app, one.path, one.detector)
        return dict.fromkeys(one.detector.name for one in served)

    def _say(self, kind: JobKind, names: Sequence[str], error: Exception) -> None:
        """Log what ended the runs of *names*."""
        trouble, text, level = str(error), str(error), logging.ERROR
        if isinstance(error, SiemUnavailable):
            trouble, level = _UNAVAILABLE, logging.WARNING
            text = f"the SIEM is not available: {error}. It is tried again at the next run"
        elif isinstance(error, TrainingRefused | _NotYet):
            level = logging.WARNING
        elif not isinstance(error, ScorebackError):
            trouble, text = repr(error), _traced(error)
        self._tell(level, kind, names, trouble, _with_hint(text, error))

    def _tell(self, level: int, job: str, names: Sequence[str], trouble: str, text: str) -> None:
        """Log *text* unless the same trouble was the last that this job had for all of *names*.

        That the SIEM does not answer is every job's trouble, and said by the first.
        """
        shared = trouble == _UNAVAILABLE
        news = [self._troubles.is_news((n, job), trouble, text, shared=shared) for n in names]
        _log.log(level if any(news) else logging.DEBUG, "%s", text, extra=_about(job, *names))

    def _score(self, app: App, served: Sequence[Served]) -> Mapping[str, Exception | None]:
        ended: dict[str, Exception | None] = {}
        now = self._clock()
        served = self._in_step(app, served, now)
        runs = score_live_together(
            app, [one.detector for one in served], now=now, progress=self._stop.here,
            wait=LITTLE_PATIENCE,
        )  # fmt: skip
        for one, run in zip(served, runs, strict=True):
            name = one.detector.name
            ended[name] = run.outcome.error
            for warning in run.warnings:
                self._tell(logging.WARNING, "rule", [name], warning, warning)
            if run.outcome.error is not None:
                continue
            if not run.warnings:
                self._troubles.is_over((name, "rule"))
            if run.champion is None:
                hint = f"scoreback train {one.path}, then scoreback promote"
                ended[name] = _NotYet("no version scores yet", hint=hint)
                continue
            _log_run(app, run)
        return ended

    def _in_step(self, app: App, served: Sequence[Served], now: datetime) -> Sequence[Served]:
        """Those that are to be scored here; who is far behind catches up in a job of its own.

        So a detector that has much to read keeps none of the others from being scored.
        """
        if self.apart is None or len(served) == 1:
            return served
        late = behind(app, [one.detector for one in served], now)
        left = [one for one in served if one.detector.name not in late]
        with self._ended:
            self._running[threading.get_ident()] = "score", tuple(one.detector.name for one in left)
        for name in sorted(late):
            self.apart(name)
        return left

    def _train(self, app: App, path: Path, detector: Detector) -> None:
        about = _about("train", detector.name)
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
        about = _about("check", detector.name)
        for finding in app.connector.check(app.query(detector)):
            level = logging.ERROR if finding.fatal else logging.WARNING
            _log.log(level, "%s. Try: %s", finding.what, finding.fix, extra=about)


def _about(job: str, *names: str) -> dict[str, str]:
    return {"detector": ", ".join(names), "job": job}


def _log_run(app: App, run: LiveRun) -> None:
    done = run.outcome
    refused = sum(published.refused for published in done.published)
    _log.log(
        logging.INFO if done.read or done.settled else logging.DEBUG,
        "%s read %d events and scored %d, %d above the threshold%s",
        "-" if run.champion is None else run.champion.version, done.read, done.scored, done.alerts,
        f"; the SIEM refused {refused} scores, kept in {app.state.refused}" if refused else "",
        extra=_about("score", run.detector.name),
    )  # fmt: skip


def _with_hint(text: str, error: Exception) -> str:
    hint = error.hint if isinstance(error, ScorebackError) else ""
    return f"{text}. Try: {hint}" if hint else text


def _traced(error: Exception) -> str:
    """A mistake of ours in one line: what it was, and the last places it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"a mistake in Scoreback: {type(error).__name__}: {error} ({places})"
