"""The real data that tests read, which lies beside the project and never in it."""

from pathlib import Path

import pytest

from tests.elasticsearch.node import in_ci

DATA = Path(__file__).parents[2] / "shared" / "data"


def require(folder: Path) -> None:
    """Skip the test where *folder* is missing; in CI, which has it, that is a failure."""
    if not folder.is_dir():
        missing = f"there is no folder {folder.name} in {folder.parent}"
        (pytest.fail if in_ci() else pytest.skip)(missing)
