"""Overrides of a file's keys: people set and remove them; all are dated and kept for ever."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.connectors.doors.settings import Override
from scoreback.service.state import tables
from scoreback.service.state.audit import AuditEntry, record
from scoreback.service.state.workspace_state import State
from scoreback.times import MICROSECOND

OWN = ""  # the source of overrides that Scoreback's own commands set


class Overrides:
    """The overrides in one state."""

    def __init__(self, state: State) -> None:
        """Work on *state*, which stays the caller's to close."""
        self._database = state.database

    def add(self, override: Override, *, source: str = OWN) -> bool:
        """Add *override* as the latest of its key, and add it to the audit log.

        Args:
            override: what changes.
            source: the connection whose settings pages it was made in.

        Returns:
            Whether it is new: adding the same one again changes nothing.
        """
        t = tables.overrides
        row = {
            "detector": override.detector,
            "key": override.key,
            "value": override.value,
            "author": override.author,
            "reason": override.reason,
            "at": override.at,
            "source": source,
        }
        with self._database.writes() as connection:
            before = _latest(connection, override.detector).get(override.key)
            if connection.execute(insert(t).values(row).on_conflict_do_nothing()).rowcount != 1:
                return False
            action = "remove override" if override.value is None else "override"
            detail = {
                "key": override.key,
                "value": override.value,
                "before": None if before is None else before.value,
                "reason": override.reason,
                "source": source,
            }
            record(
                connection,
                AuditEntry(
                    at=override.at, actor=override.author, action=action,
                    detector=override.detector, detail=detail,
                ),
            )  # fmt: skip
        return True

    def knows(self, override: Override) -> bool:
        """Whether *override* is known already, from whatever source."""
        t = tables.overrides
        same = (
            t.c.detector == override.detector,
            t.c.key == override.key,
            t.c.at == override.at,
            t.c.author == override.author,
            t.c.value.is_not_distinct_from(override.value),
        )
        with self._database.reads() as connection:
            return bool(
                connection.execute(sa.select(sa.exists(sa.select(t).where(*same)))).scalar()
            )

    def next_time(self, detector: str, key: str, now: datetime) -> datetime:
        """The time of a change made *now*: after all known ones, whatever their clocks said."""
        with self._database.reads() as connection:
            known = _latest(connection, detector).get(key)
        return now if known is None else max(now, known.at + MICROSECOND)

    def latest(self) -> dict[tuple[str, str], Override]:
        """The latest override of each detector's key, removals included."""
        found = {}
        with self._database.reads() as connection:
            names = connection.scalars(sa.select(tables.overrides.c.detector).distinct()).all()
            for name in sorted(names):
                for key, one in _latest(connection, name).items():
                    found[name, key] = one
        return found

    def current(self, detector: str) -> tuple[Override, ...]:
        """The overrides of *detector* in force, by key: the latest of each key, unless removed."""
        with self._database.reads() as connection:
            latest = _latest(connection, detector)
        return tuple(one for _, one in sorted(latest.items()) if one.value is not None)

    def detectors(self) -> Sequence[str]:
        """Names of the detectors that have, or once had, an override."""
        t = tables.overrides
        with self._database.reads() as connection:
            return list(
                connection.scalars(sa.select(t.c.detector).distinct().order_by(t.c.detector))
            )

    def latest_of(self, source: str) -> datetime | None:
        """When the latest override of *source* was made."""
        t = tables.overrides
        with self._database.reads() as connection:
            found: datetime | None = connection.scalar(
                sa.select(sa.func.max(t.c.at, type_=tables.Moment)).where(t.c.source == source)
            )
        return found


def _latest(connection: sa.Connection, detector: str) -> dict[str, Override]:
    """The latest override of each key; of two at the same moment, the one that reached us last."""
    t = tables.overrides
    query = sa.select(t).where(t.c.detector == detector).order_by(t.c.at, t.c.id)
    return {
        row.key: Override(
            detector=row.detector, key=row.key, value=row.value, author=row.author, at=row.at,
            reason=row.reason,
        )
        for row in connection.execute(query)
    }  # fmt: skip
