"""``python -m tests.splunkd``: a simulator in the foreground."""

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Never

from tests.splunkd import certificate, seeding
from tests.splunkd.certificate import Certificate
from tests.splunkd.instance import VERSION
from tests.splunkd.serving import Ports, running
from tests.splunkd.simulator import ACK_TOKEN, HEC_TOKEN, Options, Simulator

_SEEDED_AT_ONCE = 10_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.splunkd",
        description="A simulator of splunkd on 127.0.0.1 (user admin, password changed!). It is no "
        "Splunk, and no Splunk has confirmed it. A port of 0 is any free one.",
    )
    add = parser.add_argument
    add("--port", type=int, default=8089, help="management port; 8089")
    add("--hec-port", type=int, default=8088, help="HTTP Event Collector; 8088")
    add("--web-port", type=int, default=8000, help="Splunk Web's paths, with an app only; 8000")
    add("--app", type=Path, action="append", default=[], metavar="FOLDER", help="install an app")
    add("--version", default=VERSION, help=f"what it says that it is; {VERSION}")
    add("--event-delay", type=float, default=0.0, metavar="SECONDS",
        help="until an event can be searched")  # fmt: skip
    add("--data", type=Path, action="append", default=[], metavar="PATH",
        help="events to begin with: JSON lines, or a folder of them")  # fmt: skip
    add("--enterprise-security", action="store_true", help="findings, risk, review, dispositions")
    add("--search-head-cluster", action="store_true", help="three search heads, on ports in a row")
    add("--replication-delay", type=float, default=5.0, metavar="SECONDS")
    add("--no-scheduler", action="store_true", help="scheduled searches run when told to")
    add("--now", type=float, help="let the clock stand at this epoch second")
    add("--tls", action="store_true", help="with a certificate made for it")
    add("--certificate", type=Path, help="instead of the one made; needs --key")
    add("--key", type=Path)
    add("--ready", type=Path, metavar="FILE", help="write the addresses there as JSON, once it is")
    return parser


def main(arguments: list[str]) -> int:
    """The command."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    options = Options(
        tuple(given.app),
        given.version,
        given.event_delay,
        enterprise_security=given.enterprise_security,
        search_head_cluster=given.search_head_cluster,
        replication_delay=given.replication_delay,
        schedules=not given.no_scheduler,
        now=given.now,
    )
    ports = Ports(given.port, given.hec_port, given.web_port)
    with ExitStack() as stack:
        shown = None
        if given.certificate and given.key:
            shown = Certificate(given.certificate, given.key)
        elif given.tls:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="scoreback-splunkd-"))
            shown = certificate.make(Path(folder))
        simulator = stack.enter_context(running(options, ports, shown))
        for path in given.data:
            events = seeding.events(path)
            while some := list(islice(events, _SEEDED_AT_ONCE)):
                simulator.add_events(some)
        _tell(simulator, shown, given.ready)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 130
    return 0


def _end(*_: object) -> Never:
    sys.exit(128 + signal.SIGTERM)


def _tell(simulator: Simulator, shown: Certificate | None, ready: Path | None) -> None:
    members = [member.url for member in simulator.members]
    lines = [
        f"splunkd simulator: {' '.join(members)} (admin / changed!)",
        f"HEC {simulator.hec_url} (token {HEC_TOKEN}, with acknowledgement {ACK_TOKEN})",
    ]
    if simulator.web_url:
        lines.append(f"Splunk Web {simulator.web_url}/en-US")
    if shown:
        lines.append(f"certificate {shown.certificate}")
    sys.stdout.write("\n".join([*lines, "Ctrl+C stops it\n"]))
    sys.stdout.flush()
    if ready:
        said = {"url": simulator.url, "hec_url": simulator.hec_url, "web_url": simulator.web_url,
                "members": members}  # fmt: skip
        aside = ready.with_suffix(".part")
        aside.write_text(json.dumps(said))
        aside.replace(ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
