"""Jobs of the closed loop, each in a process of its own that ends by SIGKILL, and done again.

A kill comes after a time, or at the N-th of the moments that count: those before and after each
commit to the state or to the embedded SIEM, each renaming of a file, and each request by which
Elasticsearch is changed.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.local.storage.ledger import Ledger
from scoreback.disk.files import Draft, DraftFolder
from scoreback.service.app import opened
from scoreback.service.scoring import cutter
from scoreback.service.state.database import Database
from tests.integration.alike import events
from tests.integration.closed_loop_held import everything
from tests.integration.closed_loop_jobs import JOBS, Job, begin, detector_of, settings_of

STEP_ROWS = 200  # several steps a run, so that there is a middle
_TWICE = 0.3  # how often a job is killed again as it is done again
Held = Callable[[Path], dict[str, Any]]  # all that a workspace and its SIEM hold
_READS = ("_search", "_mget", "_refresh", "_pit", "_field_caps")  # requests that change nothing


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an undisturbed run of a job."""

    job: Job
    after: dict[str, Any]
    moments: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What became of a job that was killed, and done again until it came to its end."""

    kills: int
    when: str
    differences: tuple[str, ...]  # from the undisturbed run: names of what `everything` tells


def embedded(home: Path) -> Path:
    """A workspace on the embedded SIEM in *home*, at the beginning of the story."""
    with opened(settings_of(home)) as app:
        assert app.connector.intake is not None
        app.connector.intake.add_events("alerts", events())
        begin(app, app.connector.intake.selection("alerts"))
    return home


def story(
    home: Path, keep: Callable[[int], object] = lambda _number: None, held: Held = everything
) -> Iterator[Told]:
    """Do the jobs one after the other, undisturbed, in *home*; *keep* is called before each."""
    for number, job in enumerate(JOBS):
        prepare(job, home)
        keep(number)
        seconds, moments = _done(job, home)
        yield Told(job, held(home), moments, seconds)


def prepare(job: Job, home: Path) -> None:
    """Let happen in *home* what happens before *job*."""
    with opened(settings_of(home)) as app:
        job.before(app, detector_of(home))


class Copies:
    """Workspaces on the embedded SIEM: one before each job, which is copied and disturbed."""

    def __init__(self, folder: Path) -> None:
        """Play the story undisturbed in *folder*."""
        self._folder, home = folder, embedded(folder / "home")
        self.told = list(story(home, lambda number: shutil.copytree(home, self._before(number))))

    def disturbed(self, number: int, draw: random.Random) -> Disturbed:
        """Disturb a job of the story, in a copy of the workspace before it."""
        home = self._folder / "disturbed"
        shutil.copytree(self._before(number), home)
        try:
            return disturbed(self.told[number], home, draw)
        finally:
            shutil.rmtree(home)

    def _before(self, number: int) -> Path:
        return self._folder / f"before-{number}"


def disturbed(told: Told, home: Path, draw: random.Random, held: Held = everything) -> Disturbed:
    """Kill a job at a random moment, perhaps once more as it is done again, and compare."""
    kills, whens = 0, list[str]()
    while not kills or (kills == 1 and not told.job.once and draw.random() < _TWICE):
        by_clock = draw.random() < 0.5
        seconds = draw.uniform(0, told.seconds) if by_clock else None
        moment = None if by_clock else draw.randrange(told.moments)
        if not _killed(told.job, home, seconds, moment) and kills:
            break  # what was left to do took less
        kills += 1
        whens.append(f"{seconds:.2f} s" if by_clock else f"{moment} of {told.moments}")
    _done(told.job, home)
    found = held(home)
    different = (name for name in told.after if found[name] != told.after[name])
    return Disturbed(kills, ", then ".join(whens), tuple(different))


def _killed(job: Job, home: Path, seconds: float | None, moment: int | None) -> bool:
    """Do *job* over *home* and kill it; False where it came to its end before."""
    process, _ = _begun(job, home, moment)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{job.name} ended with {process.exitcode}")
    return bool(process.exitcode)


def _done(job: Job, home: Path) -> tuple[float, int]:
    process, answers = _begun(job, home, None)
    began = time.monotonic()
    with suppress(EOFError):
        moments = int(answers.recv())
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{job.name} ended with {process.exitcode}")
    return time.monotonic() - began, moments


_MAKER = multiprocessing.get_context("forkserver")
_MAKER.set_forkserver_preload([__name__])


def _begun(job: Job, home: Path, moment: int | None) -> tuple[Any, Connection]:
    """The process, once it begins with the job; it tells how many moments there were."""
    answers, tells = _MAKER.Pipe(duplex=False)
    number = JOBS.index(job)
    process = _MAKER.Process(target=_work, args=(number, str(home), moment, tells))
    process.start()
    tells.close()
    answers.recv()
    return process, answers


def _work(number: int, home: str, moment: int | None, tells: Connection) -> None:
    cutter.STEP_ROWS = STEP_ROWS
    seen = _watched(moment)
    tells.send(0)
    with opened(settings_of(Path(home))) as app:
        JOBS[number].do(app, detector_of(Path(home)))
    tells.send(next(seen))


def _watched(deadly: int | None) -> Iterator[int]:
    """Count the moments; the *deadly* one is the last."""
    seen = count()

    def moment() -> None:
        if next(seen) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    moves: list[tuple[Any, str, Callable[..., Any]]] = [
        (Database, "writes", _around), (Ledger, "writing", _around),
        (Draft, "keep", _beside), (DraftFolder, "keep", _beside), (Client, "send", _requested),
    ]  # fmt: skip
    for owner, name, watched in moves:
        setattr(owner, name, watched(getattr(owner, name), moment))
    return seen


def _around(real: Callable[..., Any], moment: Callable[[], None]) -> Callable[..., Any]:
    @contextmanager
    def transaction(own: object) -> Iterator[Any]:
        with real(own) as connection:
            yield connection
            moment()
        moment()

    return transaction


def _beside(real: Callable[..., Any], moment: Callable[[], None]) -> Callable[..., Any]:
    def keep(own: object, target: Path) -> None:
        moment()
        real(own, target)
        moment()

    return keep


def _requested(real: Callable[..., Any], moment: Callable[[], None]) -> Callable[..., Any]:
    def send(own: object, method: str, path: str, *rest: object, **named: object) -> Any:  # noqa: ANN401
        changes = method != "GET" and not path.endswith(_READS)
        if changes:
            moment()
        answer = real(own, method, path, *rest, **named)
        if changes:
            moment()
        return answer

    return send
