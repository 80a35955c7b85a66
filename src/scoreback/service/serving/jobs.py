"""Runs a job when it is due: one run for all its detectors, whatever goes wrong in it.

A job opens its own connection, so a SIEM that does not answer affects only one run, and a changed
secret is used from the next run on. Each problem is logged once, and once more when it clears.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scoreback.errors import ScorebackError, SiemUnavailable, TrainingRefused
from scoreback.service.app import App, opened
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds import KINDS
from scoreback.service.serving.kinds.kind import Ended, Kind, NotYet, Work
from scoreback.service.serving.troubles import Troubles
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop, Stopped

_UNAVAILABLE = "unavailable"

_log = logging.getLogger(__name__)


class Jobs:
    """Runs jobs for the detectors that are served; `run` may be called from many threads."""

    def __init__(
        self, settings: Settings, state: State, stop: Stop, clock: Callable[[], datetime]
    ) -> None:
        """Work on the workspace of *settings*, whose *state* is open, until *stop* is asked."""
        self._settings, self._state, self._stop, self._clock = settings, state, stop, clock
        self._served: Mapping[str, Served] = {}
        self._troubles = Troubles()
        self.apart: Callable[[str, str], None] | None = None  # runs a kind for one detector
        self._running: dict[int, tuple[str, tuple[str, ...]]] = {}  # by thread
        self._ended = threading.Condition()

    def serve(self, served: Mapping[str, Served]) -> None:
        """Start jobs for *served* from now on."""
        self._served = dict(served)

    def run(self, kind: str, *names: str) -> None:
        """Run *kind* once for those of the detectors *names* that are served; raises nothing."""
        if self._stop.asked:
            return
        served, thread = self._served, threading.get_ident()  # files may change while it runs
        with self._ended:
            mine = [name for name in names if name in served and not self._is_going(kind, name)]
            if not mine:
                return
            self._running[thread] = kind, tuple(mine)
        try:
            self._tried(KINDS[kind], [served[name] for name in mine])
        finally:
            with self._ended:
                del self._running[thread]
                self._ended.notify_all()

    def wait(self, seconds: float) -> list[tuple[str, str]]:
        """Wait up to *seconds* until no job runs; return kind and detector of what still runs."""
        with self._ended:
            self._ended.wait_for(lambda: not self._running, timeout=seconds)
            return sorted((kind, name) for kind, names in self._running.values() for name in names)

    def _is_going(self, kind: str, name: str) -> bool:
        """Whether a detector is in a run of that kind already, perhaps with others."""
        going = any(k == kind and name in names for k, names in self._running.values())
        if going and KINDS[kind].journalled:
            _log.info("previous run still in progress; skipping this one", extra=_about(kind, name))
        return going

    def _tried(self, kind: Kind, served: Sequence[Served]) -> None:
        names = [one.detector.name for one in served]
        try:
            with opened(self._settings, state=self._state, clock=self._clock) as app:
                ended = kind.run(self._work(app, kind), served)
        except Stopped:
            _log.info("stopped between two steps; nothing is lost", extra=_about(kind.name, *names))
            return
        except Exception as error:  # noqa: BLE001 - one job's mistake must not end the others
            ended = dict.fromkeys(names, error)
        self._say_all(kind, ended)

    def _work(self, app: App, kind: Kind) -> Work:
        def left(names: Sequence[str]) -> None:
            with self._ended:
                self._running[threading.get_ident()] = kind.name, tuple(names)

        def warn(about: str, names: Sequence[str], text: str) -> None:
            key = _apart(kind, about)
            self._tell(logging.WARNING, kind.name, names, text, text, key=key)

        apart = self.apart
        return Work(
            app=app,
            now=self._clock(),
            pause=self._stop.here,
            warn=warn,
            clear=lambda about, name: self._clear(kind.name, [name], key=_apart(kind, about)),
            apart=None if apart is None else lambda name: apart(kind.name, name),
            left=left,
            soon=apart,
        )

    def _say_all(self, kind: Kind, ended: Ended) -> None:
        # An error that several share, such as a SIEM that does not answer, is one line for all.
        for trouble in {id(one): one for one in ended.values()}.values():
            of = [name for name, error in ended.items() if error is trouble]
            if trouble is not None:
                self._say(kind.name, of, trouble)
            else:
                self._clear(kind.name, of)

    def _clear(self, job: str, names: Sequence[str], *, key: str = "") -> None:
        if over := [name for name in names if self._troubles.is_over((name, key or job))]:
            _log.info("works again", extra=_about(job, *over))

    def _say(self, kind: str, names: Sequence[str], error: Exception) -> None:
        """Log what ended the runs of *names*."""
        trouble, text, level = str(error), str(error), logging.ERROR
        if isinstance(error, SiemUnavailable):
            trouble, level = _UNAVAILABLE, logging.WARNING
            text = f"the SIEM is not available: {error}. The next run tries again"
        elif isinstance(error, TrainingRefused | NotYet):
            level = logging.WARNING
        elif not isinstance(error, ScorebackError):
            trouble, text = repr(error), _traced(error)
        self._tell(level, kind, names, trouble, _with_hint(text, error))

    def _tell(
        self,
        level: int,
        job: str,
        names: Sequence[str],
        trouble: str,
        text: str,
        *,
        key: str = "",
    ) -> None:
        """Log *text*, unless the same trouble was this job's last one for all of *names*.

        With a *key*, what a job warns of is kept apart from what ends its runs.

        When the SIEM does not answer, all jobs have that trouble, and only the first one logs it.
        """
        shared = trouble == _UNAVAILABLE
        news = [
            self._troubles.is_news((n, key or job), trouble, text, shared=shared) for n in names
        ]
        _log.log(level if any(news) else logging.DEBUG, "%s", text, extra=_about(job, *names))


def _apart(kind: Kind, about: str) -> str:
    """A key for what a run warned of without failing."""
    return f"{kind.name}/{about}"


def _about(job: str, *names: str) -> dict[str, str]:
    return {"detector": ", ".join(names), "job": job}


def _with_hint(text: str, error: Exception) -> str:
    hint = error.hint if isinstance(error, ScorebackError) else ""
    return f"{text}. Try: {hint}" if hint else text


def _traced(error: Exception) -> str:
    """A bug of ours in one line: what it was, and the last places it came through."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"a bug in Scoreback: {type(error).__name__}: {error} ({places})"
