"""The jobs of the closed loop, in the order of a story: each can be killed, and done again.

A story is a workspace before each of its jobs. `killed` does one of them in a process of its own
that ends by SIGKILL: after a time, or at the N-th of the moments that count, which are those before
and after each commit to the state or to the embedded SIEM, and each renaming of a file.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.connectors.local.storage.ledger import Ledger
from scoreback.disk.files import Draft, DraftFolder
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow, Verdict, audit_rule_name
from scoreback.service.app import App, opened
from scoreback.service.backtesting.backtest import Wish, backtest
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying.pausing import pause, resume
from scoreback.service.deploying.promotion import promote
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.labels.harvest import harvest
from scoreback.service.recalling.rollback import roll_back, told, undo
from scoreback.service.scoring import cutter
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state import tables
from scoreback.service.state.database import Database
from scoreback.service.state.recalls import CARRIED_OUT, DONE, UNDONE, Recalls
from scoreback.service.state.versions import Versions
from scoreback.service.training.gate import let_in
from scoreback.service.training.train_job import train_detector
from tests.integration.alike import DAY, END, HOUR, START, TRAINED, events, text_of
from tests.integration.embedded import champion_of, siem_of

NAME = "plain"
STEP_ROWS = 200  # several steps a run, so that there is a middle
FLOOD = 7  # verdicts of one person within an hour
MIDDLE = TRAINED + 30 * HOUR  # the first run of scoring ends here
LATER = timedelta(minutes=1)
EVER = TimeWindow(since=START, until=END + DAY)


def _detector(*, upside_down: bool = False) -> Detector:
    text = text_of(NAME).replace("alerts: {", "alerts: {audit: 4/day, ")
    text = text.replace("labels: {", f"labels: {{verdicts: {{join: event}}, flood: {FLOOD}, ")
    text += "gate: {shadow: 1d, min_verdicts: 5, approval: automatic}\n"
    if upside_down:
        text = text.replace("positive: bad, negative: good", "positive: good, negative: bad")
    return parse_detector(text)


DETECTOR = _detector()


@dataclass(frozen=True, slots=True)
class Job:
    """A job that can be done again, what happened in the SIEM before it, and what it came to."""

    name: str
    do: Callable[[App], object]
    before: Callable[[App], object] = lambda _app: None  # never killed


@dataclass(frozen=True, slots=True)
class Told:
    """What the story knows of an undisturbed run of a job."""

    job: Job
    before: Path  # a workspace, to be copied
    after: dict[str, Any]
    moments: int
    seconds: float


def _score(until: datetime) -> Callable[[App], None]:
    def scored(app: App) -> None:
        assert score_live(app, DETECTOR, now=until) is not None

    return scored


def _judged(app: App) -> None:
    """Analysts close what is true and what is not; somebody closes a whole page as false."""
    truth = _truth()
    found = list(siem_of(app).alerts.find(AlertQuery(detector=NAME)))
    for number, one in enumerate(found):
        at = MIDDLE + number * timedelta(minutes=10)
        verdict = Verdict.TRUE_POSITIVE if truth[one.event_id] else Verdict.FALSE_POSITIVE
        person = "dana" if number % 2 else "eli"
        if number <= FLOOD:
            at, person, verdict = MIDDLE, "eve", Verdict.FALSE_POSITIVE
        siem_of(app).alerts.close(one.alert_id, verdict, labeller=person, at=at)


def _truth() -> dict[str, bool]:
    batch = events().batch
    names, outcomes = (batch.column(name).to_pylist() for name in ("event_id", "outcome"))
    return {name: said == "bad" for name, said in zip(names, outcomes, strict=True)}


def _trained(app: App) -> None:
    """Learn a version, which begins as a shadow beside the champion."""
    version = train_detector(app, DETECTOR, as_of=TRAINED, now=TRAINED).version
    let_in(app, DETECTOR, version, at=TRAINED)


def _compared(app: App) -> None:
    """The gate, and what `serve` does beside it: rules that lag behind follow."""
    run_gate(app, DETECTOR, now=END - 20 * HOUR)
    reconcile(app, DETECTOR, at=END - 20 * HOUR)


def _bad_by_hand(app: App) -> None:
    promote(app, DETECTOR, _first(app), by="ann", at=END - 20 * HOUR + LATER)


def _first(app: App) -> str:
    return Versions(app.state).list(NAME)[0].version


def _rolled_back(close: bool, at: datetime) -> Callable[[App], None]:
    def act(app: App) -> None:
        said = app.settings.home / f"said-{at:%H%M}.txt"
        if not said.exists():  # else whoever asked for it has read what it did, and asks no more
            roll_back(app, DETECTOR, by="ann", at=at, close=close)
            said.touch()
            told(app, DETECTOR)

    return act


def _brought_back(app: App) -> None:
    recall = Recalls(app.state).latest(NAME)
    if recall is None or recall.stage != UNDONE:  # else it says so, and nobody calls again
        undo(app, DETECTOR, by="ann", at=END + 2 * LATER)


def _touched(app: App) -> None:
    """An analyst does something with a few of the bad version's alerts before it goes."""
    bad = champion_of(app, DETECTOR).version
    for one in list(siem_of(app).alerts.find(AlertQuery(detector=NAME, version=bad)))[-3:]:
        if one.verdict is None:
            siem_of(app).alerts.close(one.alert_id, Verdict.TRUE_POSITIVE, labeller="dana", at=END)


