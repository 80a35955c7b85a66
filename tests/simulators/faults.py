"""Switches that make a simulator fail in ways that a healthy server does not.

Each switch has a name, may concern only some paths and methods, may let some requests pass first,
and goes off after a number of times. A request handler asks for its own switches by `Faults.take`.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


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

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """Know the switches *kinds*, each with what it does."""
        self._kinds = kinds
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
        """Switch one on."""
        if kind not in self._kinds:
            known = ", ".join(self._kinds)
            raise ValueError(f"{kind!r} is not a fault of the simulator: {known}")
        fault = Fault(kind, path, method, times, after, given)
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._on.clear()

    def take(self, kind: str, method: str = "*", path: str = "", **about: object) -> Fault | None:
        """The switch that makes this request fail, used up once; or None.

        A switch that was given one of the names of *about* is for that value alone.
        """
        return self._found(kind, method, path, about, use=True)

    def peek(self, kind: str, method: str = "*", path: str = "") -> Fault | None:
        """The switch that `take` would use up."""
        return self._found(kind, method, path, {}, use=False)

    def _found(
        self, kind: str, method: str, path: str, about: Mapping[str, object], *, use: bool
    ) -> Fault | None:
        with self._lock:
            for fault in self._on:
                if fault.kind != kind or fault.method not in ("*", method):
                    continue
                if not fnmatch.fnmatch(path, fault.path):
                    continue
                if any(fault.get(name, value) != value for name, value in about.items()):
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
