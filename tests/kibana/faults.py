"""Switches that make the simulator fail in ways that a healthy Kibana does not.

Each switch has a name (``KINDS`` says what it does), may concern only some paths and methods, may
let some requests pass first, and goes off after a number of times.
"""

import fnmatch
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

KINDS = {
    "refuse": "a request is answered with `status` (503) and `text`; `html`: by a proxy's page",
    "disconnect": "the connection is closed before the request is obeyed",
    "answer_lost": "the connection is closed after the request was obeyed",
    "slow": "a request waits `seconds` before it is answered",
    "rate_limit": "a request is answered 429, with `retry_after` seconds (1) in Retry-After",
    "too_large": "a body of more than `bytes` is answered 413",
    "conflict": "a write is answered 409, as when another one came first",
    "alert_conflict": "`alerts` (1) of those that a request changes were changed by somebody else",
    "kibana_down": "Kibana answers every request 503 with `Kibana server is not ready yet`",
    "elasticsearch_down": "what needs Elasticsearch fails, and the status says so",
    "import_stops": "an import of rules ends with status 500 after `rules` rules were stored",
    "object_import_stops": "an import of saved objects fails (500) after `objects` (1) were made",
    "bulk_fails": "a bulk action fails for the rule `rule_id`, or for each without it",
    "rule_fails": "a run of the rule `rule_id`, or of each without it, fails with `text`",
    "skip_run": "the scheduler leaves out a run of the rule `rule_id`, or of each without it",
}


@dataclass
class Fault:
    """One switch."""

    kind: str
    path: str = "*"
    """A pattern of the path below the space, as `/api/detection_engine/rules*`."""
    method: str = "*"
    times: int | None = None
    """How often it happens; None: until it is cleared."""
    after: int = 0
    """How many requests that it concerns pass before."""
    given: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, otherwise: Any) -> Any:  # noqa: ANN401
        """What was given for it."""
        return self.given.get(name, otherwise)


class Faults:
    """The switches that are on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._on: list[Fault] = []

    def add(
        self,
        kind: str,
        *,
        path: str = "*",
        method: str = "*",
        times: int | None = None,
        after: int = 0,
        **given: object,
    ) -> Fault:
        """Switch one on; see ``KINDS``."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a fault of the simulator: {', '.join(KINDS)}")
        fault = Fault(kind, path, method, times, after, given)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._on.clear()

    def take(
        self, kind: str, method: str = "*", path: str = "", rule_id: str | None = None
    ) -> Fault | None:
        """The switch that makes this request or run fail, used up once; or None."""
        return self._found(kind, method, path, rule_id, use=True)

    def peek(self, kind: str, method: str = "*", path: str = "") -> Fault | None:
        """The switch that ``take`` would use up."""
        return self._found(kind, method, path, None, use=False)

    def _found(
        self, kind: str, method: str, path: str, rule_id: str | None, *, use: bool
    ) -> Fault | None:
        with self._lock:
            for fault in self._on:
                if fault.kind != kind or fault.method not in ("*", method):
                    continue
                if not fnmatch.fnmatch(path, fault.path):
                    continue
                if fault.get("rule_id", rule_id) != rule_id:
                    continue
                if not use:
                    return fault
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._on.remove(fault)
                return fault
        return None
