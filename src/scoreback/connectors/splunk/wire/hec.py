"""Sends events to the HTTP event collector: once where that can be told, in doubt where not.

A batch is JSON objects one after the other, at most a megabyte. What the collector has no room for
is sent again; an event that it refuses by number is told and left out, and the others are sent
again, as those before it may or may not be indexed: who reads drops an event that is there twice.
An answer that got lost leaves a batch in doubt, and nothing is sent again.
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

MAX_BYTES = 1_000_000  # of one request
MAX_EVENTS = 10_000
POLL = 2.0  # seconds between two questions for an acknowledgement
_EVENTS, _ACK = "/services/collector/event", "/services/collector/ack"

# The codes of the collector. Any other one is judged by its status.
_DONE = frozenset({0, 24, 25})  # of these the last two warn that a queue is nearly full
_AGAIN = frozenset({8, 9, 18, 19, 20, 23, 26, 27})  # it has taken nothing, or may have by 8
_OF_AN_EVENT = frozenset({5, 6, 12, 13, 15})
_HINTS = {
    1: "enable the collector's token in Splunk",
    2: "set hec_token_file",
    3: "check hec_token_file: Splunk does not understand what it holds",
    4: "check hec_token_file: Splunk does not know this token",
    7: "make the index, and allow the collector's token to write to it",
    10: "the token wants acknowledgement: set acknowledge: true",
    11: "Splunk does not take our channel: is a proxy changing requests?",
    14: "the token has no acknowledgement: set acknowledge: false",
    16: "hec_url has to be the collector's address without a query",
    28: "the token wants acknowledgement: set acknowledge: true",
}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HecReport:
    """What became of the events, by their position in what was given."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # why it will never be taken
    # Taken, but not acknowledged yet, by the id of their acknowledgement.
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
        """Let go of sockets; safe to call twice."""
        self._session.close()

    def send(self, events: pa.Array) -> HecReport:
        """Send *events*, one JSON text each.

        Raises:
            InDoubtError: an answer or an acknowledgement did not come: some may be stored.
            SiemUnavailable: there is no room, after all attempts; some may be stored.
            SiemRefused: none can be stored: index, token or address are wrong.
        """
        if self._settings.hec_url is None:
            raise SiemRefused(
                f"connection {self._client.name!r} has no event collector, so nothing is written",
                hint="set hec_url and hec_token_file",
            )
        report = HecReport()
        for items in portions(events, MAX_BYTES, MAX_EVENTS):
            self._send(events, items, report)
        self._await(report)
        report.done.sort()
        return report

    def refusal(self) -> str:
        """Why the collector would take no event of ours, as far as it can be told; else nothing.

        It is sent nothing, which it answers with a code of its own only if the token is good.

        Raises:
            SiemUnavailable: it does not answer.
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
        """Send *items*, again while there is no room; without those that are refused by number."""
        attempt = 1
        while len(items):
            status, said, after = self._post(_EVENTS, self._packed(together(events, items)))
            if status == 413:
                self._halves(events, items, report, "it is larger than Splunk takes")
                return
            if status < 300 and said.code in _DONE:
                if said.code:
                    _log.warning("Splunk takes events, but says: %s", said.text)
                self._taken(said, items, report)
                return
            if said.code in _AGAIN or (said.code is None and status in (429, 503)):
                if attempt == self._settings.attempts:
                    raise SiemUnavailable(
                        f"the event collector had no room in {attempt} attempts: {said.text}",
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
        """A request that is refused as a whole is sent as two, down to the event that is why."""
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
                "the collector's token gives no acknowledgement, but acknowledge is true",
                hint="set acknowledge: false, or turn indexer acknowledgement on for the token",
            )
        else:
            report.awaited[said.ack] = items

    def _await(self, report: HecReport) -> None:
        """Ask until everything is acknowledged; each id is told once as true."""
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
                    hint="its indexers are slow or down; what is missing is sent again later",
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
        """One request, made again only while it cannot have arrived."""
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
            or "is hec_url the collector's address, https://HOST:8088? `scoreback check` tells",
        )
