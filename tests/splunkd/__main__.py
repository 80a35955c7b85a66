"""``python -m tests.splunkd``: a simulator in the foreground."""

import argparse
import signal
import sys
from pathlib import Path

from tests.splunkd.instance import VERSION
from tests.splunkd.serving import Ports, running
from tests.splunkd.simulator import ACK_TOKEN, HEC_TOKEN, Options


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.splunkd",
        description="A simulator of splunkd on 127.0.0.1. It is no Splunk.",
    )
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--hec-port", type=int, default=8088)
    parser.add_argument("--web-port", type=int, default=8000)
    parser.add_argument("--app", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--event-delay", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--version", default=VERSION)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = Options(tuple(given.app), given.version, given.event_delay)
    with running(options, Ports(given.port, given.hec_port, given.web_port)) as simulator:
        sys.stdout.write(
            f"splunkd simulator: {simulator.url} (admin / changed!), HEC {simulator.hec_url} "
            f"(token {HEC_TOKEN}, with acknowledgement {ACK_TOKEN})"
            + (f", Splunk Web {simulator.web_url}/en-US" if simulator.web_url else "")
            + "; Ctrl+C stops it\n"
        )
        sys.stdout.flush()
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
