"""The ledger: one SQLite file that lists the valid segments and holds all mutable data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from scoreback.connectors.local.storage.upgrades import upgrade
from scoreback.disk.files import FILE_MODE, unlinked
from scoreback.disk.sqlite import make_private, trouble_of
from scoreback.errors import SiemRefused, SiemUnavailable

SCHEMA_VERSION = 6  # an older ledger is upgraded in place
# a long load lists its segments in well under a second; this allows for slow disks
BUSY_SECONDS = 60

# checked at each opening: tables that do not grow with the scores
_LOOKED_OVER = ("meta", "segments", "rules")
_RESTORE = "restore siem.sqlite and siem.sqlite-wal from the same backup"

tables = sa.MetaData()

meta = sa.Table(
    "meta",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

segments = sa.Table(  # times are microseconds since 1970 throughout this file
    "segments",
    tables,
    sa.Column("segment_id", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, nullable=False, unique=True),  # relative to the SIEM's folder
    sa.Column("kind", sa.Text, nullable=False),  # "events" or "scores"
    sa.Column("stream", sa.Text, nullable=False),  # empty for scores
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("min_event", sa.Integer, nullable=False),
    sa.Column("max_event", sa.Integer, nullable=False),
    sa.Column("min_arrival", sa.Integer, nullable=False),  # for scores: when they were written
    sa.Column("max_arrival", sa.Integer, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),  # fields with at least one value
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    # for scores: the alert rules have seen them
    sa.Column("evaluated", sa.Boolean, nullable=False),
    sa.Column("sources", sa.JSON),  # for events: sha256 of each export → its name
    sa.Index("segments_by_stream", "kind", "stream"),
)

later_values = sa.Table(  # values that later loads gave to stored events, mostly labels
    "later_values",
    tables,
    sa.Column("value_id", sa.Integer, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("known_at", sa.Integer, nullable=False),  # when it was loaded
    sa.Column("source", sa.Text),  # sha256 of the export
    sa.Column("name", sa.Text),  # name of the export
    sa.UniqueConstraint("stream", "event_id", "field", "known_at"),
)

retired = sa.Table(  # files that were merged into others, kept until nobody reads them
    "retired",
    tables,
    sa.Column("path", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

score_ids = sa.Table(
    "score_ids",
    tables,
    sa.Column("score_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

rules = sa.Table(
    "rules",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("rule", sa.JSON, nullable=False),  # set by Scoreback
    sa.Column("enabled", sa.Boolean, nullable=False),  # set by the user
)

alerts = sa.Table(
    "alerts",
    tables,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("entity", sa.Text),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("event_time", sa.Integer, nullable=False),
    sa.Column("raised_at", sa.Integer, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("risk", sa.Float, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("closed_at", sa.Integer),
    sa.Column("labeller", sa.Text),
    sa.Column("tags", sa.JSON),  # null: none
    sa.Column("chance", sa.Float),  # the probability with which its event was shown; null: unknown
    sa.Index("alerts_by_rule", "rule", "event_time"),
    sa.Index("alerts_by_time", "event_time", "alert_id"),
)

alert_events = sa.Table(
    "alert_events",
    tables,
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("score_id", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("event_time", sa.Integer, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Index("alert_events_by_score", "score_id"),
    sqlite_with_rowid=False,
)

verdicts = sa.Table(
    "verdicts",
    tables,
    sa.Column("verdict_id", sa.Integer, primary_key=True),
    sa.Column("verdict_key", sa.Text, nullable=False, unique=True),  # identifies the verdict
    sa.Column("alert_id", sa.Text),  # null: imported
    sa.Column("event_id", sa.Text),
    sa.Column("entity", sa.Text),
    sa.Column("since", sa.Integer),
    sa.Column("until", sa.Integer),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("label_time", sa.Integer, nullable=False),
    sa.Column("labeller", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("propensity", sa.Float),
    sa.Column("rule", sa.Text),
    # A withdrawal: it takes back equal rows with the same or an earlier time.
    sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.text("0")),
    sa.Index("verdicts_by_time", "label_time", "verdict_id"),
    sa.Index("verdicts_by_alert", "alert_id"),
)

overrides = sa.Table(  # of keys of detector files, set in the SIEM
    "overrides",
    tables,
    sa.Column("override_id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("value", sa.Text),  # null: back to the file's value
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Integer, nullable=False),
    sa.UniqueConstraint("detector", "key", "at", "author"),
)

histograms = sa.Table(
    "histograms",
    tables,
    sa.Column("histogram_id", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("edges", sa.JSON),  # null: twenty equal bins
    sa.Index("histograms_by_detector", "detector", "since"),
)

health = sa.Table(
    "health",
    tables,
    sa.Column("health_id", sa.Text, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("at", sa.Integer, nullable=False),
    sa.Column("document", sa.JSON, nullable=False),  # its fields under dotted names
    sa.Index("health_by_detector", "detector", "at"),
)


class Ledger:
    """Transactions on the ledger at *path*; the file is created if it does not exist.

    Each transaction opens its own connection, so that any number of processes can take turns.
    """

    def __init__(self, path: Path) -> None:
        """Open the ledger, or create it.

        Raises:
            SiemRefused: the file is damaged or was written by a newer version.
            SiemUnavailable: the file cannot be written or stays locked.
        """
        self.path = path
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            poolclass=sa.NullPool,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
        )
        sa.event.listen(self._engine, "connect", _set_up)
        self._open()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction with one consistent view of the ledger."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """The only writing transaction; commits all at the end, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(begin)
                try:
                    yield connection
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
        except sa.exc.DBAPIError as error:
            raise self._explained(error) from error

    def check(self) -> str | None:
        """What is wrong with the file as a whole, read from start to end; None if nothing is."""
        try:
            with self.reading() as connection:
                found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        except SiemRefused as error:
            return error.message
        return None if found == "ok" else f"{self.path} is damaged: {found}"

    def _open(self) -> None:
        if self._is_ready():  # takes no lock, so that nobody waits here for a writer that hangs
            return
        try:
            with FileLock(unlinked(self.path.with_name(f"{self.path.name}.lock")),
                          timeout=BUSY_SECONDS, mode=FILE_MODE):  # fmt: skip
                make_private(self.path)
                try:
                    with self._engine.connect() as connection:
                        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                except sa.exc.DBAPIError as error:
                    raise self._explained(error) from error
                with self.writing() as connection:
                    self._make_or_upgrade(connection)
                if not self._is_ready():
                    raise SiemRefused(f"{self.path} is damaged: tables are missing", hint=_RESTORE)
        except Timeout as error:
            raise SiemUnavailable(
                f"{self.path} is being created by another process",
                hint="wait until it has finished, then try again",
            ) from error

    def _make_or_upgrade(self, connection: sa.Connection) -> None:
        schema = meta.c.key == "schema"
        if not _has_table(connection, "meta"):
            tables.create_all(connection)
            connection.execute(meta.insert().values(key="schema", value=str(SCHEMA_VERSION)))
            return
        found = connection.scalar(sa.select(meta.c.value).where(schema)) or ""
        if found.isdecimal() and 0 < int(found) < SCHEMA_VERSION:
            upgrade(connection, int(found))
            connection.execute(meta.update().where(schema).values(value=str(SCHEMA_VERSION)))

    def _is_ready(self) -> bool:
        """Whether the file is a complete ledger of this version; finding out writes nothing.

        Tables that grow with the scores are left to `check`: reading them all would slow each
        opening.

        Raises:
            SiemRefused: the ledger is damaged, or from a newer version.
        """
        if not self.path.exists():
            return False
        with self.reading() as connection:
            if not _has_table(connection, "meta"):
                return False
            for name in _LOOKED_OVER:
                found = connection.exec_driver_sql(f"PRAGMA quick_check({name})").scalar()
                if found != "ok":
                    raise SiemRefused(f"{self.path} is damaged: {found}", hint=_RESTORE)
            found = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema"))
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if found is not None and found.isdecimal() and 0 < int(found) < SCHEMA_VERSION:
            return False
        if found != str(SCHEMA_VERSION):
            raise SiemRefused(
                f"{self.path} has schema {found}; this version of Scoreback reads up to"
                f" {SCHEMA_VERSION}",
                hint="use the version of Scoreback that wrote it, or a newer one",
            )
        return bool(mode == "wal")

    def _explained(self, error: sa.exc.DBAPIError) -> SiemRefused | SiemUnavailable:
        """The error for a database error: damage is permanent, a full disk or a lock is not."""
        trouble = trouble_of(error.orig, self.path)
        if trouble.kind == "locked":
            return SiemUnavailable(
                f"{self.path} was locked by another process for {BUSY_SECONDS} seconds",
                hint="wait until it has finished, then try again",
            )
        if trouble.kind == "damaged":
            return SiemRefused(f"{self.path} is damaged: {trouble.said}", hint=_RESTORE)
        if trouble.kind == "full":
            return SiemUnavailable(
                f"{self.path} cannot be written: {trouble.said}",
                hint="free some space there, then try again; nothing is lost",
            )
        return SiemUnavailable(
            f"{self.path} cannot be read or written: {trouble.said}",
            hint="make the file and its folder writable for this user, check the disk, then try"
            " again",
        )


def _has_table(connection: sa.Connection, name: str) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(connection.exec_driver_sql(query, (name,)).scalar())


def _set_up(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")  # commits survive a power cut
    cursor.close()
