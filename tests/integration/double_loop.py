"""The demo's loop, night by night, over the double of the poorest SIEM; each job a process.

Run as a program: ``double_loop.py HOME train|score [SECONDS]``: does one job at the time that the
double's clock shows, and kills itself SECONDS after it began, wherever it is then.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import AlertQuery
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import TIME, EventBatch, LabelBatch
from scoreback.service.app import App
from scoreback.service.demo.company import Company
from scoreback.service.demo.play import FILES, START
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.contract.double import DoubleConnector

ROOT = Path(__file__).parents[2]
STREAM, FIRST, SECOND, END = "alerts", 25, 28, 30  # days: trainings, and the end
LATER = timedelta(minutes=5)  # after midnight: all of the day has come and can be seen
PAUSE = timedelta(seconds=91)  # what was sent before it can be seen after it


@contextmanager
def opened(home: Path) -> Iterator[tuple[App, DoubleConnector, Detector]]:
    """The workspace, its double, and the demo's detector as it reads from that."""
    settings = Settings(home=home, connector="double", connection="double", threads=1)
    connector = DoubleConnector.open("double", {"path": str(home / "double")})
    detector = load_detector(FILES / "alert_triage.yml")
    detector = detector.model_copy(update={"events": {"double": {"stream": STREAM}}})
    with State.open(settings.state) as state:
        yield App(settings, connector, state, lambda: connector.log.now), connector, detector


def job(home: Path, what: str) -> int:
    """Do one job at the double's time; batches that no reader sees yet."""
    with opened(home) as (app, connector, detector):
        now = connector.log.now
        if what == "train":
            outcome = train_detector(app, detector, as_of=now, now=now)
            promote(app, detector, outcome.version.version, by="test", at=now)
            return 0
        run = score_live(app, detector, now=now)
        assert run is not None
        return run.outcome.waiting + len(app.state.open_batches(detector.name))


class Loop:
    """The loop over one workspace."""

    def __init__(self, home: Path, company: Company, disturb: Callable[[], float | None]) -> None:
        """Play *company*; *disturb* says when to kill the next process, or None: let it be."""
        self.home, self._company, self._disturb = home, company, disturb
        self.kills = 0
        self._days = list(company.days(STREAM))  # type: ignore[arg-type]  # one of its streams
        self._analysts = company.analysts(STREAM)  # type: ignore[arg-type]
        self._verdicts = company.verdicts(STREAM)  # type: ignore[arg-type]

    def play(self) -> None:
        """Learn, live some nights, learn again, live on."""
        for index in range(FIRST):
            self._arrive(index)
        self._train(FIRST)
        for index in range(FIRST, END):
            if index == SECOND:
                self._train(SECOND)
            self._arrive(index)
            self._night(index)

    def _arrive(self, index: int) -> None:
        day = self._days[index]
        with opened(self.home) as (_, connector, _detector):
            connector.log.set_clock(day.since)
            refs = pa.field("event_ref", pa.string(), nullable=False)
            table = day.events.add_column(1, refs, day.events["event_id"]).combine_chunks()
            for batch in table.to_batches():
                connector.intake.add_events(STREAM, EventBatch(batch))
            times = self._verdicts["label_time"]
            since, until = (pa.scalar(t, TIME) for t in (day.since, day.since + timedelta(days=1)))
            given = pc.and_(pc.greater_equal(times, since), pc.less(times, until))
            for batch in self._verdicts.filter(given).combine_chunks().to_batches():
                connector.intake.add_verdicts(LabelBatch(batch))

    def _train(self, index: int) -> None:
        self._set(START + timedelta(days=index))
        self._run("train")

    def _night(self, index: int) -> None:
        tonight = START + timedelta(days=index + 1)
        now = tonight + LATER
        self._set(now)
        while self._run("score"):
            now += PAUSE
            self._set(now)
        self._close_alerts(tonight)

    def _close_alerts(self, tonight: datetime) -> None:
        with opened(self.home) as (_, connector, detector):
            query = AlertQuery(detector=detector.name, still_open=True)
            for alert in list(connector.alerts.find(query)):
                if alert.raised_at >= tonight:
                    closing = self._analysts.verdict_for(alert.event_id, shown_at=tonight)
                    if closing is not None:
                        connector.alerts.close(
                            alert.alert_id,
                            closing.verdict,
                            labeller=closing.labeller,
                            at=closing.label_time,
                        )

    def _set(self, now: datetime) -> None:
        with opened(self.home) as (_, connector, _detector):
            connector.log.set_clock(now)

    def _run(self, what: str) -> int:
        """Do the job until it comes to its end, however often it is killed on the way."""
        while (seconds := self._disturb()) is not None:
            command = [sys.executable, __file__, str(self.home), what, str(seconds)]
            environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
            done = subprocess.run(command, check=False, env=environment)
            if done.returncode == -signal.SIGKILL:
                self.kills += 1
            elif done.returncode:
                raise RuntimeError(f"{what} ended with {done.returncode}")
        return job(self.home, what)


if __name__ == "__main__":
    folder, name, *wait = sys.argv[1:]
    if wait:
        timer = threading.Timer(float(wait[0]), os.kill, [os.getpid(), signal.SIGKILL])
        timer.daemon = True
        timer.start()
    job(Path(folder), name)