def _replayed(app: App) -> None:
    wish = Wish(since=TRAINED, until=TRAINED + 2 * DAY)
    found = backtest(app, DETECTOR, wish, now=END)
    file = app.settings.home / "backtest.json"
    file.write_text(json.dumps(found, default=str, sort_keys=True))


JOBS = (
    Job("train, into shadow", _trained),
    Job("score, shadow, audits", _score(MIDDLE)),
    Job("harvest", partial(harvest, detector=DETECTOR, now=MIDDLE + 12 * HOUR), _judged),
    Job("score on", _score(END - 21 * HOUR)),
    Job("gate, promotion", _compared),
    Job("promotion by hand", _bad_by_hand),
    Job("pause", partial(pause, detector=DETECTOR, by="ann", reason="noise", at=END - 12 * HOUR)),
    Job("score, paused", _score(END - 12 * HOUR)),
    Job("resume", partial(resume, detector=DETECTOR, by="ann", reason="", at=END - 11 * HOUR)),
    Job("score, bad version", _score(END)),
    Job("rollback --close", _rolled_back(True, END + LATER), _touched),
    Job("rollback --undo", _brought_back),
    Job("rollback", _rolled_back(False, END + 3 * LATER)),
    Job("backtest", _replayed),
)  # fmt: skip


def story(folder: Path) -> Iterator[Told]:
    """Play the jobs one after the other, undisturbed, in *folder*."""
    home = folder / "home"
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("alerts", events())
        wrong = train_detector(app, _detector(upside_down=True), as_of=TRAINED, now=TRAINED)
        promote(app, DETECTOR, wrong.version.version, by="ann", at=TRAINED)
        reconcile(app, DETECTOR, at=TRAINED)
    for number, job in enumerate(JOBS):
        with opened(Settings(home=home)) as app:
            job.before(app)
        before = folder / f"before-{number}"
        shutil.copytree(home, before)
        seconds, moments = _done(job, home)
        yield Told(job, before, everything(home), moments, seconds)


