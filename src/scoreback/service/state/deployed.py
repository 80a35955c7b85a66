"""What stands in a SIEM because of us, as far as we know.

So a thing that was never there is told from one that somebody took away.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State


def is_deployed(state: State, connection: str, kind: str, name: str) -> bool:
    """Whether that thing was put into the SIEM of *connection*, and not taken out by us."""
    with state.database.reads() as reading:
        query = sa.select(
            sa.exists(sa.select(tables.deployed).where(*_key(connection, kind, name)))
        )
        return bool(reading.execute(query).scalar())


def note_deployed(state: State, connection: str, kind: str, name: str, at: datetime) -> None:
    """Write down that it stands there now; again, and nothing changes."""
    row = {"connection": connection, "kind": kind, "name": name, "at": at}
    with state.database.writes() as writing:
        writing.execute(insert(tables.deployed).values(row).on_conflict_do_nothing())


def note_removed(state: State, connection: str, kind: str, name: str) -> None:
    """Write down that we took it out."""
    with state.database.writes() as writing:
        writing.execute(sa.delete(tables.deployed).where(*_key(connection, kind, name)))


def _key(connection: str, kind: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    t = tables.deployed
    return (t.c.connection == connection, t.c.kind == kind, t.c.name == name)
