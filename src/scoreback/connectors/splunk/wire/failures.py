"""What a failed request means, in words for a person: what is wrong with what, and what to do."""

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
    400: "see what Splunk says of it; `scoreback check` tells what is missing",
    401: "check the token or password of the connection; has it expired?",
    403: "give the connection's user the capability or the role that is needed",
    404: "is our app installed, and of this version? `scoreback check` tells",
    409: "something of this name is there already; see `scoreback plan`",
    413: "the server takes smaller requests only: raise max_content_length there",
}
_NEVER_SENT = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
# What `requests` and, of a body that is read as it comes, urllib3 and the sockets below raise.
Silence = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class InDoubtError(SiemUnavailable):
    """A request may have reached the server, but its answer did not reach us."""


class Busy(SiemUnavailable):
    """The server has no room now."""

    retry_after: str | None = None  # what it asks for


class NoAnswer(SiemUnavailable):
    """A search gave nothing that can be told from a failure."""


class Failures:
    """Failures of one connection, as errors."""

    def __init__(self, name: str, settings: SplunkSettings) -> None:
        """Speak of the connection called *name*."""
        self._who, self._settings = f"connection {name!r}", settings
        self._mask = SecretMask(settings)

    def other_product(self) -> SiemRefused:
        """Something answers, but not Splunk."""
        return SiemRefused(
            f"{self._who}: what answers is not Splunk's management port",
            hint="url is https://HOST:8089 of a search head; is a proxy or Splunk Web answering?",
        )

    def refused(self, what: str, status: int, body: bytes) -> SiemRefused:
        """The server said no to *what*, a method and path."""
        return SiemRefused(
            f"{self._who}: {what} was refused with {status}: {self.told(reason(body))}",
            hint=_HINTS.get(status, "run `scoreback check` for what is missing"),
        )

    def not_logged_in(self, body: bytes) -> SiemRefused:
        """The user or the token is not accepted."""
        which = "token" if self._settings.has("token") else f"password of {self._settings.user!r}"
        return SiemRefused(
            f"{self._who}: Splunk does not accept the {which}: {self.told(reason(body))}",
            hint=_HINTS[401],
        )

    def busy(self, what: str, status: int, body: bytes, retry_after: str | None = None) -> Busy:
        """The server has no room, however often it was asked."""
        error = Busy(
            f"{self._who}: {what} got {status}, however often it was tried:"
            f" {self.told(reason(body))}",
            hint="Splunk is overloaded or starting; nothing is lost, try again later",
        )
        error.retry_after = retry_after
        return error

    def gave_up(self, what: str, status: int) -> InDoubtError:
        """A gateway between us and the server answered in its place."""
        return InDoubtError(
            f"{self._who}: {what} got {status}, so the server may have acted",
            hint="is Splunk overloaded, or a gateway before it impatient? Nothing is lost",
        )

    def silence(
        self, where: str, error: Exception, kind: type[SiemUnavailable] = SiemUnavailable
    ) -> SiemError | ConfigError:
        """No answer came from *where*."""
        if untrusted(error):
            return ConfigError(
                f"{self._who}: the certificate of {where} is not trusted",
                hint="name its authority with ca_file; the host in the address has to be in it",
            )
        late = within(error, _LATE) and not within(error, (NewConnectionError,))
        what = f"no answer within {self._settings.timeout:g} s" if late else "no connection"
        return kind(
            f"{self._who}: {what}",
            hint=f"is {where} up, and does a firewall let us through? Nothing is lost",
        )

    def unreadable(self, what: str) -> SiemUnavailable:
        """An answer is not what it should be, as it broke off or something else gave it."""
        return SiemUnavailable(
            f"{self._who}: the answer to {what} is not JSON",
            hint="is a proxy between us and Splunk in trouble? Nothing is lost",
        )

    def no_answer(self, why: str) -> NoAnswer:
        """A search broke off, or gave nothing at all."""
        return NoAnswer(
            f"{self._who}: {why}",
            hint="nothing is lost: it is searched again; see the search's log if it stays so",
        )

    def told(self, why: str) -> str:
        """*why*, which may repeat what we sent, without our secrets."""
        return self._mask.hide(why)


def reason(body: bytes) -> str:
    """Why the server refused, in its own words, short."""
    try:
        found = msgspec.json.decode(body)
        texts = [str(message["text"]) for message in found["messages"]]
    except (msgspec.DecodeError, TypeError, KeyError):
        texts = _xml_texts(body)
    said = "; ".join(text for text in texts if text)
    return said[:500] or body[:200].decode(errors="replace") or "no reason was given"


def _xml_texts(body: bytes) -> list[str]:
    if b"<!" in body:  # no declaration of ours to read: entities could be made to explode
        return []
    try:
        return [message.text or "" for message in ET.fromstring(body).iterfind(".//msg")]  # noqa: S314
    except ET.ParseError:
        return []


def never_sent(error: Exception) -> bool:
    """Whether the request cannot have reached a server."""
    return untrusted(error) or any(type(cause).__name__ in _NEVER_SENT for cause in causes(error))