def everything(home: Path) -> dict[str, Any]:
    """What the SIEM and the state hold, but for times of this machine and numbers of rows."""
    with opened(Settings(home=home)) as app:
        siem = siem_of(app)
        counted: dict[str, list[int]] = {}
        for one in siem.scores.histograms(NAME, EVER):
            for hour, counts in one.counts.items():
                before = counted.get(hour, [0] * len(counts))
                counted[hour] = [a + b for a, b in zip(before, counts, strict=True)]
        query = ScoreQuery(detector=NAME, window=EVER)
        scores = [row for one in siem.scores.read(query) for row in one.batch.to_pylist()]
        rules = {name: siem.rules.current(name) for name in (NAME, audit_rule_name(NAME))}
        found: dict[str, Any] = {
            "scores": [{k: v for k, v in row.items() if k != "scored_at"} for row in scores],
            "alerts": list(siem.alerts.find()),
            "counted": counted,
            "rules": rules,
            "left over": sorted(path.name for path in home.rglob(".*.draft")),
            "outbox": sorted(path.name for path in app.state.outbox.glob("*")),
            "backtest": (home / "backtest.json").read_text()
            if (home / "backtest.json").exists()
            else None,
        }
        with app.state.database.reads() as connection:
            for table in tables.METADATA.sorted_tables:
                if table.name not in _OF_RUNS:
                    found[f"state: {table.name}"] = _rows(connection, table)
            found["state: scored_counts"] = _counts(connection)
            for row in found["state: recalls"]:  # killed after it was read, it is not known as such
                row["stage"] = DONE if row["stage"] == CARRIED_OUT else row["stage"]
    return found


# What tells how work was cut into runs and steps; after a kill that is another cut.
_OF_RUNS = ("runs", "batches", "progress", "paced_steps", "paced_ticks")
_OF_STEPS = ("id", "batch_id")


def _rows(connection: sa.Connection, table: sa.Table) -> list[dict[str, Any]]:
    rows = connection.execute(sa.select(table)).mappings()
    plain = [{k: v for k, v in row.items() if k not in _OF_STEPS} for row in rows]
    return sorted(plain, key=repr)


def _counts(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """Rows in each bin of each version: which hour they are counted for depends on steps."""
    found: dict[tuple[str, str], int] = Counter()
    for row in connection.execute(sa.select(tables.scored_counts)):
        for column, bins in json.loads(row.counts).items():
            for place, count_ in enumerate(bins):
                found[row.version, f"{column} {place}"] += count_
    return found


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What became of a job that was killed, and done again until it came to its end."""

    kills: int
    when: str
    differences: tuple[str, ...]  # from the undisturbed run: names of what `everything` tells


def disturbed(told_: Told, folder: Path, draw: random.Random) -> Disturbed:
    """Kill a job at a random moment, perhaps once more as it is done again, and compare."""
    home = folder / "disturbed"
    shutil.copytree(told_.before, home)
    try:
        kills, whens = 0, list[str]()
        while not kills or (kills == 1 and draw.random() < _TWICE):
            by_clock = draw.random() < 0.5
            seconds = draw.uniform(0, told_.seconds) if by_clock else None
            moment = None if by_clock else draw.randrange(told_.moments)
            if not _killed(told_.job, home, seconds, moment) and kills:
                break  # what was left to do took less
            kills += 1
            whens.append(f"{seconds:.2f} s" if by_clock else f"{moment} of {told_.moments}")
        _done(told_.job, home)
        found = everything(home)
    finally:
        shutil.rmtree(home)
    different = (name for name in told_.after if found[name] != told_.after[name])
    return Disturbed(kills, ", then ".join(whens), tuple(different))


_TWICE = 0.3


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
    with opened(Settings(home=Path(home), threads=1)) as app:
        JOBS[number].do(app)
    tells.send(next(seen))


def _watched(deadly: int | None) -> Iterator[int]:
    """Count the moments; the *deadly* one is the last."""
    seen = count()

    def moment() -> None:
        if next(seen) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    moves: list[tuple[Any, str, Callable[..., Any]]] = [
        (Database, "writes", _around), (Ledger, "writing", _around),
        (Draft, "keep", _beside), (DraftFolder, "keep", _beside),
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
