"""A simulator in a process of its own, steered by its paths below ``/simulator/``."""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STARTS_WITHIN = 30.0


class NotStarted(Exception):
    """The simulator ended, or did not say in time where it answers."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A simulator that runs elsewhere. It is spoken to without TLS."""

    url: str
    pid: int

    def asked(self, method: str, name: str, given: object = None) -> Any:  # noqa: ANN401
        """What a control path answers."""
        request = urllib.request.Request(  # noqa: S310 - our own simulator
            f"{self.url}/simulator/{name}",
            data=None if given is None else json.dumps(given).encode(),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
            return json.load(answer)

    def now(self) -> float:
        """The simulator's time."""
        return float(self.asked("GET", "clock")["now"])

    def set_clock(self, now: float | None) -> None:
        """Stop its clock at *now*, or let it follow the machine's."""
        self.asked("POST", "clock", {"set": now})

    def advance(self, seconds: float) -> float:
        """Move its clock on."""
        return float(self.asked("POST", "clock", {"advance": seconds})["now"])

    def fault(self, kind: str, **given: object) -> None:
        """Switch a fault on; see the simulator's ``faults.KINDS``."""
        self.asked("POST", "faults", {"kind": kind, **given})

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.asked("DELETE", "faults")


@contextmanager
def started(module: str, *options: str) -> Iterator[dict[str, Any]]:
    """Start ``python -m MODULE`` with *options*, and stop it at the end.

    Yields:
        What it says once it answers, its addresses, and its ``pid``.

    Raises:
        NotStarted: it said nothing.
    """
    with tempfile.TemporaryDirectory(prefix=f"scoreback-{module.rpartition('.')[2]}-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "--ready", str(ready), *options],
                cwd=Path(__file__).parents[2],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield {**_said(process, ready, log), "pid": process.pid}
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _said(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        if ready.exists():
            said: dict[str, Any] = json.loads(ready.read_text())
            return said
        time.sleep(0.02)
    raise NotStarted(f"The simulator did not start:\n{log.read_text(errors='replace')[-2000:]}")
