"""The label ledger: the analysts' verdicts that a SIEM reported, and since when we could know them.

Rows are added and never changed. Each has two times: ``label_time``, when the label came to exist
in the SIEM, and ``known_at``, when we could know of it. Training as of a moment uses the labels
that existed and were known by then, without those withdrawn by then; so it sees the same labels
for ever, whatever is reopened, deleted or reported late in the SIEM afterwards.

For a past that nobody has asked about yet, the SIEM is taken at its word: ``known_at`` is then the
``label_time``. A label with a time that was asked about before was reported late: it counts as
known only from now on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.sqlite import insert

from scoreback.health import HEALTH_RULES
from scoreback.records import LABEL_COLUMNS, TIME, LabelBatch, LabelQuery
from scoreback.service.state import tables
from scoreback.service.state.label_rows import (
    ends_of_alerts,
    label_keys,
    labels_of,
    rows_of,
    withdrawals_of,
)
from scoreback.service.state.workspace_state import State
from scoreback.times import EPOCH, micros

Door = Callable[[LabelQuery], Iterator[LabelBatch]]

# A verdict may be seen later than its time, for example while thousands are closed at once.
OVERLAP = timedelta(hours=1)
READ_ROWS = 20_000  # rows in memory as Python values at a time

_TICK = timedelta(microseconds=1)
# The table with times as the integers that are stored: so columns pass unconverted.
_ROWS = sa.table(
    tables.label_ledger.name,
    *(
        sa.column(c.name, sa.BigInteger() if isinstance(c.type, tables.Moment) else c.type)
        for c in tables.label_ledger.columns
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The result of a look at the SIEM's verdicts, and what the ledger holds since."""

    labels: int  # labels in the ledger
    withdrawals: int  # withdrawals of these labels, in the ledger
    new: int  # labels that this look added
    late: int  # of the new ones, reported after their time had been asked about
    own: int  # our own closings, which were left out


