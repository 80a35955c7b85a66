"""Talks to Splunk's management port: JSON in and out, retries with growing pauses.

The retries are Scoreback's own: every call made here can safely be repeated.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import quote

import msgspec
import urllib3
from splunklib import binding

from scoreback.connectors.patience import pause, tell, unanswered
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire.failures import Failures, InDoubtError, Silence, never_sent
from scoreback.connectors.splunk.wire.session import Form, Session
from scoreback.errors import SiemRefused, SiemUnavailable

OLDEST = (9, 0)
_V2_SINCE = (9, 0, 2)  # for the paths of searches
_AGAIN = frozenset({429, 502, 503, 504})
_FROM_A_GATEWAY = frozenset({502, 504})  # the server behind a gateway may still have acted


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer; never a failure that a later attempt could cure."""

    status: int
    body: bytes


class Client:
    """One connection; safe to use from several threads."""

    def __init__(
        self,
        name: str,
        settings: SplunkSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to connect as *name*; nothing is sent yet."""
        self.name, self.settings, self.sleep = name, settings, sleep
        self.failures = Failures(name, settings)
        self.searching = BoundedSemaphore(settings.searches)
        self.version = ""
        self.info: Mapping[str, Any] = {}  # what the server says about itself
        self.session = Session(settings, self.failures)

    def open(self) -> None:
        """Check who answers.

        Raises:
            SiemUnavailable: no server answers.
            SiemRefused: the server is not Splunk, has an unsupported version, or refuses the login.
        """
        settings = self.settings
        with unanswered(
            f"connection {self.name!r}", settings.timeout, settings.attempts, settings.longest_wait
        ):
            found = self.call("GET", "/services/server/info")
        try:
            self.info = found["entry"][0]["content"]
            self.version = str(self.info["version"])
        except (TypeError, KeyError, IndexError) as error:
            raise self.failures.other_product() from error
        if _numbers(self.version) < OLDEST:
            raise SiemRefused(
                f"connection {self.name!r}: Splunk {self.version} is not supported",
                hint="use Splunk 9.0 or later",
            )

    def close(self) -> None:
        """Close all sockets; can safely be called twice."""
        self.session.close()

    def own(self, *parts: str) -> str:
        """A path in the app's namespace; each part but the first may contain any characters."""
        first, *names = parts
        return "/".join(
            [f"/servicesNS/nobody/{quote(self.settings.app)}", first, *map(_part, names)]
        )

    @property
    def jobs(self) -> str:
        """The path of searches."""
        new = _numbers(self.version) >= _V2_SINCE
        return self.own("search/v2/jobs" if new else "search/jobs")

    def call(
        self,
        method: str,
        path: str,
        *,
        form: Form | None = None,
        body: object = None,
        params: Form | None = None,
        absent: tuple[int, ...] = (),
    ) -> Any:  # noqa: ANN401 - JSON
        """Make a request for JSON and decode its answer.

        Args:
            method: the HTTP method.
            path: from `own`, or beginning with ``/services``.
            form: fields to send.
            body: sent as JSON instead of a form.
            params: query parameters; None values are left out.
            absent: statuses for which the result is None.

        Raises:
            SiemUnavailable: no answer, or the server is busy, after all attempts.
            SiemRefused: the server refused the request.
        """
        data = None if body is None else msgspec.json.encode(body)
        query = {"output_mode": "json", **(params or {})}
        answer = self.send(method, path, form=form, body=data, params=query, good=absent)
        if answer.status in absent:
            return None
        try:
            return msgspec.json.decode(answer.body) if answer.body else None
        except msgspec.DecodeError as error:
            raise self.failures.unreadable(f"{method} {path}") from error

    def send(
        self,
        method: str,
        path: str,
        *,
        form: Form | None = None,
        body: bytes | None = None,
        params: Form | None = None,
        good: tuple[int, ...] = (),
        doubtful: bool = False,
    ) -> Answer:
        """Make a request, repeated while that can help; the answer's body is not decoded.

        Args:
            method: the HTTP method.
            path: from `own`, or beginning with ``/services``.
            form: fields to send.
            body: sent as JSON instead of a form.
            params: query parameters; None values are left out.
            good: statuses that are answers, beside 200 to 299.
            doubtful: raise instead of retrying when the server may have acted and the answer is
                lost.

        Raises:
            InDoubtError: *doubtful*, and the answer was lost.
            SiemUnavailable: no answer, or the server is busy, after all attempts.
            SiemRefused: the server refused the request.
        """
        what = f"{method} {path}"
        for attempt in range(1, self.settings.attempts + 1):
            last = attempt == self.settings.attempts
            began = time.monotonic()
            try:
                response = self.session.request(method, path, form=form, body=body, params=params)
                return Answer(response.status, response.body.read())
            except binding.HTTPError as error:
                if error.status in good:
                    return Answer(error.status, _bytes(error.body))
                if error.status not in _AGAIN:
                    raise self._refused(what, error) from None
                if doubtful and error.status in _FROM_A_GATEWAY:
                    raise self.failures.gave_up(what, error.status) from None
                if last:
                    busy = self.failures.busy(what, error.status, _bytes(error.body))
                    raise busy from None
                got = f"connection {self.name!r}: {what} got {error.status}"
                self._tell(got, attempt, began)
                self.wait(attempt, _retry_after(error))
            except Silence as error:
                in_doubt = doubtful and not never_sent(error)
                told = self.failures.silence(
                    self.settings.url, error, *([InDoubtError] if in_doubt else [])
                )
                if in_doubt or last or not isinstance(told, SiemUnavailable):
                    raise told from error
                self._tell(f"{told.message} ({told.hint})", attempt, began)
                self.wait(attempt)
        raise AssertionError("unreachable")

    @contextmanager
    def stream(self, path: str, form: Form) -> Iterator[urllib3.BaseHTTPResponse]:
        """Post *form* once; the answer's body is read as it arrives.

        Raises:
            SiemUnavailable: no answer, or the server is busy.
            SiemRefused: the server refused the request.
        """
        what = f"POST {path}"
        try:
            response = self.session.request("POST", path, form=form)
            try:
                yield response.body
            finally:
                response.body.close()
        except binding.HTTPError as error:
            if error.status not in _AGAIN:
                raise self._refused(what, error) from None
            after = _retry_after(error)
            raise self.failures.busy(what, error.status, _bytes(error.body), after) from None
        except Silence as error:
            raise self.failures.silence(self.settings.url, error) from error

    def wait(self, attempt: int, retry_after: str | None = None) -> None:
        """Sleep before attempt *attempt* + 1."""
        self.sleep(pause(attempt, self.settings.longest_wait, retry_after))

    def _tell(self, what: str, attempt: int, began: float) -> None:
        """Log what went wrong with the first attempt, because others follow."""
        if attempt == 1:
            spent = time.monotonic() - began
            tell(what, self.settings.attempts, self.settings.longest_wait, spent)

    def _refused(self, what: str, error: binding.HTTPError) -> SiemRefused:
        body = _bytes(error.body)
        if error.status == 401:
            return self.failures.not_logged_in(body)
        return self.failures.refused(what, error.status, body)


def _part(name: str) -> str:
    return quote(name, safe="")


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()


def _retry_after(error: binding.HTTPError) -> str | None:
    headers = {key.lower(): value for key, value in error.headers}
    return headers.get("retry-after")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of *version*; a version without any counts as the newest."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found) or (999,)
