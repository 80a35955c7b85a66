"""What Scoreback has put into a SIEM, as far as it knows.

This tells a thing that was never there from one that somebody removed.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State


def is_deployed(state: State, connection: str, kind: str, name: str) -> bool:
    """Whether we put that thing into the SIEM of *connection*, and did not remove it."""
    with state.database.reads() as reading:
        query = sa.select(
            sa.exists(sa.select(tables.deployed).where(*_key(connection, kind, name)))
        )
        return bool(reading.execute(query).scalar())


def note_deployed(state: State, connection: str, kind: str, name: str, at: datetime) -> None:
    """Record that it is there now; a second call changes nothing."""
    row = {"connection": connection, "kind": kind, "name": name, "at": at}
    with state.database.writes() as writing:
        writing.execute(insert(tables.deployed).values(row).on_conflict_do_nothing())


def note_removed(state: State, connection: str, kind: str, name: str) -> None:
    """Record that we removed it."""
    with state.database.writes() as writing:
        writing.execute(sa.delete(tables.deployed).where(*_key(connection, kind, name)))


def _key(connection: str, kind: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    t = tables.deployed
    return (t.c.connection == connection, t.c.kind == kind, t.c.name == name)
