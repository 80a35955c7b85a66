"""``python -m tests.kibana``: a simulator in the foreground."""

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Never

from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.serving import Certificate, running
from tests.kibana.simulator import LICENSES, Options, Simulator
from tests.kibana.versions import NEWEST, VERSIONS
from tests.splunkd import certificate


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.kibana",
        description=f"A simulator of Kibana's security APIs on 127.0.0.1 (user {USER}, password "
        f"{PASSWORD}). It is not a Kibana, and no Kibana has confirmed it. A port of 0 is any free "
        "one.",
    )
    add = parser.add_argument
    add("--port", type=int, default=5601, help="5601")
    add("--elasticsearch", metavar="URL", help="the node that keeps events and alerts")
    add("--version", default=NEWEST, choices=VERSIONS, help=f"what it behaves as; {NEWEST}")
    add("--license", default="basic", choices=LICENSES, help="platinum has alert suppression")
    add("--no-scheduler", action="store_true", help="rules run when told to")
    add("--now", type=float, help="let the clock stand at this epoch second")
    add("--tls", action="store_true", help="with a certificate made for it")
    add("--certificate", type=Path, help="instead of the one made; needs --key")
    add("--key", type=Path)
    add("--ready", type=Path, metavar="FILE", help="write the address there as JSON, once it is")
    return parser


def main(arguments: list[str]) -> int:
    """The command."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    options = Options(
        elasticsearch=given.elasticsearch,
        version=given.version,
        license=given.license,
        schedules=not given.no_scheduler,
        now=given.now,
    )
    with ExitStack() as stack:
        shown = None
        if given.certificate and given.key:
            shown = Certificate(given.certificate, given.key)
        elif given.tls:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="scoreback-kibana-"))
            shown = certificate.make(Path(folder))
        simulator = stack.enter_context(running(options, given.port, shown))
        _tell(simulator, shown, given.ready)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 130
    return 0


def _end(*_: object) -> Never:
    sys.exit(128 + signal.SIGTERM)


def _tell(simulator: Simulator, shown: Certificate | None, ready: Path | None) -> None:
    lines = [f"Kibana simulator {simulator.version.number}: {simulator.url} ({USER} / {PASSWORD})"]
    if not simulator.options.elasticsearch:
        lines.append("without Elasticsearch (--elasticsearch URL): no alerts")
    if shown:
        lines.append(f"certificate {shown.certificate}")
    sys.stdout.write("\n".join([*lines, "Ctrl+C stops it\n"]))
    sys.stdout.flush()
    if ready:
        aside = ready.with_suffix(".part")
        aside.write_text(json.dumps({"url": simulator.url}))
        aside.replace(ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
