"""What is published holds what it needs, and works where only it is installed."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

import scoreback

ROOT = Path(__file__).parents[2]
_NOT_SOURCES = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", ".scoreback", "__pycache__", "*.egg-info",
    "build", "dist",
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """What a maintainer would publish."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@dataclass(frozen=True)
class Installed:
    """The wheel in a folder of its own; its dependencies are those of the test environment."""

    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    @property
    def script(self) -> str:
        return str(self.folder / "bin" / "scoreback")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    sources = folder / "sources"
    # A copy: a build leaves files behind that the next one would pick up.
    shutil.copytree(ROOT, sources, symlinks=True, ignore=_NOT_SOURCES)
    sdist = _build("sdist", sources, folder / "sdist")
    wheel = _build("wheel", sources, folder / "wheel")
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return Built(wheel, sdist, _build("wheel", unpacked, folder / "again"))


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"]
    _ran([*pip, "--disable-pip-version-check", "--target", folder, built.wheel], folder)
    return Installed(folder)


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(built: Built) -> None:
    package = ROOT / "src"
    sources = {
        str(path.relative_to(package))
        for path in (package / "scoreback").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in _names(built.wheel) if ".dist-info/" not in name}
    assert held == sources


def test_the_wheel_has_what_is_no_module(built: Built) -> None:
    held = _names(built.wheel)
    demo = "scoreback/service/demo/detectors"
    for name in ("alert_triage.yml", "endpoint_threats.yml", "exploited_next.yml"):
        assert f"{demo}/{name}" in held
    assert f"{demo}/detector.schema.json" in held
    assert "scoreback/py.typed" in held
    assert "scoreback/service/state/migrations/script.py.mako" in held
    assert any(name.startswith("scoreback/service/state/migrations/versions/0001") for name in held)


def test_the_wheel_says_its_name_version_and_licence(built: Built) -> None:
    metadata = _metadata(built.wheel)
    assert metadata["Name"] == "scoreback"
    assert metadata["Version"] == scoreback.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    licence = next(n for n in _names(built.wheel) if n.endswith("/licenses/LICENSE"))
    with ZipFile(built.wheel) as wheel:
        assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_shows_the_readme(built: Built) -> None:
    metadata = _metadata(built.wheel)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# Scoreback")


def test_the_sdist_has_tests_papers_and_examples_as_real_files(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        held = {name.partition("/")[2]: archive.getmember(name) for name in archive.getnames()}
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile",
                 "requirements-dev.lock", "mkdocs.yml", "docs/tutorial.md",
                 "examples/detectors/alert_triage.yml",
                 "tests/packaging/test_distributions.py"):  # fmt: skip
        assert held[name].isfile(), name
    assert not any(name.endswith((".pyc", "__pycache__")) for name in held)


def test_a_wheel_of_the_sdist_is_the_same(built: Built) -> None:
    assert _contents(built.wheel_of_sdist) == _contents(built.wheel)


def test_the_installed_command_says_its_version(installed: Installed) -> None:
    done = installed.run(installed.script, "--version")
    assert done.stdout == f"scoreback {scoreback.__version__}\n", done.stderr


def test_the_installed_package_is_the_one_that_runs(installed: Installed) -> None:
    done = installed.run(sys.executable, "-c", "import scoreback; print(scoreback.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed.folder)


def test_the_installed_command_validates_the_shipped_detectors(installed: Installed) -> None:
    shipped = sorted((installed.folder / "scoreback/service/demo/detectors").glob("*.yml"))
    assert len(shipped) == 3
    done = installed.run(installed.script, "validate", *map(str, shipped))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is valid") == 3


def test_the_installed_command_makes_a_workspace(installed: Installed) -> None:
    (installed.folder / "events.csv").write_text("time,host\n2026-01-01T00:00:00Z,a\n")
    load = ["load", "events.csv", "--stream", "few", "--time", "time", "--home", "workspace"]
    done = installed.run(installed.script, *load)
    assert done.returncode == 0, done.stderr
    assert (installed.folder / "workspace/state/state.sqlite").is_file()  # migrations are there


def test_the_installed_package_announces_its_connectors(installed: Installed) -> None:
    code = "from scoreback.connectors import registry as r; print(*r.connector_names())"
    announced = installed.run(sys.executable, "-c", code).stdout.split()
    assert announced == _announced("scoreback.connectors")


def test_the_installed_package_announces_its_translators_of_sigma_rules(
    installed: Installed,
) -> None:
    code = "from scoreback.connectors import registry as r; print(*r.sigma_translators())"
    announced = installed.run(sys.executable, "-c", code).stdout.split()
    assert announced == _announced("scoreback.sigma")


def _announced(group: str) -> list[str]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"][group].split("\n")
    return sorted(line.partition(" = ")[0] for line in lines if line)


def _build(what: str, sources: Path, to: Path) -> Path:
    to.mkdir()
    call = f"from setuptools import build_meta; build_meta.build_{what}({str(to)!r})"
    _ran([sys.executable, "-c", call], sources)
    (made,) = to.iterdir()
    return made


def _ran(command: Sequence[str | Path], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def _contents(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist())}


def _metadata(wheel: Path) -> Message:
    name = next(n for n in _names(wheel) if n.endswith(".dist-info/METADATA"))
    with ZipFile(wheel) as archive:
        return email.message_from_string(archive.read(name).decode())
