"""Carries requests to the management port: splunklib over a session that checks certificates.

splunklib knows namespaces and logging in. By itself it would check no certificate, open a
connection for each request and read whole answers into memory, so what carries its requests is
ours.
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
    """Logged in when that is needed, and again once when it ran out; for several threads."""

    def __init__(self, settings: SplunkSettings, failures: Failures) -> None:
        """Prepare to connect; nothing is sent yet."""
        self.told_time: str | None = None  # by the server's last answer
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
        """Let go of sockets; safe to call twice."""
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
        """One request, with a new session if the old one ran out; its body is a stream.

        Args:
            method: of HTTP.
            path: quoted already.
            form: fields to send.
            body: JSON in place of a form.
            params: of the query; those that are None are left out.

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
        """The session of a user; another one than *but*, which ran out."""
        if not self._settings.user:
            return None
        with self._login:
            held = self._context.token
            if held is binding._NoAuthenticationToken or held == but:
                self._context.get_cookies().clear()  # one that ran out would be sent for ever
                self._context.login()
            return self._context.token

    def _carry(self, url: str, message: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """What splunklib sends, over our session; the body of the answer stays a stream."""
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
    """*fields* as a form has them; a list gives a pair for each of its values."""
    given = {key: value for key, value in (fields or {}).items() if value is not None}
    return urlencode({key: _text(value) for key, value in given.items()}, doseq=True)


def _text(value: object) -> object:
    return int(value) if isinstance(value, bool) else value
