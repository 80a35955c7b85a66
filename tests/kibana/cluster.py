"""The real Elasticsearch node, asked over plain HTTP as Kibana's own client asks it.

Thread-safe: each thread has a connection of its own, which is renewed when it breaks.
"""

import http.client
import json
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tests.kibana.refusals import Refusal
from tests.simulators.faults import Faults

_TIMEOUT = 60.0


class ClusterError(Exception):
    """Elasticsearch refused a request: its status and its own words."""

    def __init__(self, status: int, body: Any) -> None:  # noqa: ANN401
        self.status, self.body = status, body
        error = body.get("error", body) if isinstance(body, dict) else body
        kind = error.get("type", "") if isinstance(error, dict) else ""
        reason = error.get("reason", error) if isinstance(error, dict) else error
        self.kind = str(kind)
        super().__init__(f"{kind}: {reason}" if kind else str(reason))


class Cluster:
    """Requests to the node at *url*; without a URL there is none."""

    def __init__(self, url: str | None, faults: Faults) -> None:
        self.url = url
        self._faults = faults
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()

    def answers(self) -> bool:
        """Whether the node is there."""
        try:
            self.asked("GET", "/")
        except (ClusterError, Refusal):
            return False
        return True

    def asked(
        self, method: str, path: str, body: object = None, *, absent: tuple[int, ...] = ()
    ) -> Any:  # noqa: ANN401
        """The JSON answer; None where the status is one of *absent*.

        Raises:
            ClusterError: Elasticsearch refused.
            Refusal: It does not answer (503, as Kibana says it).
        """
        sent: bytes | None
        if isinstance(body, bytes):
            sent, kind = body, "application/x-ndjson"
        else:
            sent = None if body is None else json.dumps(body).encode()
            kind = "application/json"
        status, answer = self._exchanged(method, path, sent, kind)
        if status in absent:
            return None
        if status >= 400:
            raise ClusterError(status, answer)
        return answer

    def bulk(self, lines: Iterable[object], *, refresh: bool = True) -> dict[str, Any]:
        """Send actions and documents in one bulk request."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if not text:
            return {"items": [], "errors": False}
        path = "/_bulk?refresh=true" if refresh else "/_bulk"
        answer: dict[str, Any] = self.asked("POST", path, text.encode())
        return answer

    def _exchanged(self, method: str, path: str, body: bytes | None, kind: str) -> tuple[int, Any]:
        if self.url is None or self._faults.take("elasticsearch_down", method, path):
            raise Refusal(503, "connect ECONNREFUSED: Elasticsearch does not answer")
        headers = {"Content-Type": kind} if body is not None else {}
        for attempt in (1, 2):
            connection = self._connection()
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as broken:
                connection.close()
                self._local.connection = None
                if attempt == 2 or isinstance(broken, ConnectionRefusedError):
                    raise Refusal(503, f"Elasticsearch does not answer: {broken}") from broken
                continue
            return response.status, json.loads(text) if text else {}
        raise AssertionError("unreachable")

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            where = urlsplit(self.url or "")
            kind = (
                http.client.HTTPSConnection
                if where.scheme == "https"
                else http.client.HTTPConnection
            )
            found = kind(where.hostname or "", where.port, timeout=_TIMEOUT)
            self._local.connection = found
            with self._lock:
                self._opened.append(found)
        return found
