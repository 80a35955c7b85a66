"""Sends requests to the management port: splunklib over a session that checks certificates.

splunklib handles namespaces and login. By itself it would check no certificate, open a connection
for each request and read whole answers into memory, so Scoreback replaces the part that sends its
requests.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

from splunklib import binding

from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire.failures import Failures
from scoreback.connectors.splunk.wire.http import session

JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Form = Mapping[str, object]


class Session:
    """Logs in when necessary, and again once if the login expired; safe for several threads."""

    def __init__(self, settings: SplunkSettings, failures: Failures) -> None:
        """Prepare to connect; nothing is sent yet."""
        self.told_time: str | None = None  # according to the server's last answer
        self._settings, self._failures = settings, failures
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

    def close(self) -> None:
        """Close all sockets; can safely be called twice."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Form | None = None,
        body: bytes | None = None,
        params: Form | None = None,
    ) -> Any:  # noqa: ANN401 - a record of splunklib
        """Make one request, with a new login if the old one expired; its body is a stream.

        Args:
            method: the HTTP method.
            path: already quoted.
            form: fields to send.
            body: sent as JSON instead of a form.
            params: query parameters; None values are left out.

        Raises:
            binding.HTTPError: a status of 400 or above.
            Silence: what `requests`, urllib3 and sockets raise.
        """
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
            if not self._settings.user:
                raise
        self._logged_in(but=held)
        return ask()

    def _logged_in(self, but: object = None) -> object:
        """A user's login; never *but*, which has expired."""
        if not self._settings.user:
            return None
        with self._login:
            held = self._context.token
            if held is binding._NoAuthenticationToken or held == but:
                self._context.get_cookies().clear()  # an expired one would be sent for ever
                self._context.login()
            return self._context.token

    def _carry(self, url: str, message: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """Send splunklib's request over this session; the answer's body stays a stream."""
        response = self._session.request(
            message["method"],
            str(url),
            data=message.get("body") or None,
            headers=dict(message["headers"]),
            timeout=self._settings.timeout,
            allow_redirects=False,
            stream=True,
        )
        self.told_time = response.headers.get("date")
        if 300 <= response.status_code < 400:
            response.close()
            raise self._failures.other_product()
        return {
            "status": response.status_code,
            "reason": response.reason,
            "headers": list(response.headers.items()),
            "body": response.raw,
        }


def _encoded(fields: Form | None) -> str:
    """*fields* encoded as a form; a list gives a pair for each of its values."""
    given = {key: value for key, value in (fields or {}).items() if value is not None}
    return urlencode({key: _text(value) for key, value in given.items()}, doseq=True)


def _text(value: object) -> object:
    return int(value) if isinstance(value, bool) else value
