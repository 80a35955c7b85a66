"""The meaning of failed requests in words for people: what went wrong, and what to do."""

from xml.etree import ElementTree as ET

import msgspec
import requests
import urllib3
from urllib3.exceptions import NewConnectionError

from scoreback.connectors.request_causes import causes, untrusted, within
from scoreback.connectors.secret_mask import SecretMask
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.errors import ConfigError, SiemError, SiemRefused, SiemUnavailable

_HINTS = {
    400: "read Splunk's message; `scoreback check` says what is missing",
    401: "check the token or password of the connection; has it expired?",
    403: "give the connection's user the capability or role that is needed",
    404: "is Scoreback's app installed, in this version? `scoreback check` says so",
    409: "an object with this name exists already; see `scoreback plan`",
    413: "the server accepts only smaller requests: raise its max_content_length",
}
_NEVER_SENT = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
# What `requests` raises and, while a body is read, urllib3 and sockets.
Silence = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class InDoubtError(SiemUnavailable):
    """A request may have reached the server, but its answer did not arrive."""


class Busy(SiemUnavailable):
    """The server is busy."""

    retry_after: str | None = None  # the pause that it asks for


class NoAnswer(SiemUnavailable):
    """A search returned nothing, which cannot be told from a failure."""


class Failures:
    """Makes errors from the failures of one connection."""

    def __init__(self, name: str, settings: SplunkSettings) -> None:
        """Prepare errors about the connection called *name*."""
        self._who, self._settings = f"connection {name!r}", settings
        self._mask = SecretMask(settings)

    def other_product(self) -> SiemRefused:
        """The error for a server that is not Splunk."""
        return SiemRefused(
            f"{self._who}: the server that answers is not Splunk's management port",
            hint="set url to https://HOST:8089 of a search head; is a proxy or Splunk Web"
            " answering?",
        )

    def refused(self, what: str, status: int, body: bytes) -> SiemRefused:
        """The error for a refused request *what*, a method and path."""
        return SiemRefused(
            f"{self._who}: {what} was refused with {status}: {self.told(reason(body))}",
            hint=_HINTS.get(status, "run `scoreback check` for what is missing"),
        )

    def not_logged_in(self, body: bytes) -> SiemRefused:
        """The error for a login or token that Splunk does not accept."""
        which = "token" if self._settings.has("token") else f"password of {self._settings.user!r}"
        return SiemRefused(
            f"{self._who}: Splunk does not accept the {which}: {self.told(reason(body))}",
            hint=_HINTS[401],
        )

    def busy(self, what: str, status: int, body: bytes, retry_after: str | None = None) -> Busy:
        """The error for a server that stays busy."""
        error = Busy(
            f"{self._who}: {what} got {status} in every attempt: {self.told(reason(body))}",
            hint="Splunk is overloaded or starting; nothing is lost, try again later",
        )
        error.retry_after = retry_after
        return error

    def gave_up(self, what: str, status: int) -> InDoubtError:
        """The error for a gateway that answered instead of the server."""
        return InDoubtError(
            f"{self._who}: {what} got {status}, so the server may have acted",
            hint="is Splunk overloaded, or is a gateway's timeout too short? Nothing is lost",
        )

    def silence(
        self, where: str, error: Exception, kind: type[SiemUnavailable] = SiemUnavailable
    ) -> SiemError | ConfigError:
        """The error for a missing answer from *where*."""
        if untrusted(error):
            return ConfigError(
                f"{self._who}: the certificate of {where} is not trusted",
                hint="set ca_file to its authority; the certificate must name the host of the"
                " address",
            )
        late = within(error, _LATE) and not within(error, (NewConnectionError,))
        what = f"no answer within {self._settings.timeout:g} s" if late else "no connection"
        return kind(
            f"{self._who}: {what}",
            hint=f"is {where} up, and does a firewall block the connection? Nothing is lost",
        )

    def unreadable(self, what: str) -> SiemUnavailable:
        """The error for an answer that is not JSON, because it broke off or came from elsewhere."""
        return SiemUnavailable(
            f"{self._who}: the answer to {what} is not JSON",
            hint="is there a failing proxy between this machine and Splunk? Nothing is lost",
        )

    def no_answer(self, why: str) -> NoAnswer:
        """The error for a search that broke off, or returned nothing."""
        return NoAnswer(
            f"{self._who}: {why}",
            hint="nothing is lost: the search is repeated; if this goes on, see the search's log",
        )

    def told(self, why: str) -> str:
        """*why* with the secrets masked, because it may repeat what was sent."""
        return self._mask.hide(why)


def reason(body: bytes) -> str:
    """The server's own short reason for the refusal."""
    try:
        found = msgspec.json.decode(body)
        texts = [str(message["text"]) for message in found["messages"]]
    except (msgspec.DecodeError, TypeError, KeyError):
        texts = _xml_texts(body)
    said = "; ".join(text for text in texts if text)
    return said[:500] or body[:200].decode(errors="replace") or "no reason was given"


def _xml_texts(body: bytes) -> list[str]:
    if b"<!" in body:  # no entity declarations: an attacker could make entities expand without end
        return []
    try:
        return [message.text or "" for message in ET.fromstring(body).iterfind(".//msg")]  # noqa: S314
    except ET.ParseError:
        return []


def never_sent(error: Exception) -> bool:
    """Whether the request certainly did not reach a server."""
    return untrusted(error) or any(type(cause).__name__ in _NEVER_SENT for cause in causes(error))
