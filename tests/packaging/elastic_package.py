"""The integration package as tests look at it: what `make packages` made, and Elastic's check."""

import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol, cast

import pytest

import scoreback
from tests.elasticsearch.node import in_ci

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "packaging" / "elastic"
ARCHIVE = ROOT / "dist" / f"scoreback-elastic-{scoreback.__version__}.zip"
CHECK = ROOT / "build" / "package-check"


class Build(Protocol):
    """What ``packaging/elastic/build.py`` offers."""

    def build(self, folder: Path) -> Path: ...
    def archive(self, package: Path, folder: Path) -> Path: ...


def build() -> Build:
    """The script that builds the package."""
    spec = spec_from_file_location("elastic_package_build", SOURCES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Build", module)


def require(path: Path, how: str) -> None:
    """Skip where *path* was not made; in CI that is a failure."""
    if not path.exists():
        (pytest.fail if in_ci() else pytest.skip)(f"{path.name} is not there: `{how}` makes it")


def checked(package: Path) -> str:
    """What Elastic's package-spec has against *package*; nothing: it is valid."""
    require(CHECK, "make build/package-check")
    done = subprocess.run(
        [str(CHECK), str(package)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stderr.strip()
