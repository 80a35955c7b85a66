"""Talks to Elasticsearch: bytes in, bytes out, through the official client.

The client does nodes, TLS and authentication. It decodes nothing here: a page of events is decoded
straight into columns elsewhere, and short answers by `Client.call`. Retries are ours, as the
client's do not honour ``Retry-After``: every call that is made here can be made twice.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import elastic_transport
import elasticsearch
import msgspec

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.transport import JSON, WireTransport, connect, never_sent
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable

MAJORS = (8, 9)
_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; never a failure that a later attempt could mend."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body, decoded."""
        return msgspec.json.decode(self.body) if self.body else None


class InDoubtError(SiemUnavailable):
    """A request may have reached the server, but its answer did not reach us."""


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
        self._client = connect(settings)
        self.version = ""
        self.flavor = ""

    def open(self) -> None:
        """Ask who answers, and speak its version from now on.

        Raises:
            SiemUnavailable: nobody answers.
            SiemRefused: it is no Elasticsearch, or of a version that is not supported.
        """
        found = self.call("GET", "/")
        try:
            self.version = str(found["version"]["number"])
            self.flavor = str(found["version"].get("build_flavor", ""))
            major = int(self.version.split(".")[0])
        except (TypeError, KeyError, ValueError) as error:
            raise SiemRefused(
                f"connection {self._name!r}: the answer to GET / is not Elasticsearch's",
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
        """Let go of sockets; safe to call twice."""
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

        A status among *absent* gives None.

        Raises:
            SiemUnavailable: no answer, or no room, after all attempts.
            SiemRefused: the server said no.
        """
        data = None if body is None else msgspec.json.encode(body)
        answer = self.send(method, path, data, good=absent, params=params)
        return None if answer.status in absent else answer.json

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content: str = JSON,
        good: tuple[int, ...] = (),
        doubtful: bool = False,
        params: Mapping[str, object] | None = None,
    ) -> Answer:
        """Make a request, again while that can help; the body comes undecoded.

        Args:
            method: of HTTP.
            path: of the endpoint.
            body: sent as it is.
            content: type of the body.
            good: statuses that are answers beside those from 200 to 299.
            doubtful: say so, rather than try again, when the server may have acted unheard.
            params: of the query; those that are None are left out.

        Raises:
            InDoubtError: *doubtful*, and the answer got lost.
            SiemUnavailable: no answer, or no room, after all attempts.
            SiemRefused: the server said no.
        """
        headers = {"accept": JSON} | ({} if body is None else {"content-type": content})
        query = {k: _text(v) for k, v in (params or {}).items() if v is not None}
        for attempt in range(1, self._settings.attempts + 1):
            last = attempt == self._settings.attempts
            try:
                found = self._client.perform_request(
                    method, path, params=query, headers=headers, body=body
                )
                return Answer(found.meta.status, _bytes(found.body))
            except elasticsearch.UnsupportedProductError as error:
                raise self._refused("another product than Elasticsearch answers") from error
            except elasticsearch.ApiError as error:
                status = error.meta.status
                if status in good:
                    return Answer(status, _bytes(error.body))
                if status not in _AGAIN:
                    raise self._no(method, path, status, _bytes(error.body)) from None
                if last:
                    raise self._busy(method, path, status, _bytes(error.body)) from None
                self.wait(attempt, error.meta.headers.get("retry-after"))
            except elastic_transport.TlsError as error:
                raise self._untrusted() from error
            except elastic_transport.TransportError as error:
                if doubtful and not never_sent(error):
                    raise InDoubtError(self._silence(error), hint=self._hint()) from error
                if last:
                    raise SiemUnavailable(self._silence(error), hint=self._hint()) from error
                self.wait(attempt)
        raise AssertionError("unreachable")

    def wait(self, attempt: int, retry_after: str | None = None) -> None:
        """Sleep before attempt *attempt* + 1: longer each time, and as the server asks."""
        longest = self._settings.longest_wait
        drawn = random.uniform(0.5, 1.0) * min(longest, 2.0 ** (attempt - 1))  # noqa: S311 - jitter
        asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        self._sleep(max(drawn, min(asked, 10 * longest)))

    def _refused(self, why: str) -> SiemRefused:
        return SiemRefused(
            f"connection {self._name!r}: {why}",
            hint="check the address: Elasticsearch 8.19 or later, or 9.x, is supported",
        )

    def _no(self, method: str, path: str, status: int, body: bytes) -> SiemRefused:
        hints = {
            401: "check the API key or password of the connection; has it expired?",
            403: "give the connection's user or API key the right that is named",
            404: "check that it exists, and run `scoreback check` and `scoreback plan`",
            413: "the server takes smaller requests only: raise http.max_content_length there",
        }
        return SiemRefused(
            f"connection {self._name!r}: {method} {path} was refused with {status}: {reason(body)}",
            hint=hints.get(status, "run `scoreback check` for what is missing"),
        )

    def _busy(self, method: str, path: str, status: int, body: bytes) -> SiemUnavailable:
        return SiemUnavailable(
            f"connection {self._name!r}: {method} {path} got {status} in each of"
            f" {self._settings.attempts} attempts: {reason(body)}",
            hint="the cluster is overloaded or starting; nothing is lost, try again later",
        )

    def _untrusted(self) -> ConfigError:
        return ConfigError(
            f"connection {self._name!r}: the server's certificate is not trusted",
            hint="name its authority with ca_file or fingerprint",
        )

    def _silence(self, error: elastic_transport.TransportError) -> str:
        late = isinstance(error, elastic_transport.ConnectionTimeout)
        what = f"no answer within {self._settings.timeout:g} s" if late else "no connection"
        return f"connection {self._name!r}: {what}"

    def _hint(self) -> str:
        where = ", ".join(self._settings.hosts) or "the cloud deployment"
        return f"is {where} up, and does a firewall let us through? Nothing is lost"


def reason(body: bytes) -> str:
    """Why the server refused, in its own words, short."""
    try:
        found = msgspec.json.decode(body)
        error = found["error"]
        if isinstance(error, str):
            return error[:300]
        cause = (error.get("root_cause") or [error])[0]
        return f"{cause.get('type')}: {cause.get('reason')}"[:300]
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError, IndexError):
        return body[:200].decode(errors="replace") or "no reason was given"


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else b""


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
