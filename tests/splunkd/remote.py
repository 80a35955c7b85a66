"""A simulator in a process of its own, steered by its paths below ``/simulator/``."""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STARTS_WITHIN = 30.0


class NotStarted(Exception):
    """The simulator ended, or did not say in time where it answers."""


@dataclass(frozen=True)
class Remote:
    """A simulator that runs elsewhere. It is spoken to without TLS."""

    url: str
    hec_url: str
    web_url: str
    members: tuple[str, ...]
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
        """Switch a fault on; see ``faults.KINDS``."""
        self.asked("POST", "faults", {"kind": kind, **given})

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.asked("DELETE", "faults")

    def add_events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Seed events; see ``Simulator.add_events``."""
        self.asked("POST", "events", list(events))

    def run_due(self) -> list[dict[str, Any]]:
        """Run the scheduled searches that are due."""
        return list(self.asked("POST", "run_due", {}))


@contextmanager
def child(*options: str) -> Iterator[Remote]:
    """Start ``python -m tests.splunkd`` on free ports with *options*; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="scoreback-splunkd-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        ports = ("--port", "0", "--hec-port", "0", "--web-port", "0", "--ready", str(ready))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.splunkd", *ports, *options],
                cwd=Path(__file__).parents[2],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            said = _ready(process, ready, log)
            said["members"] = tuple(said["members"])
            yield Remote(**said, pid=process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        if ready.exists():
            said: dict[str, Any] = json.loads(ready.read_text())
            return said
        time.sleep(0.02)
    raise NotStarted(f"The simulator did not start:\n{log.read_text(errors='replace')[-2000:]}")
