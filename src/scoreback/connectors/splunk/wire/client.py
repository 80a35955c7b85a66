"""Talks to Splunk's management port: through splunklib, over a session that checks certificates.

splunklib knows namespaces and logging in; by itself it would check no certificate, open a
connection for each request and read whole answers into memory, so what carries its requests is
ours. Retries are ours as well: every call that is made here can be made twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import urllib3
from splunklib import binding

from scoreback.connectors.patience import pause
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire.failures import Failures, InDoubtError, Silence, never_sent
from scoreback.connectors.splunk.wire.http import session
from scoreback.errors import SiemRefused, SiemUnavailable

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OLDEST = (9, 0)
_V2_SINCE = (9, 0, 2)  # of the paths of search
_AGAIN = frozenset({429, 502, 503, 504})
_FROM_A_GATEWAY = frozenset({502, 504})  # what is behind it may have acted all the same

Form = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; never a failure that a later attempt could mend."""

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
        self.info: Mapping[str, Any] = {}  # what the server says of itself
        self.told_time: str | None = None  # by the server's last answer
        self._session = session(settings)
        self._login = Lock()
        parts = urlsplit(settings.url)
        self._context = binding.Context(
            handler=self._carry,
            scheme=parts.scheme,
            host=parts.hostname,
            port=parts.port or 8089,
            owner="nobody",
            app=settings.app,
            username=settings.user or "",
            password=settings.secret("password") or "",
            splunkToken=settings.secret("token") or "",
            verify=settings.verify_tls,
        )

    def open(self) -> None:
        """Ask who answers.

        Raises:
            SiemUnavailable: nobody answers.
            SiemRefused: it is no Splunk, of a version that is not supported, or lets us not in.
        """
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
        """Let go of sockets; safe to call twice."""
        self._session.close()

    def own(self, *parts: str) -> str:
        """A path in the namespace of our app; each part but the first may hold any characters."""
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
        """Make a request and decode its answer, which is asked for as JSON.

        Args:
            method: of HTTP.
            path: of `own`, or from ``/services`` on.
            form: fields to send.
            body: to be sent as JSON in place of a form.
            params: of the query; those that are None are left out.
            absent: statuses that give None.

        Raises:
            SiemUnavailable: no answer, or no room, after all attempts.
            SiemRefused: the server said no.
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
        """Make a request, again while that can help; the body comes undecoded.

        Args:
            method: of HTTP.
            path: of `own`, or from ``/services`` on.
            form: fields to send.
            body: JSON in place of a form.
            params: of the query; those that are None are left out.
            good: statuses that are answers beside those from 200 to 299.
            doubtful: say so, rather than try again, when the server may have acted unheard.

        Raises:
            InDoubtError: *doubtful*, and the answer got lost.
            SiemUnavailable: no answer, or no room, after all attempts.
            SiemRefused: the server said no.
        """
        what = f"{method} {path}"
        for attempt in range(1, self.settings.attempts + 1):
            last = attempt == self.settings.attempts
            try:
                response = self._request(method, path, form=form, body=body, params=params)
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
                self.wait(attempt, _retry_after(error))
            except Silence as error:
                in_doubt = doubtful and not never_sent(error)
                told = self.failures.silence(
                    self.settings.url, error, *([InDoubtError] if in_doubt else [])
                )
                if in_doubt or last or not isinstance(told, SiemUnavailable):
                    raise told from error
                self.wait(attempt)
        raise AssertionError("unreachable")

    @contextmanager
    def stream(self, path: str, form: Form) -> Iterator[urllib3.BaseHTTPResponse]:
        """Post *form* once; the answer's body is read as it comes.

        Raises:
            SiemUnavailable: no answer, or no room.
            SiemRefused: the server said no.
        """
        what = f"POST {path}"
        try:
            response = self._request("POST", path, form=form)
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

    def _request(
        self,
        method: str,
        path: str,
        *,
        form: Form | None = None,
        body: bytes | None = None,
        params: Form | None = None,
    ) -> Any:  # noqa: ANN401 - a record of splunklib
        """One request, with a new session if the old one ran out."""
        query = _encoded(params)
        target = binding.UrlEncoded(f"{path}?{query}" if query else path, skip_encode=True)

        def ask() -> Any:  # noqa: ANN401 - a record of splunklib
            if method != "POST":
                return {"GET": self._context.get, "DELETE": self._context.delete}[method](target)
            content = ("Content-Type", FORM if body is None else JSON)
            data = _encoded(form).encode() if body is None else body
            return self._context.post(target, headers=[content], body=data)

        held = self._logged_in()
        try:
            return ask()
        except binding.AuthenticationError:
            if not self.settings.user:
                raise
        self._logged_in(but=held)
        return ask()

    def _logged_in(self, but: object = None) -> object:
        """The session of a user; another one than *but*, which ran out."""
        if not self.settings.user:
            return None
        with self._login:
            held = self._context.token
            if held is binding._NoAuthenticationToken or held == but:
                self._context.get_cookies().clear()  # one that ran out would be sent for ever
                self._context.login()
            return self._context.token

    def _refused(self, what: str, error: binding.HTTPError) -> SiemRefused:
        body = _bytes(error.body)
        if error.status == 401:
            return self.failures.not_logged_in(body)
        return self.failures.refused(what, error.status, body)

    def _carry(self, url: str, message: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """What splunklib sends, over our session; the body of the answer stays a stream."""
        response = self._session.request(
            message["method"],
            str(url),
            data=message.get("body") or None,
            headers=dict(message["headers"]),
            timeout=self.settings.timeout,
            allow_redirects=False,
            stream=True,
        )
        self.told_time = response.headers.get("date")
        if 300 <= response.status_code < 400:
            response.close()
            raise self.failures.other_product()
        return {
            "status": response.status_code,
            "reason": response.reason,
            "headers": list(response.headers.items()),
            "body": response.raw,
        }


def _part(name: str) -> str:
    return quote(name, safe="")


def _encoded(fields: Form | None) -> str:
    """*fields* as a form has them; a list gives a pair for each of its values."""
    given = {key: value for key, value in (fields or {}).items() if value is not None}
    return urlencode({key: _text(value) for key, value in given.items()}, doseq=True)


def _text(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else str(body or "").encode()


def _retry_after(error: binding.HTTPError) -> str | None:
    headers = {key.lower(): value for key, value in error.headers}
    return headers.get("retry-after")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of *version*; what has none is taken for the newest."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found) or (999,)
