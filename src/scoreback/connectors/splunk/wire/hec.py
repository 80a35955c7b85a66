"""Sends events to the HTTP event collector: exactly once if it confirms, otherwise in doubt.

A batch is a sequence of JSON objects, at most a megabyte. When the collector is busy, the batch is
sent again; an event that it refuses by number is reported and left out, and the others are sent
again, although those before it may already be indexed: readers drop repeated events. If an answer
is lost, the batch is in doubt and nothing is sent again.
"""

import gzip
import logging
import uuid
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from scoreback.connectors.portions import Positions, portions, together
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.failures import InDoubtError, Silence, never_sent
from scoreback.connectors.splunk.wire.http import session
from scoreback.errors import SiemRefused, SiemUnavailable

MAX_BYTES = 1_000_000  # bytes per request
MAX_EVENTS = 10_000
POLL = 2.0  # seconds between two requests for acknowledgements
_EVENTS, _ACK = "/services/collector/event", "/services/collector/ack"

# The collector's codes. Any other code is judged by its HTTP status.
_DONE = frozenset({0, 24, 25})  # the last two of these warn that a queue is nearly full
_AGAIN = frozenset({8, 9, 18, 19, 20, 23, 26, 27})  # it accepted nothing, or with 8 maybe some
_OF_AN_EVENT = frozenset({5, 6, 12, 13, 15})
_HINTS = {
    1: "enable the collector's token in Splunk",
    2: "set hec_token_file",
    3: "check hec_token_file: Splunk does not understand its content",
    4: "check hec_token_file: Splunk does not know this token",
    7: "create the index, and allow the collector's token to write to it",
    10: "the token requires acknowledgement: set acknowledge: true",
    11: "Splunk does not accept the request's channel: is a proxy changing requests?",
    14: "the token has no acknowledgement: set acknowledge: false",
    16: "hec_url has to be the collector's address without a query",
    28: "the token requires acknowledgement: set acknowledge: true",
}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HecReport:
    """What happened to the events, by their position in the input."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # why it can never be accepted
    # Accepted but not acknowledged yet, by the id of their acknowledgement.
    awaited: dict[int, Positions] = field(default_factory=dict)


class _Said(msgspec.Struct, rename={"number": "invalid-event-number", "ack": "ackId"}):
    text: str = ""
    code: int | None = None
    number: int | None = None
    ack: int | None = None


class _Acks(msgspec.Struct):
    acks: dict[str, bool] = {}


class Hec:
    """The event collector of one connection."""

    def __init__(self, client: Client) -> None:
        """Send as the settings of *client* say; nothing is sent yet."""
        self._client, self._settings = client, client.settings
        self._session = session(client.settings)
        self._channel = str(uuid.uuid4())
        token = client.settings.secret("hec_token")
        self._session.headers["Authorization"] = f"Splunk {token}"
        if client.settings.acknowledge:
            self._session.headers["X-Splunk-Request-Channel"] = self._channel

    def close(self) -> None:
        """Close all sockets; can safely be called twice."""
        self._session.close()

    def send(self, events: pa.Array) -> HecReport:
        """Send *events*, one JSON text each.

        Raises:
            InDoubtError: an answer or an acknowledgement did not arrive: some may be stored.
            SiemUnavailable: the collector is busy, after all attempts; some may be stored.
            SiemRefused: none can be stored: the index, token or address is wrong.
        """
        if self._settings.hec_url is None:
            raise SiemRefused(
                f"connection {self._client.name!r} has no event collector, so nothing can be"
                " written",
                hint="set hec_url and hec_token_file",
            )
        report = HecReport()
        for items in portions(events, MAX_BYTES, MAX_EVENTS):
            self._send(events, items, report)
        self._await(report)
        report.done.sort()
        return report

    def refusal(self) -> str:
        """Why the collector would accept no event, as far as a test shows; "" if it would.

        It sends an empty request, which the collector answers with a special code only if the token
        is valid.

        Raises:
            SiemUnavailable: the collector does not answer.
            ConfigError: its certificate is not trusted.
        """
        status, said, _ = self._post(_EVENTS, (b"", {}))
        if said.code in _DONE | {5, 6}:
            if not self._settings.acknowledge:
                return ""
            status, said, _ = self._post(f"{_ACK}?channel={self._channel}", (b'{"acks":[]}', {}))
            if said.code is None and status < 300:
                return ""
        error = self._refused(status, said)
        return f"{error.message}; {error.hint}"

    def _send(
        self,
        events: pa.Array,
        items: Positions,
        report: HecReport,
    ) -> None:
        """Send *items*, again while the collector is busy; without those refused by number."""
        attempt = 1
        while len(items):
            status, said, after = self._post(_EVENTS, self._packed(together(events, items)))
            if status == 413:
                self._halves(events, items, report, "it is larger than Splunk accepts")
                return
            if status < 300 and said.code in _DONE:
                if said.code:
                    _log.warning("Splunk accepts events, but says: %s", said.text)
                self._taken(said, items, report)
                return
            if said.code in _AGAIN or (said.code is None and status in (429, 503)):
                if attempt == self._settings.attempts:
                    raise SiemUnavailable(
                        f"the event collector was busy in all {attempt} attempts: {said.text}",
                        hint="its queues are full, or Splunk is starting; nothing is lost",
                    )
                self._client.wait(attempt, after)
                attempt += 1
                continue
            if said.code not in _OF_AN_EVENT:
                raise self._refused(status, said)
            if said.number is None or not 0 <= said.number < len(items):
                self._halves(events, items, report, said.text)
                return
            report.refused[int(items[said.number])] = said.text
            items = np.delete(items, said.number)

    def _halves(
        self,
        events: pa.Array,
        items: Positions,
        report: HecReport,
        why: str,
    ) -> None:
        """Send a request that was refused as a whole in two halves, down to the event at fault."""
        if len(items) == 1:
            report.refused[int(items[0])] = why
            return
        for half in np.array_split(items, 2):
            self._send(events, half, report)

    def _taken(self, said: _Said, items: Positions, report: HecReport) -> None:
        if not self._settings.acknowledge:
            report.done += items.tolist()
        elif said.ack is None:
            raise SiemRefused(
                "the collector's token has no acknowledgement, but acknowledge is true",
                hint="set acknowledge: false, or turn indexer acknowledgement on for the token",
            )
        else:
            report.awaited[said.ack] = items

    def _await(self, report: HecReport) -> None:
        """Ask until everything is acknowledged; Splunk reports each id as true only once."""
        left = report.awaited
        patience = self._settings.acknowledged_within.total_seconds()
        while left:
            body = msgspec.json.encode({"acks": sorted(left)})
            status, raw, _ = self._exchange(f"{_ACK}?channel={self._channel}", body, {})
            try:
                told = msgspec.json.decode(raw, type=_Acks).acks if status < 300 else {}
            except msgspec.DecodeError:
                told = {}
            for number in [n for n in left if told.get(str(n))]:
                report.done += left.pop(number).tolist()
            if not left:
                return
            if patience <= 0:
                raise InDoubtError(
                    f"Splunk did not acknowledge {sum(map(len, left.values()))} events within"
                    f" {self._settings.acknowledged_within}",
                    hint="its indexers are slow or down; missing events are sent again later",
                )
            self._client.sleep(POLL)
            patience -= POLL

    def _post(self, path: str, sent: tuple[bytes, dict[str, str]]) -> tuple[int, _Said, str | None]:
        body, headers = sent
        status, raw, after = self._exchange(path, body, headers)
        try:
            said = msgspec.json.decode(raw, type=_Said)
        except msgspec.DecodeError:
            said = _Said(text=raw[:200].decode(errors="replace"))
        if said.code is None and status in (500, 502, 504):
            raise self._client.failures.gave_up(f"POST {path}", status)
        return status, said, after

    def _exchange(
        self, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, str | None]:
        """Make one request, repeated only if it certainly did not arrive."""
        where = self._settings.hec_url or ""
        for attempt in range(1, self._settings.attempts + 1):
            try:
                found = self._session.post(
                    where.rstrip("/") + path,
                    data=body,
                    headers=headers,
                    timeout=self._settings.timeout,
                    allow_redirects=False,
                )
            except Silence as error:
                arrived = not never_sent(error)
                told = self._client.failures.silence(
                    where, error, InDoubtError if arrived else SiemUnavailable
                )
                last = attempt == self._settings.attempts
                if arrived or last or not isinstance(told, SiemUnavailable):
                    raise told from error
                self._client.wait(attempt)
            else:
                return found.status_code, found.content, found.headers.get("retry-after")
        raise AssertionError("unreachable")

    def _packed(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        headers = {"Content-Type": "application/json"}
        if not self._settings.compress:
            return body, headers
        return gzip.compress(body, 1), headers | {"Content-Encoding": "gzip"}

    def _refused(self, status: int, said: _Said) -> SiemRefused:
        code = "" if said.code is None else f", code {said.code}"
        why = self._client.failures.told(said.text)
        return SiemRefused(
            f"the event collector refused with {status}{code}: {why}",
            hint=_HINTS.get(-1 if said.code is None else said.code, "")
            or "is hec_url the collector's address, https://HOST:8088? Run `scoreback check`",
        )
