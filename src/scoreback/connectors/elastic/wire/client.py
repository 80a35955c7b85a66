"""Talks to Elasticsearch through the official client: bytes in, bytes out.

The client handles nodes, TLS and authentication, and decodes nothing: pages of events are decoded
straight into columns elsewhere, and short answers by `Client.call`. Retries are Scoreback's own,
because the client's ignore ``Retry-After``: every call made here can safely be repeated.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import elastic_transport
import elasticsearch
import msgspec

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.failures import Failures, InDoubtError, never_sent
from scoreback.connectors.elastic.wire.transport import JSON, WireTransport, connect
from scoreback.connectors.patience import pause, tell, unanswered
from scoreback.errors import SiemRefused, SiemUnavailable

MAJORS = (8, 9)
_AGAIN = frozenset({429, 502, 503, 504})
_FROM_A_GATEWAY = frozenset({502, 503, 504})  # the server behind a gateway may still have acted


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer; never a failure that a later attempt could cure."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The decoded body."""
        return msgspec.json.decode(self.body) if self.body else None


class Client:
    """One connection; safe to use from several threads."""

    def __init__(
        self,
        name: str,
        settings: ElasticSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to connect as *name*; nothing is sent yet."""
        self._name, self._settings, self._sleep = name, settings, sleep
        self._failures = Failures(name, settings)
        self._client = connect(settings)
        self.made: set[str] = set()  # Scoreback's indices that are known to exist
        self.version = ""
        self.flavor = ""

    def open(self) -> None:
        """Check who answers, and use its version from now on.

        Raises:
            SiemUnavailable: no server answers.
            SiemRefused: the server is not Elasticsearch, or its version is not supported.
        """
        settings = self._settings
        with unanswered(
            f"connection {self._name!r}", settings.timeout, settings.attempts, settings.longest_wait
        ):
            found = self.call("GET", "/")
        try:
            self.version = str(found["version"]["number"])
            self.flavor = str(found["version"].get("build_flavor", ""))
            major = int(self.version.split(".")[0])
        except (TypeError, KeyError, ValueError) as error:
            raise SiemRefused(
                f"connection {self._name!r}: the answer to GET / is not from Elasticsearch",
                hint="check the address; is a proxy or another product answering?",
            ) from error
        if major not in MAJORS:
            raise SiemRefused(
                f"connection {self._name!r}: Elasticsearch {self.version} is not supported",
                hint="use Elasticsearch 8.19 or later, or 9.x",
            )
        transport = self._client.transport
        if isinstance(transport, WireTransport):
            transport.major = major

    def close(self) -> None:
        """Close all sockets; can safely be called twice."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        absent: tuple[int, ...] = (),
        params: Mapping[str, object] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Make a request with a JSON *body* and decode its answer.

        For a status in *absent*, the result is None.

        Raises:
            SiemUnavailable: no answer, or the server is busy, after all attempts.
            SiemRefused: the server refused the request.
        """
        data = None if body is None else msgspec.json.encode(body)
        answer = self.send(method, path, data, good=absent, params=params)
        if answer.status in absent:
            return None
        try:
            return answer.json
        except msgspec.DecodeError as error:
            raise self._failures.unreadable(method, path) from error

    def search(
        self, index: str, body: Mapping[str, object], *, absent: tuple[int, ...] = ()
    ) -> Any:  # noqa: ANN401 - JSON
        """Search *index*; an answer without all shards counts as no answer.

        Raises:
            SiemUnavailable: no answer, or not from every shard.
            SiemRefused: the server refused the request.
        """
        whole = {"allow_partial_search_results": False}
        return self.call("POST", f"/{index}/_search", body, absent=absent, params=whole)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content: str = JSON,
        good: tuple[int, ...] = (),
        doubtful: bool = False,
        attempts: int | None = None,
        params: Mapping[str, object] | None = None,
    ) -> Answer:
        """Make a request, repeated while that can help; the body is not decoded.

        Args:
            method: the HTTP method.
            path: the endpoint's path.
            body: sent unchanged.
            content: the content type of the body.
            good: statuses that are answers, beside 200 to 299.
            doubtful: raise instead of retrying when the server may have acted and the answer is
                lost.
            attempts: overrides the number in the settings.
            params: query parameters; None values are left out.

        Raises:
            InDoubtError: *doubtful*, and the answer was lost.
            SiemUnavailable: no answer, or the server is busy, after all attempts.
            SiemRefused: the server refused the request.
        """
        headers = {"accept": JSON} | ({} if body is None else {"content-type": content})
        query = {k: _text(v) for k, v in (params or {}).items() if v is not None}
        attempts = attempts or self._settings.attempts
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            began = time.monotonic()
            try:
                found = self._client.perform_request(
                    method, path, params=query, headers=headers, body=body
                )
                return Answer(found.meta.status, _bytes(found.body))
            except elasticsearch.UnsupportedProductError as error:
                raise self._failures.other_product() from error
            except elasticsearch.ApiError as error:
                status, after = error.meta.status, error.meta.headers.get("retry-after")
                if status in good:
                    return Answer(status, _bytes(error.body))
                if status not in _AGAIN:
                    raise self._failures.refused(method, path, status, _bytes(error.body)) from None
                if doubtful and status in _FROM_A_GATEWAY:
                    raise self._failures.gave_up(method, path, status, after) from None
                if last:
                    raise self._failures.busy(method, path, status, _bytes(error.body)) from None
                self._tell(
                    f"connection {self._name!r}: {method} {path} got {status}",
                    attempt,
                    attempts,
                    began,
                )
                self.wait(attempt, after)
            except elastic_transport.TransportError as error:
                in_doubt = doubtful and not never_sent(error)
                told = self._failures.silence(error, *([InDoubtError] if in_doubt else []))
                if in_doubt or last or not isinstance(told, SiemUnavailable):
                    raise told from error
                self._tell(f"{told.message} ({told.hint})", attempt, attempts, began)
                self.wait(attempt)
        raise AssertionError("unreachable")

    def wait(self, attempt: int, retry_after: str | None = None) -> None:
        """Sleep before attempt *attempt* + 1: longer each time, or as long as the server asks."""
        self._sleep(pause(attempt, self._settings.longest_wait, retry_after))

    def _tell(self, what: str, attempt: int, attempts: int, began: float) -> None:
        """Log what went wrong with the first attempt, because others follow."""
        if attempt == 1:
            tell(what, attempts, self._settings.longest_wait, time.monotonic() - began)


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
