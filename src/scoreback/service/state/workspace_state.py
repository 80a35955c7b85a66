"""The service's own state: one folder with a database, locks and an outbox.

Scoring each event exactly once rests on two tables. ``progress`` says up to which arrival time
events were read and which window segments are in use; ``batches`` says which writes were begun,
sent or done. `mark_sent` changes both in one transaction, so that after a crash either the batch is
in doubt and the progress is the old one, or the batch is sent and the progress is the new one.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.disk.files import private_folder, sweep
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError
from scoreback.service.state import tables
from scoreback.service.state.batches import (
    PROGRESS,
    SEGMENTS,
    Batch,
    Progress,
    batch_of,
    progress_of,
)
from scoreback.service.state.database import Database
from scoreback.service.state.locks import hold_lock
from scoreback.service.state.pacing_log import PacedStep, note_steps


class State:
    """Everything that the service stores; use it as a context manager."""

    def __init__(self, folder: Path, database: Database) -> None:
        """Wrap an open *database* in *folder*; callers use `open`."""
        self.folder = folder
        self.database = database
        self._held = threading.local()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the state in *folder*; create it if it is not there, migrate it if it is old.

        The folders in it are created after the database: if they are there without it, it was lost.

        Raises:
            StateError: it is gone, damaged, written by a newer version, or cannot be written.
        """
        used = any((folder / name).exists() for name in ("outbox", "windows"))
        database = None
        try:
            private_folder(folder)
            database = Database(folder / "state.sqlite", new=not used)
            for name in ("outbox", "locks"):
                private_folder(folder / name)
        except OSError as error:
            if database is not None:
                database.close()
            raise StateError(
                f"state folder {folder} cannot be made: {reason(error)}",
                hint=f"{remedy(error)}; or name another folder",
            ) from error
        for left in (folder, folder / "refused"):
            sweep(left)
        return cls(folder, database)

    def __enter__(self) -> Self:
        """The state itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Close the database; safe to call twice."""
        self.database.close()

    @property
    def outbox(self) -> Path:
        """The folder of files that are about to be written to the SIEM."""
        return self.folder / "outbox"

    @property
    def windows(self) -> Path:
        """The folder of window state: one folder per detector, one per feature plan in it."""
        return self.folder / "windows"

    @property
    def refused(self) -> Path:
        """The folder of what the SIEM refused; created when there is something."""
        return self.folder / "refused"

    @contextmanager
    def lock(self, detector: str, job: str = "score", *, wait: float = 0) -> Iterator[None]:
        """Hold a *job* of *detector* alone; released when the process ends, however it ends.

        Each kind of job has its own lock, so that scoring does not wait for a training of hours,
        and what an admin does (`CONTROL`) does not wait for a scoring run of hours. A thread that
        holds the lock already goes on.

        Args:
            detector: the detector that nobody else may work on.
            job: the kind of job that nobody else may do.
            wait: seconds to wait for another holder.

        Raises:
            StateError: another process, or another thread, holds it; says which process.
        """
        held: set[str] = self._held.__dict__.setdefault("names", set())
        name = detector if job == "score" else f"{detector}.{job}"
        if name in held:
            yield
            return
        what = _LOCKED.get(job, f"job {job!r} of {{!r}}").format(detector)
        with hold_lock(self.folder / "locks", name, wait=wait, what=what):
            held.add(name)
            try:
                yield
            finally:
                held.discard(name)

    def progress(self, detector: str, plan_hash: str) -> Progress | None:
        """How far *detector* got with that feature plan; None before its first batch."""
        t = tables.progress
        query = sa.select(t).where(t.c.detector == detector, t.c.plan_hash == plan_hash)
        with self.database.reads() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else progress_of(row)

    def progress_of_all(self) -> Sequence[Progress]:
        """How far every detector got with each of its feature plans."""
        t = tables.progress
        query = sa.select(t).order_by(t.c.detector, t.c.plan_hash)
        with self.database.reads() as connection:
            return [progress_of(row) for row in connection.execute(query)]

    def latest_progress(self, detector: str) -> Progress | None:
        """The furthest that *detector* got with any feature plan; of two as far, the later one."""
        t = tables.progress
        query = sa.select(t).where(t.c.detector == detector)
        with self.database.reads() as connection:
            row = connection.execute(
                query.order_by(t.c.watermark.desc(), t.c.turn.desc()).limit(1)
            ).one_or_none()
        return None if row is None else progress_of(row)

    def begin_batch(
        self,
        batch: Batch,
        paced: Sequence[PacedStep] = (),
        first: Callable[[sa.Connection], None] | None = None,
    ) -> None:
        """Record that *batch* will be sent, and which cuts *paced* it; a second call replaces it.

        *first* is called in the same transaction, but only the first time.
        """
        t = tables.batches
        row = {
            "batch_id": batch.batch_id,
            "detector": batch.detector,
            "version": batch.version,
            "since": batch.since,
            "until": batch.until,
            "status": "begun",
            "sent_at": None,
            "outbox": batch.outbox,
            "next_state": PROGRESS.dump_json(batch.next_progress).decode(),
        }
        with self.database.writes() as connection:
            last = connection.execute(sa.select(sa.func.max(t.c.begun))).scalar() or 0
            row["begun"] = last + 1
            begun = sa.select(t.c.batch_id).where(t.c.batch_id == batch.batch_id)
            if first is not None and connection.execute(begun).one_or_none() is None:
                first(connection)
            adding = insert(t).values(row)
            connection.execute(adding.on_conflict_do_update(["batch_id"], set_=row))
            note_steps(connection, batch.batch_id, batch.detector, paced)

    def open_batches(self, detector: str) -> Sequence[Batch]:
        """Batches of *detector* that are not done, in the order in which they were begun."""
        t = tables.batches
        mine = (t.c.detector == detector, t.c.status.in_(("begun", "sent")))
        with self.database.reads() as connection:
            rows = connection.execute(sa.select(t).where(*mine).order_by(t.c.begun)).all()
        return [batch_of(row) for row in rows]

    def last_sent(self, detector: str) -> datetime | None:
        """When a batch of *detector* was last sent; None if no time is known."""
        t = tables.batches
        query = sa.select(t.c.sent_at).where(t.c.detector == detector, t.c.sent_at.is_not(None))
        with self.database.reads() as connection:
            found: datetime | None = connection.execute(
                query.order_by(t.c.sent_at.desc()).limit(1)
            ).scalar()
        return found

    def send_again(self, batch_id: str, at: datetime) -> None:
        """Record that the missing part of a sent batch is about to be sent *at* that time."""
        t = tables.batches
        again = sa.update(t).where(t.c.batch_id == batch_id, t.c.status == "sent")
        with self.database.writes() as connection:
            connection.execute(again.values(sent_at=at))

    def finish_batch(self, batch_id: str) -> None:
        """Record that all of a sent batch is there."""
        t = tables.batches
        done = sa.update(t).where(t.c.batch_id == batch_id, t.c.status == "sent")
        with self.database.writes() as connection:
            connection.execute(done.values(status="done"))

    def mark_sent(
        self, batch_id: str, progress: Progress, *, at: datetime, done: bool = False
    ) -> None:
        """Mark the batch as sent *at* that time and make *progress* current; both or neither.

        Args:
            batch_id: the id of a batch that is begun.
            progress: the progress that follows it.
            at: when it was sent.
            done: whether it is known to be there, too.

        Raises:
            StateError: no such batch is begun; nothing is changed.
        """
        t, p = tables.batches, tables.progress
        sent = (
            sa.update(t)
            .where(t.c.batch_id == batch_id, t.c.status == "begun")
            .where(t.c.detector == progress.detector)
            .values(status="done" if done else "sent", sent_at=at, next_state=None)
        )
        of_detector = sa.select(sa.func.max(p.c.turn)).where(p.c.detector == progress.detector)
        row = {
            "detector": progress.detector,
            "turn": sa.select(
                sa.func.coalesce(of_detector.scalar_subquery(), 0) + 1
            ).scalar_subquery(),
            "plan_hash": progress.plan_hash,
            "watermark": progress.watermark,
            "score_since": progress.score_since,
            "segments": SEGMENTS.dump_json(progress.segments).decode(),
            "pending": progress.pending,
            "owed": progress.owed,
            "selection": progress.selection,
            "events": progress.events,
        }
        adding = insert(p).values(row)
        with self.database.writes() as connection:
            if connection.execute(sent).rowcount != 1:
                raise StateError(
                    f"batch {batch_id} of {progress.detector!r} is not begun",
                    hint="run `scoreback score` again; it resolves what is in doubt",
                )
            connection.execute(adding.on_conflict_do_update(["detector", "plan_hash"], set_=row))


PATIENCE = 60.0  # seconds that a person's command waits for another that changes the same thing
CONTROL = "control"  # the job of changing which version scores, and what is in the SIEM
_LOCKED = {
    "score": "detector {!r}",
    "train": "training of {!r}",
    "gate": "the comparison of versions of {!r}",
    CONTROL: "the versions and rules of {!r}",
}
