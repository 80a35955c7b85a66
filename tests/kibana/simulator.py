"""One simulator: spaces, accounts, a clock, switches, and the node behind it all."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Any, TypeVar, cast

from tests.kibana.accounts import Accounts
from tests.kibana.clock import Clock
from tests.kibana.cluster import Cluster
from tests.kibana.faults import KINDS
from tests.kibana.versions import NEWEST, VERSIONS, Version
from tests.simulators.faults import Faults

LICENSES = ("basic", "platinum")
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How a simulator is set up."""

    elasticsearch: str | None = None
    """The address of the node; without it, what needs one answers 503."""
    version: str = NEWEST
    """A line of ``versions.VERSIONS``."""
    license: str = "basic"
    """``platinum`` has alert suppression."""
    schedules: bool = False
    """Whether rules run by themselves, by the clock; else when told to."""
    space: str = "default"
    """Made at the start: a test that shares a node with others has alerts of its own there."""
    now: float | None = None
    """Where the clock stands; None: it is the machine's."""

    def __post_init__(self) -> None:
        """Refuse what is not simulated."""
        if self.version not in VERSIONS:
            raise ValueError(f"version {self.version!r} is not one of {', '.join(VERSIONS)}")
        if self.license not in LICENSES:
            raise ValueError(f"license {self.license!r} is not one of {', '.join(LICENSES)}")


class Simulator:
    """Everything that is simulated; ``serving`` puts it on a port."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.clock = Clock(self.options.now)
        self.faults = Faults(KINDS)
        self.accounts = Accounts()
        self.cluster = Cluster(self.options.elasticsearch, self.faults)
        self.lock = RLock()
        """Held while a handler changes what is in memory."""
        self.spaces: dict[str, dict[str, Any]] = {
            "default": {
                "id": "default",
                "name": "Default",
                "description": "This is your default space!",
                "disabledFeatures": [],
                "_reserved": True,
            }
        }
        self.home = self.options.space
        self.spaces.setdefault(
            self.home, {"id": self.home, "name": self.home, "disabledFeatures": []}
        )
        self.stripped: list[tuple[str, str]] = []
        """Path and name of each body field that was left out without a word, as Kibana does."""
        self.running = Lock()
        """Held while a rule runs."""
        self.actions: list[dict[str, Any]] = []
        """What rules would have sent: ``rule_id``, ``action``, ``alerts``, ``at``."""
        self.url = ""
        self._kept: dict[tuple[Callable[[], Any], str], Any] = {}

    @property
    def version(self) -> Version:
        """What the simulated version does differently."""
        return VERSIONS[self.options.version]

    @property
    def platinum(self) -> bool:
        """Whether the licence has what only Platinum has."""
        return self.options.license == "platinum"

    def kept(self, kind: Callable[[], T], space: str = "default") -> T:
        """The store of this kind in a space: ``kept(Cases, "default")``, made at first use."""
        with self.lock:
            found = self._kept.get((kind, space))
            if found is None:
                found = self._kept[kind, space] = kind()
            return cast("T", found)

    def spaces_with(self, kind: Callable[[], Any]) -> list[str]:
        """The spaces in which there is a store of this kind."""
        with self.lock:
            return [space for made, space in self._kept if made is kind]

    def forget(self, space: str) -> None:
        """Remove a space with what is kept in it."""
        with self.lock:
            self.spaces.pop(space, None)
            for key in [key for key in self._kept if key[1] == space]:
                del self._kept[key]
