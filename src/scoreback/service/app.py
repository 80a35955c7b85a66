"""An open workspace: its settings, its SIEM connection and its state, passed to every job."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from scoreback.connectors.doors import Connector
from scoreback.connectors.registry import load_connector
from scoreback.disk.files import private_folder, sweep
from scoreback.disk.room import reason, remedy
from scoreback.errors import ConfigError
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.naming import own_fields
from scoreback.records import EVENT_COLUMNS, Enrichment, EventQuery
from scoreback.service.connections import Connection, connection_of
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State


@dataclass(frozen=True, slots=True)
class App:
    """What every job works with."""

    settings: Settings
    connector: Connector
    state: State
    clock: Callable[[], datetime] | None = None  # None: the time of the job's run

    def now(self, run: datetime) -> datetime:
        """The current time; without a clock it is *run*, when the job's run began."""
        return run if self.clock is None else self.clock()

    def query(self, detector: Detector) -> EventQuery:
        """The query for *detector*'s events in this SIEM, with every field that training reads.

        Raises:
            ConfigError: the file has no selection for this SIEM.
        """
        kind = self.settings.connector
        if kind not in detector.events:
            raise ConfigError(
                f"detector {detector.name!r} has no selection for the SIEM {kind!r}",
                hint=f"add events.{kind} to its file",
            )
        fields = (*needed_fields(detector), *self.written_fields(detector))
        numbers = number_fields(detector)
        return EventQuery(selection=detector.events[kind], fields=fields, numbers=numbers)

    def scoring_query(self, detector: Detector) -> EventQuery:
        """The same query without label-only fields: events to be scored have no label yet.

        Raises:
            ConfigError: the file has no selection for this SIEM.
        """
        query = self.query(detector)
        read = {*needed_fields(detector, labels=False), *self.written_fields(detector)}
        return replace(query, fields=tuple(name for name in query.fields if name in read))

    def enrichment(self, detector: Detector) -> Enrichment:
        """How *detector* enriches events: as its file says, or not at all if the SIEM cannot."""
        wanted = Enrichment(detector.write.enrich)
        door = self.connector.enrichment
        able = door is not None and wanted in door.kinds
        return wanted if able else Enrichment.NONE

    def written_fields(self, detector: Detector) -> tuple[str, ...]:
        """Our own fields on events, read to compare new scores with what an event has already."""
        if self.enrichment(detector) != Enrichment.IN_PLACE:
            return ()
        return own_fields(detector.name)

    @property
    def settle(self) -> timedelta:
        """How long after its arrival time an event may still turn up in this SIEM."""
        chosen = self.settings.settle
        return self.connector.facts.settle if chosen is None else chosen

    def windows_folder(self, detector: str) -> Path:
        """The folder of a detector's window state, with one folder per feature plan in it."""
        return self.settings.state / "windows" / detector

    def artifact_folder(self, detector: str, version: str) -> Path:
        """The folder of one version's artefact."""
        return self.settings.models / detector / version


@contextmanager
def opened(
    settings: Settings,
    state: State | None = None,
    connection: Connection | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[App]:
    """Open the workspace of *settings*, and close everything at the end.

    Args:
        settings: settings of the workspace.
        state: the workspace's state if it is open already; it then stays open.
        connection: how to reach the SIEM; by default the connection that the settings choose.
        clock: returns the current time; without it, time stands still while a job runs.

    Raises:
        ConfigError: the workspace folder cannot be made, or its connection is misconfigured.
    """
    connection = connection or connection_of(settings)
    settings = settings.model_copy(update={"connector": connection.connector})
    try:
        for folder in (private_folder(settings.home), settings.home / "spill"):
            sweep(folder)
    except OSError as error:
        raise ConfigError(
            f"workspace folder {settings.home} cannot be used: {reason(error)}",
            hint=f"{remedy(error)}; or name another folder with --home or SCOREBACK_HOME",
        ) from error
    with State.open(settings.state) if state is None else nullcontext(state) as state:
        connector = load_connector(connection.connector).open(connection.name, connection.settings)
        with closing(_Closable(connector)):
            yield App(settings, connector, state, clock)


def number_fields(detector: Detector) -> frozenset[str]:
    """The fields of *detector* that are used only as numbers."""
    if detector.group is not None:
        return frozenset()
    return FeaturePlan.of(detector).numbers - _beside_features(detector) - _of_labels(detector)


def needed_fields(detector: Detector, *, labels: bool = True) -> tuple[str, ...]:
    """Every event field that *detector* reads, sorted; for a group, what its units are made of.

    Without *labels*, label-only fields are left out. Columns that every event has are no fields of
    the SIEM, so they are never asked for: ``entity: event_id`` lets each event stand for itself.
    """
    if detector.group is not None:
        fields = set(detector.group.sources)
    else:
        fields = {*FeaturePlan.of(detector).fields, *_beside_features(detector)}
    found = fields | _of_labels(detector) if labels else fields
    return tuple(sorted(found - set(EVENT_COLUMNS.names)))


def _beside_features(detector: Detector) -> set[str]:
    """Fields that are read for purposes other than features and labels."""
    fields = {detector.entity, *detector.write.copy_fields, *detector.split.hold_out}
    if detector.train.today_queue:
        fields.add(detector.train.today_queue)
    return fields


def _of_labels(detector: Detector) -> set[str]:
    found = detector.labels.field
    return {name for name in (found.name, found.time) if name} if found else set()


@dataclass(frozen=True, slots=True)
class _Closable:
    connector: Connector

    def close(self) -> None:
        self.connector.close_connection()
