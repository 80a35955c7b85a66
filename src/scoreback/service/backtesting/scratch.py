"""A throw-away workspace over the same SIEM: the only one that a backtest writes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa

from scoreback.disk.files import draft_folder, private_folder
from scoreback.service.app import App
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State

# The tables that say which labels were known when: ledger, decisions on it, trainings so far.
_COPIED = (
    tables.label_ledger, tables.label_syncs, tables.own_closures, tables.quarantine_decisions,
    tables.versions,
)  # fmt: skip
_ROWS = 10_000  # copied at a time


@contextmanager
def scratch_workspace(app: App) -> Iterator[App]:
    """*app* with a temporary state of its own, which starts with a copy of the label ledger.

    So the backtest can bring the ledger up to date from the SIEM, as training does, and the real
    ledger stays as it is. The files of a killed backtest are deleted when the workspace is next
    opened.
    """
    with (
        draft_folder(private_folder(app.settings.home / "spill")) as scratch,
        State.open(scratch.path / "state") as state,
    ):
        _copy(app.state, state, app.connector.name)
        settings = app.settings.model_copy(update={"home": scratch.path})
        yield replace(app, settings=settings, state=state)


def _copy(source: State, target: State, connection: str) -> None:
    with source.database.reads() as reading, target.database.writes() as writing:
        for table in _COPIED:
            wanted = sa.select(table)
            if "connection" in table.c:
                wanted = wanted.where(table.c.connection == connection)
            found = reading.execution_options(yield_per=_ROWS).execute(wanted)
            for rows in found.mappings().partitions():
                writing.execute(sa.insert(table), [dict(row) for row in rows])
