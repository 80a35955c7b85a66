"""The export endpoint: rows are sent as they are found, one JSON document per line."""

import json
import time
from collections.abc import Iterator
from itertools import chain

from starlette.responses import Response, StreamingResponse

from tests.simulators.faults import Fault
from tests.splunkd import results
from tests.splunkd.jobs import Job
from tests.splunkd.messages import JSON, Refusal
from tests.splunkd.routing import Call, Router
from tests.splunkd.spl import engine
from tests.splunkd.spl.engine import Search, Shown
from tests.splunkd.spl.values import CommandFailed, SearchFailed, SearchRefused

router = Router()
_CHUNK = 64 * 1024


class Broken(Exception):
    """The connection is to break in the midst of an answer."""


@router.on("GET POST", "search/jobs/export", "search/v2/jobs/export")
def export(call: Call) -> Response:
    """Run a search and send its rows."""
    call.require("search")
    if call.instance.faults.take("search_quota", call.method, call.path):
        raise Refusal(
            503,
            "Search not executed: The maximum number of concurrent historical searches on this "
            "instance has been reached.",
            "FATAL",
        )
    search, given = call.needed("search"), dict(call.args)
    bounds = call.instance.jobs.bounds(given, call.instance.clock.now())
    owner, app = call.user.name, call.app if call.app != "-" else "search"
    if call.instance.faults.take("empty_export", call.method, call.path):
        return Response(b"", media_type=JSON)
    try:
        running = engine.start(call.instance, search, owner=owner, app=app, bounds=bounds)
        rows = running.shown()
        first = next(rows, None)
    except SearchRefused as refused:
        raise Refusal(400, str(refused), "FATAL") from refused
    except CommandFailed as failed:
        return Response(_message("FATAL", str(failed)), media_type=JSON)
    except SearchFailed:
        return Response(b"", media_type=JSON)
    rows = chain([] if first is None else [first], rows)
    mode = call.args.get("output_mode", "xml")
    if mode != "json":
        job = Job("", search, owner, app, 0, bounds, rows=list(rows), columns=running.columns)
        return results.page(job, job.rows, mode, 0)
    return StreamingResponse(_chunks(call, running, rows), media_type=JSON)


def _previews(call: Call, running: Search) -> bool:
    wanted = call.args.get("preview", "true").lower() not in ("0", "false", "f")
    return wanted and running.transformed and " stats " in running.text


def _chunks(call: Call, running: Search, rows: Iterator[Shown]) -> Iterator[bytes]:
    """Lines, put together; faults of the stream come in here."""
    faults = call.instance.faults
    twice = faults.take("duplicate_rows", call.method, call.path)
    cut = faults.take("truncate_export", call.method, call.path)
    slow = faults.take("slow_stream", call.method, call.path)
    message = faults.take("export_message", call.method, call.path)
    if twice:
        rows = _repeated(rows, int(twice.get("every", 1)))
    if _previews(call, running):
        kept = list(rows)
        yield from results.export_lines(iter(kept[:1]), preview=True)
        rows = iter(kept)
    held: list[bytes] = []
    size = 0
    for number, line in enumerate(_lines(running, rows)):
        if cut and number >= int(cut.get("rows", 1)):
            yield b"".join(held)
            if cut.get("abruptly", True):
                raise Broken
            return
        if message and number == int(message.get("rows", 1)):
            kind, text = message.get("severity", "WARN"), message.get("text", "Something happened.")
            held.append(_message(str(kind), str(text)))
        held.append(line)
        size += len(line)
        if size >= _CHUNK or slow:
            _wait(slow)
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _lines(running: Search, rows: Iterator[Shown]) -> Iterator[bytes]:
    """The rows' lines, then what the search has to say; a failure half-way is such a line."""
    try:
        yield from results.export_lines(rows)
    except CommandFailed as failed:
        yield _message("FATAL", str(failed))
    for kind, text in running.messages:
        yield _message(kind, text)


def _message(kind: str, text: str) -> bytes:
    said = {"preview": False, "messages": [{"type": kind, "text": text}]}
    return json.dumps(said).encode() + b"\n"


def _wait(slow: Fault | None) -> None:
    if slow:
        time.sleep(float(slow.get("seconds", 0.05)))


def _repeated(rows: Iterator[Shown], every: int) -> Iterator[Shown]:
    for number, row in enumerate(rows):
        yield row
        if number % every == 0:
            yield row
