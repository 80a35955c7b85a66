"""HTTP Event Collector: tokens, batches of concatenated JSON, acknowledgement, codes."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NoReturn

from tests.simulators.faults import Faults
from tests.splunkd.clock import Clock
from tests.splunkd.instance import Index
from tests.splunkd.store import Event, EventStore

CODES: dict[int, tuple[int, str]] = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
    16: (400, "Query string authorization is not enabled"),
    17: (200, "HEC is healthy"),
    18: (503, "HEC is unhealthy, queues are full"),
    19: (503, "HEC is unhealthy, ack service unavailable"),
    20: (503, "HEC is unhealthy, queues are full, ack service unavailable"),
    21: (400, "Invalid token"),
    22: (400, "Token disabled"),
    23: (503, "Server is shutting down"),
    24: (200, "Queue is approaching its capacity limit"),
    25: (200, "ACK channel is approaching its capacity limit"),
    26: (429, "Queue at capacity"),
    27: (429, "ACK channel at capacity"),
    28: (400, "Data channel is missing"),
}
_DECODER = json.JSONDecoder()


class HecRefusal(Exception):
    """An answer with a code of the table."""

    def __init__(self, code: int, **more: object) -> None:
        self.code = code
        self.more = more
        super().__init__(CODES[code][1])


@dataclass
class Token:
    """A token of the collector."""

    name: str
    token: str = field(repr=False, default_factory=lambda: secrets.token_hex(16))
    index: str = "main"
    indexes: tuple[str, ...] = ()
    """Those that events may name; none: all."""
    sourcetype: str = "httpevent"
    source: str = ""
    acknowledges: bool = False
    disabled: bool = False
    in_query: bool = False
    """Whether the token may stand in the query string."""


@dataclass(frozen=True)
class HecRequest:
    """What came to the collector."""

    token: Token
    channel: str
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    client: str = "127.0.0.1"


class Hec:
    """The collector of one simulator, or of a cluster's indexers."""

    def __init__(
        self, clock: Clock, store: EventStore, faults: Faults, indexes: Mapping[str, Index]
    ) -> None:
        self._clock = clock
        self._store = store
        self._faults = faults
        self._indexes = indexes
        self._lock = Lock()
        self._acks: dict[str, dict[int, float]] = {}
        self._next: dict[str, int] = {}
        self.tokens: dict[str, Token] = {}

    def add_token(self, token: Token) -> Token:
        """Know a token."""
        self.tokens[token.token] = token
        return token

    def known(self, authorization: str, query: Mapping[str, str], health: bool = False) -> Token:
        """The token of a request."""
        given = query.get("token", "")
        if not authorization:
            if not given:
                raise HecRefusal(2)
            token = self.tokens.get(given)
            if token is None or not token.in_query:
                raise HecRefusal(16)
        else:
            scheme, _, secret = authorization.partition(" ")
            if scheme.lower() == "basic":
                import base64

                decoded = base64.b64decode(secret + "==").decode(errors="replace")
                scheme, secret = "Splunk", decoded.partition(":")[2]
            if scheme.lower() not in ("splunk", "bearer") or not secret.strip():
                raise HecRefusal(3)
            token = self.tokens.get(secret.strip())
        if token is None:
            raise HecRefusal(21 if health else 4)
        if token.disabled:
            raise HecRefusal(22 if health else 1)
        return token

    def _fail(self, path: str) -> None:
        fault = self._faults.take("hec", "POST", path)
        if fault and not fault.get("stored", False):
            raise HecRefusal(int(fault.get("code", 9)))

    def _channel(self, request: HecRequest, always: bool = False) -> str:
        if not request.channel:
            if request.token.acknowledges or always:
                raise HecRefusal(10)
            return ""
        import uuid

        try:
            return str(uuid.UUID(request.channel))
        except ValueError:
            raise HecRefusal(11) from None

    def events(self, request: HecRequest, path: str) -> dict[str, object]:
        """A batch of event envelopes."""
        channel = self._channel(request)
        self._fail(path)
        made: list[Event] = []
        try:
            for number, envelope in enumerate(_envelopes(request.body)):
                made.append(self._event(number, envelope, request))
        except HecRefusal:
            self._store.add(made)  # those before the wrong one are indexed
            raise
        if not made:
            raise HecRefusal(5)
        self._store.add(made)
        return self._stored(channel, path, request)

    def raw(self, request: HecRequest, path: str) -> dict[str, object]:
        """Lines, each an event."""
        channel = self._channel(request, always=request.token.acknowledges)
        self._fail(path)
        lines = [
            line for line in request.body.decode(errors="replace").splitlines() if line.strip()
        ]
        if not lines:
            raise HecRefusal(5)
        query, token = request.query, request.token
        envelope = {
            k: query[k] for k in ("time", "host", "source", "sourcetype", "index") if k in query
        }
        self._store.add(
            self._event(n, {**envelope, "event": line}, request) for n, line in enumerate(lines)
        )
        del token
        return self._stored(channel, path, request)

    def _stored(self, channel: str, path: str, request: HecRequest) -> dict[str, object]:
        answer: dict[str, object] = {"text": "Success", "code": 0}
        if request.token.acknowledges:
            with self._lock:
                number = self._next.get(channel, 0)
                self._next[channel] = number + 1
                ready = self._clock.now() + self._store.delay
                self._acks.setdefault(channel, {})[number] = ready
            answer["ackId"] = number
        fault = self._faults.take("hec", "stored", path)
        if fault:
            raise HecRefusal(int(fault.get("code", 9)))
        warning = self._faults.take("hec", "warned", path)
        if warning:
            code = int(warning.get("code", 24))
            answer |= {"text": CODES[code][1], "code": code}
        return answer

    def acknowledged(self, request: HecRequest, path: str) -> dict[str, object]:
        """Which batches are stored. A true answer is given once."""
        if not request.token.acknowledges:
            raise HecRefusal(14)
        channel = self._channel(request, always=True)
        try:
            asked = [int(number) for number in json.loads(request.body or b"{}")["acks"]]
        except (ValueError, KeyError, TypeError):
            raise HecRefusal(6) from None
        never = self._faults.take("ack_never", "POST", path)
        now, answer = self._clock.now(), dict[str, bool]()
        with self._lock:
            waiting = self._acks.setdefault(channel, {})
            for number in asked:
                ready = waiting.get(number)
                done = not never and ready is not None and ready <= now
                if done:
                    del waiting[number]
                answer[str(number)] = done
        return {"acks": answer}

    def health(self, path: str, with_acks: bool) -> NoReturn:
        """Whether the collector takes events."""
        fault = self._faults.take("hec", "GET", path)
        code = int(fault.get("code", 18)) if fault else 17
        if code in (19, 20) and not with_acks:
            code = 17 if code == 19 else 18
        raise HecRefusal(code)

    def _event(self, number: int, envelope: Any, request: HecRequest) -> Event:  # noqa: ANN401
        token = request.token

        def refuse(code: int) -> NoReturn:
            raise HecRefusal(code, **{"invalid-event-number": number})

        if not isinstance(envelope, dict):
            refuse(6)
        if "event" not in envelope:
            refuse(12)
        event = envelope["event"]
        if event is None or event == "" or (isinstance(event, str) and not event.strip()):
            refuse(13)
        index = str(envelope.get("index") or token.index)
        allowed = not token.indexes or index in token.indexes
        there = self._indexes.get(index)
        if not allowed or there is None or there.disabled:
            refuse(7)
        given = envelope.get("time", self._clock.now())
        try:
            when = float(given)
        except (TypeError, ValueError):
            refuse(6)
        fields = envelope.get("fields")
        if fields is not None and (
            not isinstance(fields, dict) or any(isinstance(v, dict) for v in fields.values())
        ):
            refuse(15)
        raw = (
            event
            if isinstance(event, str)
            else json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        )
        return Event(
            index,
            when,
            str(envelope.get("host") or request.client),
            str(envelope.get("source") or token.source or f"http:{token.name}"),
            str(envelope.get("sourcetype") or token.sourcetype),
            raw,
            json.dumps(fields) if fields else None,
        )


def _envelopes(body: bytes) -> Iterator[Any]:
    """JSON documents that follow each other without a comma."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise HecRefusal(6, **{"invalid-event-number": 0}) from None
    position, number = 0, 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position >= len(text):
            return
        try:
            document, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError:
            raise HecRefusal(6, **{"invalid-event-number": number}) from None
        yield document
        number += 1
