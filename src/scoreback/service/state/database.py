"""The SQLite file of the service's state: opens, checks and migrates it; words its errors.

A new file gets the current tables at once. The migrations, one by one, would give the same tables,
as a test proves, but take far longer than opening a workspace otherwise does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from scoreback.disk.files import FILE_MODE, unlinked
from scoreback.disk.sqlite import make_private, trouble_of
from scoreback.errors import StateError
from scoreback.service.state import tables

HEAD = "0013"  # the newest migration; known here so that opening needs no alembic
BUSY_SECONDS = 30  # every transaction takes milliseconds; this is for slow disks

_MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = sa.Table(  # as alembic creates it
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_RESTORE = (
    "restore the state folder from a backup; without one, move it away to start over: versions,"
    " progress and the audit log are then lost, but models and what the SIEM has are kept"
)


class Database:
    """Transactions on one SQLite file; safe to share between threads and processes."""

    def __init__(self, path: Path, *, new: bool = True) -> None:
        """Open the file at *path*, create it if it is not there, and bring it up to date.

        Args:
            path: the path of the file.
            new: whether the file may be new; otherwise an empty or missing one is an error.

        Raises:
            StateError: it is gone, damaged, not a state of ours, too new, or cannot be written.
            OSError: it cannot be created.
        """
        self.path = path
        if not new and not path.exists():
            raise self._lost("is gone")
        make_private(path)
        self.engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(self.engine, "connect", _set_up)
        sa.event.listen(self.engine, "begin", _begin)
        try:
            self._prepare(new=new)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self.engine.dispose()

    @contextmanager
    def reads(self) -> Iterator[sa.Connection]:
        """A read-only transaction that sees one state of the file."""
        with self._transaction(self.engine) as connection:
            yield connection

    @contextmanager
    def writes(self) -> Iterator[sa.Connection]:
        """A write transaction that happens as a whole or not at all, and survives a crash."""
        with self._transaction(self.engine.execution_options(writes=True)) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            raise  # a bug of ours: nothing that a person could repair
        except sa.exc.DatabaseError as error:
            raise self._explained(error) from error

    def _lost(self, what: str) -> StateError:
        return StateError(
            f"{self.path} {what}, though {self.path.parent} was in use: versions, progress and the"
            " audit log are lost with it",
            hint="restore state.sqlite and state.sqlite-wal from the same backup; without one, move"
            " the folder away to start over: models and what the SIEM has stay",
        )

    def _prepare(self, *, new: bool) -> None:
        with self.reads() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if found != "ok":
                raise StateError(f"{self.path} is damaged: {found}", hint=_RESTORE)
            revision = self._revision(connection)
            if revision == HEAD:
                return
        if revision is None and not new:
            raise self._lost("is empty")
        path = unlinked(self.path.with_suffix(".migrating"))
        try:
            with FileLock(path, timeout=BUSY_SECONDS, mode=FILE_MODE), self.writes() as connection:
                match self._revision(connection):
                    case None:
                        _make_tables(connection)
                    case found if found != HEAD:  # another process may have been faster
                        _migrate(connection)
        except Timeout as error:
            raise StateError(
                f"{self.path} is being upgraded by another process",
                hint="wait until it is done, then try again",
            ) from error

    def _revision(self, connection: sa.Connection) -> str | None:
        names = set(sa.inspect(connection).get_table_names())
        if not names:
            return None
        if _REVISION.name not in names:
            raise StateError(
                f"{self.path} is not a database of Scoreback", hint="name another folder"
            )
        found = connection.execute(sa.select(_REVISION.c.version_num)).scalar()
        if found is not None and found not in _known_revisions():
            raise StateError(
                f"{self.path} was written by a newer version of Scoreback (revision {found},"
                f" this one knows up to {HEAD})",
                hint="upgrade Scoreback, or restore a backup of the state from before its upgrade",
            )
        return found

    def _explained(self, error: sa.exc.DatabaseError) -> StateError:
        trouble = trouble_of(error.orig, self.path)
        if trouble.kind == "locked":
            return StateError(
                f"another process has locked {self.path} for over {BUSY_SECONDS} s",
                hint="end the process that holds it, then try again; nothing is lost",
            )
        if trouble.kind == "full":
            return StateError(
                f"{self.path} cannot be written: {trouble.said}",
                hint="free some disk space, then try again; nothing is lost, so leave the state"
                " folder as it is",
            )
        if trouble.kind == "denied":
            return StateError(
                f"{self.path} cannot be opened for writing",
                hint="make the file and its folder writable for this user",
            )
        if trouble.kind == "damaged":
            return StateError(f"{self.path} is damaged: {trouble.said}", hint=_RESTORE)
        return StateError(
            f"{self.path} cannot be read or written: {trouble.said}",
            hint="check the disk and the system log, then try again; leave the state folder as it"
            " is, as nothing shows that it is damaged",
        )


def _known_revisions() -> set[str]:
    return {path.stem.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")}


def _make_tables(connection: sa.Connection) -> None:
    tables.METADATA.create_all(connection, checkfirst=False)
    _REVISION.create(connection)
    connection.execute(sa.insert(_REVISION).values(version_num=HEAD))


def _migrate(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_up(dbapi: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own connection
    dbapi.isolation_level = None  # transactions are begun below, so that they include DDL
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        dbapi.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    # A writer takes its turn at once: after reading first, it could no longer get it.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
