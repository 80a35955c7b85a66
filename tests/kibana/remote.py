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


@dataclass(frozen=True)
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
        """Switch a fault on; see ``faults.KINDS``."""
        self.asked("POST", "faults", {"kind": kind, **given})

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.asked("DELETE", "faults")

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
def child(*options: str) -> Iterator[Remote]:
    """Start ``python -m tests.kibana`` on a free port with *options*; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="scoreback-kibana-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        command = [sys.executable, "-m", "tests.kibana", "--port", "0", "--ready", str(ready)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *options],
                cwd=Path(__file__).parents[2],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            said = _ready(process, ready, log)
            yield Remote(said["url"], process.pid)
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
