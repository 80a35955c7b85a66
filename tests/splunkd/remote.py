"""A simulator of splunkd in a process of its own."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.simulators.remote import Remote, started

_FREE_PORTS = ("--port", "0", "--hec-port", "0", "--web-port", "0")


@dataclass(frozen=True, kw_only=True)
class RemoteSplunk(Remote):
    """A simulator of splunkd that runs elsewhere."""

    hec_url: str
    web_url: str
    members: tuple[str, ...]

    def add_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Seed events; see ``Simulator.add_events``."""
        self.asked("POST", "events", list(events))

    def run_due(self) -> list[dict[str, Any]]:
        """Run the scheduled searches that are due."""
        return list(self.asked("POST", "run_due", {}))


@contextmanager
def child(*options: str) -> Iterator[RemoteSplunk]:
    """Start ``python -m tests.splunkd`` on free ports with *options*; stop it at the end."""
    with started("tests.splunkd", *_FREE_PORTS, *options) as said:
        yield RemoteSplunk(**{**said, "members": tuple(said["members"])})
