"""Fixtures: a simulator of its own for one test, over the run's node or without one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.elasticsearch.fixtures import asked
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator


@contextmanager
def over(url: str, **options: object) -> Iterator[Simulator]:
    """A simulator over the node at *url*, whose space ``home`` no other test has.

    The alerts of that space are removed at the end.
    """
    given = {"elasticsearch": url, "space": f"t{uuid.uuid4().hex[:10]}", **options}
    with running(Options(**given)) as simulator:  # type: ignore[arg-type]  # checked by Options
        try:
            yield simulator
        finally:
            for begin in (".internal.alerts", ".internal.preview.alerts"):
                for number in (1, 2):
                    index = f"{begin}-security.alerts-{simulator.home}-{number:06}"
                    asked(url, "DELETE", f"/{index}?ignore_unavailable=true")


@pytest.fixture
def kibana(elasticsearch_url: str) -> Iterator[Simulator]:
    """A simulator of 9.5 over the run's node."""
    with over(elasticsearch_url) as simulator:
        yield simulator


@pytest.fixture
def kibana_alone() -> Iterator[Simulator]:
    """A simulator of 9.5 without a node: what needs none, answers."""
    with running() as simulator:
        yield simulator
