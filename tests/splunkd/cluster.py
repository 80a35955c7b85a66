"""A search head cluster: members that tell each other what changed, a little later.

What Splunk replicates: files of a known list, those that an app names by
``conf_replication_include`` in its server.conf, and the KV store. Here a change arrives at the
other members after a delay, when one of them is asked next.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

from starlette.responses import Response

from tests.splunkd.atom import Entry
from tests.splunkd.clock import Clock
from tests.splunkd.confs import Change
from tests.splunkd.instance import Instance
from tests.splunkd.kv.store import DocumentChange
from tests.splunkd.messages import Refusal
from tests.splunkd.routing import Call, Router

router = Router()
_ALWAYS = frozenset(
    {
        "alert_actions", "authorize", "collections", "commands", "datamodels", "eventtypes",
        "fields", "lookups", "macros", "models", "multikv", "nav", "passwords", "props",
        "savedsearches", "searchbnf", "segmenters", "tags", "times", "transactiontypes",
        "transforms", "ui-prefs", "user-prefs", "views", "viewstates", "workflow_actions",
    }
)  # fmt: skip
_INCLUDE = "conf_replication_include."


@dataclass
class _Waiting:
    """What has not arrived at a member yet, oldest first."""

    changes: deque[tuple[float, Callable[[], object]]] = field(default_factory=deque)


class Cluster:
    """The members, and which of them is captain."""

    def __init__(self, members: list[Instance], clock: Clock, delay: float) -> None:
        self._clock = clock
        self._lock = RLock()
        self._waiting = [_Waiting() for _ in members]
        self.members = members
        self.delay = delay
        self.captain = 0
        first = members[0]
        for number, member in enumerate(members):
            member.accounts.users = first.accounts.users
            member.accounts.roles = first.accounts.roles
            member.accounts.tokens = first.accounts.tokens
            member.accounts.known_capabilities = first.accounts.known_capabilities
            member.alerts = first.alerts
            member.investigations = first.investigations
            if len(members) > 1:
                member.name = f"sh{number + 1}"
                member.cluster = self
                self._watch(number, member)

    def _watch(self, number: int, member: Instance) -> None:
        def of_conf(change: Change) -> None:
            if self._replicated(member, change.conf):
                self._send(number, lambda other: other.confs.apply(change))

        def of_document(change: DocumentChange) -> None:
            self._send(number, lambda other: other.kv.apply(change))

        member.confs.changed.append(of_conf)
        member.kv.changed.append(of_document)

    def _replicated(self, member: Instance, conf: str) -> bool:
        if conf in _ALWAYS:
            return True
        return member.confs.value("server", "shclustering", _INCLUDE + conf).lower() in (
            "true",
            "1",
        )

    def _send(self, number: int, apply: Callable[[Instance], object]) -> None:
        due = self._clock.now() + self.delay
        with self._lock:
            for other, waiting in enumerate(self._waiting):
                if other != number:
                    target = self.members[other]
                    waiting.changes.append((due, lambda target=target: apply(target)))  # type: ignore[misc]

    def catch_up(self, member: Instance) -> None:
        """Let arrive at a member what is due."""
        with self._lock:
            waiting = self._waiting[self.members.index(member)].changes
            while waiting and waiting[0][0] <= self._clock.now():
                waiting.popleft()[1]()

    def next_arrival(self, member: Instance) -> float | None:
        """When the next change arrives at a member."""
        with self._lock:
            waiting = self._waiting[self.members.index(member)].changes
            return waiting[0][0] if waiting else None

    def elect(self, number: int) -> None:
        """Make another member captain."""
        self.captain = number


def _cluster(call: Call) -> Cluster:
    cluster = call.instance.cluster
    if cluster is None:
        raise Refusal(
            503,
            "Search Head Clustering is not enabled on this node. REST endpoint is not available",
        )
    return cluster


def _of(cluster: Cluster, member: Instance) -> dict[str, object]:
    captain = cluster.members[cluster.captain] is member
    return {
        "label": member.name,
        "mgmt_uri": member.url,
        "status": "Down" if member.down else "Up",
        "is_captain": captain,
        "preferred_captain": True,
        "last_conf_replication": "Pending" if member.down else "",
        "replication_count": 0,
    }


@router.on("GET", "shcluster/captain/info")
def _captain(call: Call) -> Response:
    cluster = _cluster(call)
    captain = cluster.members[cluster.captain]
    content = {
        "id": captain.name,
        "label": captain.name,
        "min_peers_joined_flag": True,
        "peer_scheme_host_port": captain.url,
        "rolling_restart_flag": False,
        "service_ready_flag": True,
    }
    return call.one(Entry("captain", "shcluster/captain/info", content, namespaced=False))


@router.on("GET", "shcluster/captain/members", "shcluster/status")
def _members(call: Call) -> Response:
    cluster = _cluster(call)
    entries = [
        Entry(member.name, "shcluster/captain/members", _of(cluster, member), namespaced=False)
        for member in cluster.members
    ]
    return call.page("shclustermembers", entries)


@router.on("GET", "shcluster/member/info")
def _member(call: Call) -> Response:
    content = _of(_cluster(call), call.instance)
    return call.one(Entry("member", "shcluster/member/info", content, namespaced=False))
