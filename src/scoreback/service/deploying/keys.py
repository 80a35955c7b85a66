"""The keys that a connection should have: what its detectors need, and the files that hold keys."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from scoreback.connectors.doors.keys import Admin, KeyNeeds, KeyRequest, MakesKeys
from scoreback.connectors.registry import load_connector
from scoreback.disk.files import FILE_MODE, private_folder
from scoreback.errors import ConfigError
from scoreback.models.detector.spec import Detector
from scoreback.records import Enrichment
from scoreback.service.connections import Connection, connection_of
from scoreback.service.settings import Settings


def makes_keys(settings: Settings, connector: str) -> tuple[Connection, type[MakesKeys]]:
    """The workspace's connection, and the connector that knows its keys.

    Args:
        settings: settings of the workspace.
        connector: the connector that the connection should use.

    Raises:
        ConfigError: the connection uses another connector, or the connector has no keys.
    """
    connection = connection_of(settings)
    if connection.connector != connector:
        raise ConfigError(
            f"connection {connection.name!r} uses the connector {connection.connector!r},"
            f" not {connector!r}",
            hint="choose another with SCOREBACK_CONNECTION or SCOREBACK_CONNECTION_FILE",
        )
    found: object = load_connector(connector)
    if not (isinstance(found, type) and isinstance(found, MakesKeys)):
        raise ConfigError(
            f"Scoreback cannot create keys for the connector {connector!r}",
            hint="see the documentation for the account that it needs",
        )
    return connection, found  # type: ignore[return-value]  # a class that has the methods


def key_needs(connector: str, detectors: Iterable[Detector]) -> list[KeyNeeds]:
    """What each of *detectors* does in the SIEM of *connector*.

    Raises:
        ConfigError: a detector has no selection for that SIEM.
    """
    needs = []
    for detector in detectors:
        selection = detector.events.get(connector)
        if selection is None:
            raise ConfigError(
                f"detector {detector.name!r} has no selection for the SIEM {connector!r}",
                hint=f"add events.{connector} to its file",
            )
        in_place = Enrichment(detector.write.enrich) is Enrichment.IN_PLACE
        needs.append(KeyNeeds(detector=detector.name, selection=selection, in_place=in_place))
    return needs


def make_keys(
    connection: Connection,
    maker: type[MakesKeys],
    requests: Sequence[KeyRequest],
    admin: Admin,
    folder: Path,
    told: Callable[[KeyRequest, Path], None],
) -> None:
    """Make each key as *admin*, and store it in a file in *folder* that only its owner can read.

    The file is created before the key: a key that could not be stored would be valid all the same.

    Args:
        connection: the connection that the keys are for.
        maker: its connector.
        requests: the keys to make.
        admin: the admin who may make them.
        folder: where the files go; created if need be.
        told: called after each key.

    Raises:
        ConfigError: a file is there already, or cannot be written; no key was made for it.
        SiemUnavailable: the SIEM did not answer; the file is gone again.
        SiemRefused: a key may not be made; those made before it are kept.
    """
    files = {one.purpose: folder / f"{connection.name}-{one.purpose}.key" for one in requests}
    for path in files.values():
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{path} is there already",
                hint="revoke that key if it is not needed and remove the file, or use --out",
            )
    for request in requests:
        path = files[request.purpose]
        _keep(path, lambda wanted=request: maker.make_key(  # type: ignore[misc]
            connection.name, connection.settings, wanted, admin
        ))  # fmt: skip
        told(request, path)


def _keep(path: Path, make: Callable[[], str]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        private_folder(path.parent)
        descriptor = os.open(path, flags, FILE_MODE)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="name another folder with --out"
        ) from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, FILE_MODE)  # whatever the umask took away
        try:
            file.write(make() + "\n")
            file.flush()
            os.fsync(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def as_text(request: KeyRequest) -> Mapping[str, object]:
    """A request as JSON values."""
    return {
        "purpose": request.purpose,
        "about": request.about,
        "method": request.method,
        "path": request.path,
        "body": request.body,
    }
