"""Switches that make the simulator fail in ways that a healthy splunkd does not.

Each switch has a name (``KINDS`` says what it does), may wait for some requests to pass, and goes
off after a number of times. A request handler asks for its own switches by ``Faults.take``; the
ones that concern any request are taken before it is handled.
"""

import fnmatch
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

KINDS = {
    "refuse": "any request is answered with `status` (503) and `text`, as is `retry_after`",
    "disconnect": "the connection is closed without an answer",
    "expire_sessions": "every session so far is forgotten when the request comes",
    "empty_export": "an export answers 200 with nothing",
    "truncate_export": "an export ends after `rows` rows; `abruptly`: the connection breaks",
    "duplicate_rows": "an export repeats each `every`-th row",
    "slow_stream": "an export waits `seconds` before each chunk of rows",
    "export_message": "an export carries a message of `severity` with `text` in its midst",
    "ack_never": "acknowledgements stay false",
    "hec": "HTTP Event Collector answers with `code`; `stored` events are stored all the same",
    "kv_off": "the KV store is not ready (503)",
    "kv_over_limit": "a batch_save is refused as over the limits",
    "queue_jobs": "jobs stay QUEUED until the switch is off",
    "search_quota": "a new search is refused: too many at once",
    "skip_scheduled": "the scheduler skips the run",
    "queue_scheduled": "the scheduler leaves the run for its next turn",
}


@dataclass
class Fault:
    """One switch."""

    kind: str
    path: str = "*"
    """A pattern of the path, as `*/search/v2/jobs/export`."""
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
            raise ValueError(f"{kind!r} is no fault of the simulator: {', '.join(KINDS)}")
        fault = Fault(kind, path, method, times, after, given)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._on.clear()

    def take(self, kind: str, method: str = "*", path: str = "") -> Fault | None:
        """The switch that makes this request fail, used up once; or None."""
        with self._lock:
            for fault in self._on:
                if fault.kind != kind or fault.method not in ("*", method):
                    continue
                if not fnmatch.fnmatch(path, fault.path):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._on.remove(fault)
                return fault
        return None
