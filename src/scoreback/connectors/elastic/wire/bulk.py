"""Bulk requests: bounded, repeated item by item where that helps, never lost silently."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.failures import InDoubtError, full_disk
from scoreback.connectors.elastic.wire.transport import NDJSON
from scoreback.connectors.portions import Positions, portions, together
from scoreback.errors import SiemUnavailable
from scoreback.records import Refused

MAX_ITEMS = 5_000
MAX_BYTES = 8_000_000  # bytes per request; the server accepts 100 MB, proxies in between often less
AT_ONCE = 2  # requests: the cluster writes one while the next one is prepared
ATTEMPTS = 8  # for items that a busy server did not accept
_FULL = frozenset({429, 503})
_FILTER = "errors,items.*.status,items.*.error.type,items.*.error.reason"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BulkReport:
    """What happened to the items, by their position in the input."""

    done: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)  # exists already, or changed meanwhile
    refused: dict[int, str] = field(default_factory=dict)  # why the server will never accept it


class _Error(msgspec.Struct):
    type: str = ""
    reason: str = ""


class _Item(msgspec.Struct):
    status: int
    error: _Error | None = None


class _Answer(msgspec.Struct):
    errors: bool = False
    items: list[dict[str, _Item]] = []


_DECODER = msgspec.json.Decoder(_Answer)


def send(
    client: Client,
    path: str,
    lines: pa.Array,
    *,
    confirm: Callable[[Sequence[int]], set[int]] | None = None,
    params: Mapping[str, object] | None = None,
) -> BulkReport:
    """Send *lines*, the actions of a bulk request, one text per item.

    Args:
        client: the connection's client.
        path: the path of the bulk endpoint.
        lines: the result of `scoreback.connectors.elastic.wire.documents.actions`.
        confirm: called after an answer was lost, returns which items are stored. Without it all are
            sent again, which is right for items that change nothing the second time.
        params: query parameters.

    Raises:
        SiemUnavailable: the server is busy or does not answer; items that it accepted are stored,
            and sending all of them again changes nothing.
        SiemRefused: the server refused the request as a whole.
    """

    def request(items: Positions) -> BulkReport:
        report = BulkReport()
        _send(client, path, lines, items, report, confirm, params)
        return report

    requests = list(portions(lines, MAX_BYTES, MAX_ITEMS))
    whole = BulkReport()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="scoreback-write") as pool:
        for report in pool.map(request, requests) if len(requests) > 1 else map(request, requests):
            whole.done.extend(report.done)
            whole.conflicts.extend(report.conflicts)
            whole.refused |= report.refused
    return whole


def _send(
    client: Client,
    path: str,
    lines: pa.Array,
    items: Positions,
    report: BulkReport,
    confirm: Callable[[Sequence[int]], set[int]] | None,
    params: Mapping[str, object] | None,
) -> None:
    """Send *items*, and repeat those for which the server was too busy."""
    why = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = client.send(
                "POST", path, together(lines, items), content=NDJSON, good=(413,),
                doubtful=confirm is not None, params={"filter_path": _FILTER, **(params or {})},
            )  # fmt: skip
        except InDoubtError as error:
            if confirm is None or attempt == ATTEMPTS:
                raise
            client.wait(attempt, error.retry_after)
            there = confirm(items.tolist())
            report.done.extend(there)
            items = np.array([i for i in items.tolist() if i not in there], np.int64)
            if not len(items):
                return
            continue
        if answer.status == 413:
            _halves(client, path, lines, items, report, confirm, params)
            return
        items, why = _told(answer.body, items, report)
        if not len(items):
            return
        _log.warning(
            "the server was too busy for %d items; they are sent again: %s", len(items), why
        )
        client.wait(attempt)
    raise SiemUnavailable(
        f"the server was too busy for {len(items)} documents in {ATTEMPTS} attempts: {why}",
        hint=full_disk(why) or "its write queues are full; nothing is lost, try again later",
    )


def _halves(
    client: Client,
    path: str,
    lines: pa.Array,
    items: Positions,
    report: BulkReport,
    confirm: Callable[[Sequence[int]], set[int]] | None,
    params: Mapping[str, object] | None,
) -> None:
    """Send a request that is too large in two halves."""
    if len(items) == 1:
        report.refused[int(items[0])] = "the document is larger than the server's request limit"
        return
    for half in np.array_split(items, 2):
        _send(client, path, lines, half, report, confirm, params)


def _told(body: bytes, items: Positions, report: BulkReport) -> tuple[Positions, str]:
    """Sort *items* by the server's answers; returns those to send again, and why."""
    if body.startswith(b'{"errors":false'):
        report.done.extend(items.tolist())
        return items[:0], ""
    again, why = [], ""
    for number, told in zip(items.tolist(), _answered(body, len(items)), strict=True):
        item = next(iter(told.values()))
        said = f"{item.error.type}: {item.error.reason}"[:500] if item.error else ""
        if item.status in _FULL:
            again.append(number)
            why = said
        elif item.status == 409:
            report.conflicts.append(number)
        elif item.error is not None:
            report.refused[number] = said
        else:
            report.done.append(number)
    return np.array(again, np.int64), why


def _answered(body: bytes, count: int) -> list[dict[str, _Item]]:
    """The answer for each of *count* items."""
    try:
        found = _DECODER.decode(body).items
    except msgspec.DecodeError:
        found = []
    if len(found) != count:
        raise SiemUnavailable(
            f"the answer to a bulk request of {count} documents is about {len(found)}",
            hint="is there a failing proxy between this machine and the cluster? Writing again is"
            " safe",
        )
    return found


def refusals(ids: Sequence[str], lines: pa.Array, report: BulkReport) -> tuple[Refused, ...]:
    """The refused items with their documents, for the dead-letter file."""
    return tuple(
        Refused(item_id=ids[number], reason=why, document=lines[number].as_py().split("\n")[1])
        for number, why in sorted(report.refused.items())
    )
