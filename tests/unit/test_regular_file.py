"""Pipes, devices, folders and sockets where a file belongs: refused at once, whoever reads."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.transport import connect
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import ScorebackError
from scoreback.models.artifact.folder import load
from scoreback.models.detector.file import load_detector
from scoreback.regular_file import open_regular, read_regular
from scoreback.service.connections import connection_of
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.settings import Settings

Put = Callable[[Path], Path]


def pipe(path: Path) -> Path:
    os.mkfifo(path, 0o600)
    return path


def folder(path: Path) -> Path:
    path.mkdir(0o700)
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def listening(path: Path) -> Path:
    before = Path.cwd()
    os.chdir(path.parent)  # the whole path may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)
    return path


KINDS: dict[Put, str] = {
    pipe: "named pipe",
    folder: "directory",
    device: "device",
    listening: "socket",
}


@pytest.fixture(params=KINDS, ids=lambda put: put.__name__)
def put(request: pytest.FixtureRequest) -> Put:
    return request.param  # type: ignore[no-any-return]


def artefact(path: Path) -> object:
    path.rename(path.parent / "manifest.json")
    return load(path.parent)


def export(path: Path) -> object:
    siem = LocalConnector.open("test", {"path": str(path.parent / "siem")})
    return load_file(siem.store, path, "s", LoadMapping())


def secret(path: Path) -> object:
    settings = ElasticSettings.of(
        "c", {"hosts": ["https://127.0.0.1:1"], "api_key_file": str(path)}
    )
    return settings.secret("api_key")


def certificates(path: Path) -> object:
    return connect(
        ElasticSettings.of("c", {"hosts": ["https://127.0.0.1:1"], "ca_file": str(path)})
    )


def connection(path: Path) -> object:
    return connection_of(Settings(home=path.parent, connection_file=path))


READERS: dict[Callable[[Path], object], str] = {
    export: "a.csv", load_detector: "a.yml", incident_labels: "a.csv", connection: "a.yml",
    secret: "key", certificates: "ca.pem", artefact: "a",
}  # fmt: skip


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_no_reader_waits_for_what_is_no_file(
    read: Callable[[Path], object], put: Put, tmp_path: Path
) -> None:
    path = put(tmp_path / READERS[read])
    with pytest.raises(ScorebackError, match=f"{KINDS[put]}|is a link") as refused:
        read(path)
    assert refused.value.hint


@pytest.mark.parametrize("ending", ["ndjson", "parquet", "tsv.gz"])
def test_no_format_of_an_export_waits_for_what_is_no_file(
    ending: str, put: Put, tmp_path: Path
) -> None:
    with pytest.raises(ScorebackError, match=KINDS[put]):
        export(put(tmp_path / f"a.{ending}"))


def test_files_and_links_to_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    (tmp_path / "b").symlink_to(path)
    assert read_regular(tmp_path / "b") == b"abc"
    assert read_regular(path, 2) == b"ab"


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_refusal_leaves_nothing_open(tmp_path: Path, put: Put) -> None:
    path, before = put(tmp_path / "a"), descriptors()
    with pytest.raises(OSError, match="it is"):
        open_regular(path)
    assert descriptors() == before
