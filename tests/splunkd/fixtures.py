"""Fixtures: a simulator of its own for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

APP = Path(__file__).parents[2] / "packaging" / "splunk" / "package"


@pytest.fixture
def splunkd() -> Iterator[Simulator]:
    """A simulator as it is after its first start, without apps."""
    with running() as simulator:
        yield simulator


@pytest.fixture
def splunkd_with_app() -> Iterator[Simulator]:
    """A simulator in which our app is installed."""
    with running(Options(apps=(APP,))) as simulator:
        yield simulator
