"""Takes exports back out of the embedded SIEM, unless a detector has read their events."""

from collections.abc import Sequence
from contextlib import ExitStack

from scoreback.connectors.doors.intake import ExportsDoor
from scoreback.connectors.doors.stored import ReadSoFar, Unloaded
from scoreback.errors import ConfigError
from scoreback.service.app import App
from scoreback.service.detectors.behind import selection_of
from scoreback.service.state.batches import Progress
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State

_WAIT = 5.0  # seconds to wait for a scoring run


def exports_door(app: App) -> ExportsDoor:
    """The door through which exports come in and go.

    Raises:
        ConfigError: this SIEM has none.
    """
    if app.connector.exports is None:
        raise ConfigError(
            "only the embedded SIEM can load exports; your SIEM ingests its events itself",
            hint="unset SCOREBACK_CONNECTOR, or choose another --home",
        )
    return app.connector.exports


def unload(app: App, stream: str, exports: Sequence[str]) -> Unloaded:
    """Take the events of *exports* out of *stream*; see `ExportsDoor.unload`.

    No detector can be scored meanwhile, as nobody would learn in time what it reads.

    Raises:
        StateError: a detector is being scored.
    """
    door = exports_door(app)
    with ExitStack() as held:
        for detector in trained(app):
            held.enter_context(app.state.lock(detector, wait=_WAIT))
        return door.unload(stream, exports, lambda: read_so_far(app.state))


def trained(app: App) -> list[str]:
    """Detectors that have versions: what those have learnt stays learnt."""
    return Versions(app.state).detectors()


def read_so_far(state: State) -> list[ReadSoFar]:
    """How far each detector has read its events, batches in doubt included."""
    known: list[Progress] = list(state.progress_of_all())
    for detector in {progress.detector for progress in known}:
        begun = (batch.next_progress for batch in state.open_batches(detector))
        known += [progress for progress in begun if progress is not None]
    return [
        ReadSoFar(
            detector=progress.detector,
            selection=selection_of(progress) or {"stream": "*"},  # unknown: it may be any
            until=progress.watermark,
        )
        for progress in known
    ]
