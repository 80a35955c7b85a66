"""A simulator of Kibana in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.simulators.remote import Remote, started


@dataclass(frozen=True, kw_only=True)
class RemoteKibana(Remote):
    """A simulator of Kibana that runs elsewhere."""

    def run_due(self) -> list[dict[str, Any]]:
        """Run the rules that are due."""
        return list(self.asked("POST", "run", {}))

    def run_until(self, moment: float) -> list[dict[str, Any]]:
        """Move its clock to *moment*, and run each rule on the way."""
        return list(self.asked("POST", "run", {"until": moment}))

    def key(self, *features: str, spaces: tuple[str, ...] = ("*",)) -> str:
        """A new API key with these features, as it goes into the header."""
        given = {"features": features, "spaces": spaces}
        return str(self.asked("POST", "api_keys", given)["encoded"])


@contextmanager
def child(*options: str) -> Iterator[RemoteKibana]:
    """Start ``python -m tests.kibana`` on a free port with *options*; stop it at the end."""
    with started("tests.kibana", "--port", "0", *options) as said:
        yield RemoteKibana(**said)
