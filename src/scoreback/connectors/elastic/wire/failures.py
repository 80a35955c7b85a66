"""The meaning of failed requests in words for people: what went wrong, and what to do."""

import ssl
from collections.abc import Iterator

import elastic_transport
import msgspec

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.secret_mask import SecretMask
from scoreback.errors import ConfigError, SiemError, SiemRefused, SiemUnavailable

DISK_FULL = "the cluster's disks are too full: free some space there or add a node; nothing is lost"
_HINTS = {
    401: "check the API key or password of the connection; has it expired?",
    403: "give the connection's user or API key the privilege that is named",
    404: "if it is Scoreback's, run `scoreback apply`; `scoreback check` says what is missing",
    413: "the server accepts only smaller requests: raise its http.max_content_length",
}
_NEVER_SENT = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
_BROKE_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError, TimeoutError)


class InDoubtError(SiemUnavailable):
    """A request may have reached the server, but its answer did not arrive."""

    retry_after: str | None = None  # the pause that a gateway asked for


class Failures:
    """Makes errors from the failures of one connection."""

    def __init__(self, name: str, settings: ElasticSettings) -> None:
        """Prepare errors about the connection called *name*."""
        self._who, self._settings = f"connection {name!r}", settings
        self._mask = SecretMask(settings)

    def other_product(self) -> SiemRefused:
        """The error for a server that is not Elasticsearch."""
        return SiemRefused(
            f"{self._who}: the server that answers is not Elasticsearch",
            hint="check the address: Elasticsearch 8.19 or later, or 9.x, is supported",
        )

    def refused(self, method: str, path: str, status: int, body: bytes) -> SiemRefused:
        """The error for a refused request."""
        return SiemRefused(
            f"{self._who}: {method} {path} was refused with {status}: {self._reason(body)}",
            hint=_HINTS.get(status, "run `scoreback check` for what is missing"),
        )

    def busy(self, method: str, path: str, status: int, body: bytes) -> SiemUnavailable:
        """The error for a server that stays busy."""
        why = self._reason(body)
        return SiemUnavailable(
            f"{self._who}: {method} {path} got {status} in each of"
            f" {self._settings.attempts} attempts: {why}",
            hint=full_disk(why)
            or "the cluster is overloaded or starting; nothing is lost, try again later",
        )

    def gave_up(self, method: str, path: str, status: int, after: str | None) -> InDoubtError:
        """The error for a gateway that answered instead of the server."""
        error = InDoubtError(
            f"{self._who}: {method} {path} got {status}, so the server may have acted",
            hint="is the cluster overloaded, or is a gateway's timeout too short? Nothing is lost",
        )
        error.retry_after = after
        return error

    def silence(
        self, error: elastic_transport.TransportError, kind: type[SiemUnavailable] = SiemUnavailable
    ) -> SiemError | ConfigError:
        """The error for a missing answer."""
        if isinstance(error, elastic_transport.TlsError) and not _within(error, _BROKE_OFF):
            return ConfigError(
                f"{self._who}: the server's certificate is not trusted",
                hint="set ca_file or fingerprint to its authority",
            )
        late = isinstance(error, elastic_transport.ConnectionTimeout)
        what = f"no answer within {self._settings.timeout:g} s" if late else "no connection"
        where = ", ".join(self._settings.hosts) or "the cloud deployment"
        return kind(
            f"{self._who}: {what}",
            hint=f"is {where} up, and does a firewall block the connection? Nothing is lost",
        )

    def unreadable(self, method: str, path: str) -> SiemUnavailable:
        """The error for an answer that is not JSON, because it broke off or came from elsewhere."""
        return SiemUnavailable(
            f"{self._who}: the answer to {method} {path} is not JSON",
            hint="is there a failing proxy between this machine and the cluster? Nothing is lost",
        )

    def _reason(self, body: bytes) -> str:
        """Why the server refused, with secrets masked: answers may repeat what was sent."""
        return self._mask.hide(reason(body))


def reason(body: bytes) -> str:
    """The server's own short reason for the refusal."""
    try:
        found = msgspec.json.decode(body)
        error = found["error"]
        if isinstance(error, str):
            return error[:300]
        cause = (error.get("root_cause") or [error])[0]
        return f"{cause.get('type')}: {cause.get('reason')}"[:300]
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError, IndexError):
        return body[:200].decode(errors="replace") or "no reason was given"


def full_disk(why: str) -> str:
    """The remedy if *why* says that the disks are too full, otherwise ""."""
    return DISK_FULL if "disk usage" in why or "read-only-allow-delete" in why else ""


def never_sent(error: elastic_transport.TransportError) -> bool:
    """Whether the request certainly did not reach a server."""
    return any(type(cause).__name__ in _NEVER_SENT for cause in _causes(error))


def _within(error: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """All causes of *error*, wherever a library keeps them."""
    waiting: list[object] = [*getattr(error, "errors", ()), error.__cause__]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