class LabelLedger:
    """The labels of one connection."""

    def __init__(self, state: State, connection: str) -> None:
        """Keep the labels of the SIEM behind *connection* in *state*."""
        self._database, self._connection = state.database, connection

    def sync(self, door: Door, query: LabelQuery, *, as_of: datetime, now: datetime) -> Synced:
        """Add what *door* returns and the ledger lacks; then `labels` can be asked *as_of*.

        The first time, this reads everything that the SIEM has; later, what it has since
        ``query.since``, or since shortly before the last moment asked for, if that is earlier. A
        second call changes nothing.

        Args:
            door: returns the labels of a query, as a connector's ``labels`` does.
            query: what the detector learns from, and the earliest label time that it can use.
            as_of: the moment to ask labels for; if it is after *now*, nothing is promised for it.
            now: the current time.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was added stands.
            SiemRefused: the SIEM refused.
        """
        with self._database.reads() as transaction:
            asked = self._asked(transaction, query.detector)
        since = EPOCH if asked is None else min(query.since, asked - OVERLAP)
        new = late = own = 0
        for batch in door(replace(query, since=since)):
            labels = _of_events(batch.batch.select(LABEL_COLUMNS.names))
            for start in range(0, labels.num_rows, READ_ROWS):
                some = labels.slice(start, READ_ROWS)
                ends = ends_of_alerts(some)
                added = self._add(query.detector, some.filter(pc.invert(ends)), now)
                self._end(query.detector, some.filter(ends), now)
                new, late, own = new + added[0], late + added[1], own + added[2]
        held, withdrawals = self._finish(query.detector, min(as_of, now))
        return Synced(labels=held, withdrawals=withdrawals, new=new, late=late, own=own)

    def labels(self, detector: str, *, since: datetime, as_of: datetime) -> pa.Table:
        """The labels of *detector* with times from *since* on, as training *as_of* sees them.

        `LABEL_COLUMNS`. Labels that came to exist after *as_of* are there, with their times. A
        label that existed by then but was not known has the time when it became known, so that it
        does not exist at any moment up to *as_of*.
        """
        of = _ROWS.c
        moment = micros(as_of)
        seen_at = sa.case((of.known_at > moment, of.known_at), else_=of.label_time)
        columns = [
            seen_at.label("seen_at") if name == "label_time" else of[name]
            for name in LABEL_COLUMNS.names
        ]
        query = (
            sa.select(*columns)
            .where(of.connection == self._connection, of.detector == detector)
            .where(of.label_time >= micros(since))
            .order_by(of.label_time, of.label_key)
        )
        found = [LABEL_COLUMNS.empty_table()]
        with self._database.reads() as transaction:
            result = transaction.execution_options(yield_per=READ_ROWS).execute(query)
            found += [labels_of(list(zip(*rows, strict=True))) for rows in result.partitions()]
        return pa.concat_tables(found)

    def history(self, detector: str, *, since: datetime) -> pa.Table:
        """The labels of *detector* with times from *since* on, and when each became known.

        `LABEL_COLUMNS` and ``known_at``. Labels with a ``known_at`` before a moment were known
        then: training as of that moment sees them with the times that they have.
        """
        of = _ROWS.c
        query = (
            sa.select(*(of[name] for name in LABEL_COLUMNS.names), of.known_at)
            .where(of.connection == self._connection, of.detector == detector)
            .where(of.label_time >= micros(since))
            .order_by(of.label_time, of.label_key)
        )
        empty = LABEL_COLUMNS.empty_table()
        found = [empty.append_column("known_at", empty["label_time"])]
        with self._database.reads() as transaction:
            result = transaction.execution_options(yield_per=READ_ROWS).execute(query)
            for rows in result.partitions():
                *columns, known = zip(*rows, strict=True)
                moments = pa.array(known, pa.int64()).cast(TIME)
                found.append(labels_of(columns).append_column("known_at", moments))
        return pa.concat_tables(found)

    def _asked(self, transaction: sa.Connection, detector: str) -> datetime | None:
        """The latest moment that labels of *detector* were asked for; None: they never were."""
        t = tables.label_syncs
        query = sa.select(t.c.asked).where(
            t.c.connection == self._connection, t.c.detector == detector
        )
        found: datetime | None = transaction.execute(query).scalar()
        return found

    def _add(self, detector: str, labels: pa.RecordBatch, now: datetime) -> tuple[int, int, int]:
        """Add new *labels*; return how many were new, how many of these late, and how many our own.

        The last moment asked for is read in the same transaction: another process may have asked.
        """
        keys = label_keys(self._connection, detector, labels)
        times = labels.column("label_time").cast(pa.int64())
        known = times.to_numpy()
        late = np.zeros(len(known), dtype=bool)
        with self._database.writes() as transaction:
            asked = self._asked(transaction, detector)
            if asked is not None:
                late = known <= micros(asked)
                known = np.where(late, micros(max(now, asked + _TICK)), known)
            own = self._own(transaction, labels)
            there = pc.is_in(keys, value_set=self._keys(transaction, detector, times))
            fresh = _first_of_each(keys) & ~own & ~there.to_numpy(zero_copy_only=False)
            named = {
                "connection": pa.repeat(self._connection, len(keys)),
                "detector": pa.repeat(detector, len(keys)),
                "label_key": keys,
                "known_at": pa.array(known),
            }
            columns = named | dict(zip(labels.schema.names, labels.columns, strict=True))
            rows = rows_of(pa.record_batch(columns).filter(pa.array(fresh)))
            if rows:
                transaction.execute(insert(_ROWS).on_conflict_do_nothing(), rows)
        given = fresh & ~labels.column("withdrawn").to_numpy(zero_copy_only=False)
        return int(given.sum()), int((given & late).sum()), int(own.sum())

    def _end(self, detector: str, ends: pa.RecordBatch, now: datetime) -> None:
        """Withdraw the ledger's labels of alerts whose verdicts the SIEM forgot.

        Labels of such an alert hold no more from the end on; those withdrawn before stay so.
        """
        if not ends.num_rows:
            return
        with self._database.reads() as transaction:
            told = self._of_alerts(transaction, detector, ends.column("alert_id"))
        withdrawals = withdrawals_of(told, ends)
        if withdrawals.num_rows:
            self._add(detector, withdrawals, now)

    def _of_alerts(
        self, transaction: sa.Connection, detector: str, alert_ids: pa.Array
    ) -> pa.Table:
        """The ledger's labels of *alert_ids*, in order of label time."""
        of = _ROWS.c
        query = (
            sa.select(*(of[name] for name in LABEL_COLUMNS.names))
            .where(of.connection == self._connection, of.detector == detector)
            .where(of.alert_id.in_(pc.unique(alert_ids).to_pylist()))
            .order_by(of.label_time, of.label_key)
        )
        rows = transaction.execute(query).all()
        return labels_of(list(zip(*rows, strict=True))) if rows else LABEL_COLUMNS.empty_table()

    def _keys(self, transaction: sa.Connection, detector: str, times: pa.Array) -> pa.Array:
        """Keys of the rows whose label times lie between the first and the last of *times*."""
        of = _ROWS.c
        query = sa.select(of.label_key).where(
            of.connection == self._connection,
            of.detector == detector,
            of.label_time.between(pc.min(times).as_py(), pc.max(times).as_py()),
        )
        return pa.array(transaction.scalars(query).all(), pa.string())

    def _own(self, transaction: sa.Connection, labels: pa.RecordBatch) -> NDArray[np.bool_]:
        """Which of *labels* are closings of our own."""
        own = np.zeros(labels.num_rows, dtype=bool)
        t = tables.own_closures
        query = sa.select(t.c.alert_id, t.c.verdict, t.c.closed_at)
        rows = transaction.execute(query.where(t.c.connection == self._connection)).all()
        ours = {(alert, verdict, closed_at) for alert, verdict, closed_at in rows}
        alerts = pa.array(sorted({alert for alert, _, _ in ours}), pa.string())
        for place in np.flatnonzero(pc.is_in(labels.column("alert_id"), value_set=alerts)):
            alert, verdict, at, withdrawn = (
                labels.column(name)[int(place)].as_py()
                for name in ("alert_id", "verdict", "label_time", "withdrawn")
            )
            own[place] = not withdrawn and (alert, verdict, at) in ours
        return own

    def _finish(self, detector: str, asked: datetime) -> tuple[int, int]:
        """Record the moment that labels are asked for; count the labels and the withdrawals.

        If an alert that we closed is reopened, as when a rollback is undone, the SIEM reports a
        withdrawal, too; it withdraws no verdict, so it is not counted.
        """
        t, of, ours = tables.label_syncs, _ROWS.c, tables.own_closures.c
        own = sa.exists().where(
            ours.connection == of.connection,
            ours.alert_id == of.alert_id,
            ours.verdict == of.verdict,
            sa.type_coerce(ours.closed_at, sa.BigInteger) < of.label_time,
        )
        count = sa.select(
            sa.func.count(),
            sa.func.count().filter(of.withdrawn),
            sa.func.count().filter(of.withdrawn, ~own),
        ).where(of.connection == self._connection, of.detector == detector)
        with self._database.writes() as transaction:
            latest = max(asked, self._asked(transaction, detector) or asked)
            row = {"connection": self._connection, "detector": detector, "asked": latest}
            adding = insert(t).values(row)
            transaction.execute(adding.on_conflict_do_update(["connection", "detector"], set_=row))
            rows, withdrawn, withdrawals = transaction.execute(count).one()
        return rows - withdrawn, withdrawals


def _of_events(labels: pa.RecordBatch) -> pa.RecordBatch:
    """*labels* without verdicts on alerts about detectors: these say nothing about any event."""
    if not labels.num_rows:
        return labels
    of_health = pc.fill_null(pc.starts_with(labels.column("rule"), HEALTH_RULES), False)
    return labels.filter(pc.invert(of_health))


def _first_of_each(keys: pa.Array) -> NDArray[np.bool_]:
    codes = keys.dictionary_encode().indices.to_numpy()
    first = np.zeros(len(codes), dtype=bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return first
