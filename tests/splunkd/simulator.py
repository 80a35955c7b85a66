"""One simulator: search heads over one store, and what tests may do to it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulators.faults import Faults
from tests.splunkd import enterprise_security
from tests.splunkd.accounts import User
from tests.splunkd.clock import Clock
from tests.splunkd.cluster import Cluster
from tests.splunkd.faults import KINDS
from tests.splunkd.hec import Hec, Token
from tests.splunkd.instance import VERSION, Index, Instance
from tests.splunkd.scheduling.scheduler import Run, Scheduler
from tests.splunkd.store import Event, EventStore

HEC_TOKEN = "5c0eb4c0-0000-4000-8000-000000000001"  # noqa: S105
ACK_TOKEN = "5c0eb4c0-0000-4000-8000-000000000002"  # noqa: S105
_INDEXES = ("main", "scoreback", "summary", "_internal", "_audit")


@dataclass(frozen=True)
class Options:
    """How a simulator is set up."""

    apps: tuple[Path, ...] = ()
    version: str = VERSION
    event_delay: float = 0.0
    enterprise_security: bool = False
    search_head_cluster: bool = False
    """Three search heads instead of one."""
    replication_delay: float = 5.0
    """Seconds until a change of one search head is known to the others."""
    schedules: bool = False
    """Whether scheduled searches run by themselves, by the clock; else when told to."""
    now: float | None = None
    """Where the clock stands; None: it is the machine's."""


class Simulator:
    """Everything that is simulated; ``serving`` puts it on ports."""

    def __init__(self, options: Options | None = None) -> None:
        given = options or Options()
        self.options = given
        self.clock = Clock(given.now)
        self.faults = Faults(KINDS)
        self.store = EventStore(self.clock, given.event_delay)
        self.indexes = {name: Index(name) for name in _INDEXES}
        self.hec = Hec(self.clock, self.store, self.faults, self.indexes)
        self.hec.add_token(Token("scoreback", HEC_TOKEN))
        self.hec.add_token(Token("scoreback-ack", ACK_TOKEN, acknowledges=True))
        self.members = [
            Instance(self.clock, self.store, self.faults, self.indexes, version=given.version)
            for _ in range(3 if given.search_head_cluster else 1)
        ]
        self.hec_url = ""
        self.web_url = ""
        """Of Splunk Web, for the first of the apps."""
        self.scheduler = Scheduler(self.clock.now())
        for member in self.members:
            self.scheduler.watch(member)
        if given.enterprise_security:
            for member in self.members:
                enterprise_security.install(member)
        for app in given.apps:
            self.install(app)
        self.cluster = Cluster(self.members, self.clock, given.replication_delay)

    @property
    def head(self) -> Instance:
        """The search head, or the first of the cluster."""
        return self.members[0]

    @property
    def url(self) -> str:
        """Where the (first) search head answers."""
        return self.head.url

    @property
    def captain(self) -> Instance:
        """Who runs scheduled searches, with all that has arrived there by now."""
        member = self.members[self.cluster.captain]
        self.cluster.catch_up(member)
        return member

    def install(self, folder: Path) -> None:
        """Install an app on every search head."""
        for member in self.members:
            member.install(folder)

    def add_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Seed events.

        Each has *raw* (text, or an object that becomes JSON), and may have *index* (main), *time*
        and *indextime* (epoch seconds; now), *host*, *source*, *sourcetype* and *fields*. An index
        that nobody has made is made.
        """
        self.store.add(map(self._seeded, events))

    def _seeded(self, given: Mapping[str, Any]) -> Event:
        index, raw, fields = given.get("index", "main"), given["raw"], given.get("fields")
        self.indexes.setdefault(index, Index(index))
        return Event(
            index,
            float(given.get("time", self.clock.now())),
            given.get("host", "simulator"),
            given.get("source", "seed"),
            given.get("sourcetype", "json" if not isinstance(raw, str) else "text"),
            raw
            if isinstance(raw, str)
            else json.dumps(raw, separators=(",", ":"), ensure_ascii=False),
            json.dumps(fields) if fields else None,
            given.get("indextime"),
        )

    def add_index(self, name: str) -> None:
        """Make an index."""
        self.indexes.setdefault(name, Index(name))

    def remove_index(self, name: str) -> None:
        """Remove an index with its events."""
        self.indexes.pop(name, None)
        self.store.remove(name)

    def run_due(self) -> list[Run]:
        """Run the scheduled searches that are due by the clock."""
        return self.scheduler.run_due(self.captain)

    def run_until(self, moment: float) -> list[Run]:
        """Move the clock to *moment*, and run on the way what is scheduled, each in its time."""
        runs: list[Run] = []
        while True:
            due = self.scheduler.next_due(self.captain)
            arrives = self.cluster.next_arrival(self.captain)
            first = min((at for at in (due, arrives) if at is not None), default=None)
            if first is None or first > moment:
                break
            self.clock.set(max(first, self.clock.now()))
            runs += self.run_due()
        self.clock.set(moment)
        return runs

    def add_user(self, name: str, password: str, roles: Iterable[str] = ("user",)) -> None:
        """Let somebody log in."""
        self.head.accounts.users[name] = User(name, password, list(roles))

    def trust(self, certificate: Path) -> None:
        """Let the scripts of apps trust splunkd's own certificate."""
        there = self.store.folder / "etc" / "auth"
        there.mkdir(parents=True, exist_ok=True)
        (there / "cacert.pem").write_bytes(certificate.read_bytes())

    def close(self) -> None:
        """Forget everything."""
        self.store.close()
