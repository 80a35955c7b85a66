"""Talks to Kibana: JSON in and out, retries with growing pauses.

Opening a connection sends no request, and Kibana's version is only requested where something
depends on it: reading, training and scoring go on while Kibana is down. Every call made here can
safely be repeated. The environment is ignored: a ``.netrc`` would replace the key, and a proxy
would see it.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from scoreback.connectors.elastic.kibana.failures import Failures
from scoreback.connectors.elastic.kibana.versions import OLDEST, Differences, Version, differences
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.patience import pause, tell, unanswered
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.regular_file import open_regular

CONNECTIONS = 8  # maximum open connections
DEFAULT_SPACE = "default"
_AGAIN = frozenset({429, 502, 503, 504})
# how other servers answer a request for Kibana's status: Elasticsearch says 400
_OF_OTHERS = (400, 404, 405)
_HEADERS = {
    "kbn-xsrf": "true",
    "elastic-api-version": "2023-10-31",
    "Accept-Encoding": "identity",
    "User-Agent": "scoreback",
}
Files = Mapping[str, tuple[str, bytes, str]]  # part → (file name, content, type)


@dataclass(frozen=True, slots=True)
class Answer:
    """Kibana's answer; never a failure that a later attempt could cure."""

    status: int
    body: bytes


class Kibana:
    """One connection to one space; safe to use from several threads."""

    def __init__(
        self,
        name: str,
        settings: ElasticSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare to connect as *name*; nothing is sent yet.

        Raises:
            ConfigError: a file of certificates or of a secret cannot be used.
        """
        self.space = settings.space
        self._settings, self._sleep = settings, sleep
        self._address = (settings.kibana or "").rstrip("/")
        self._failures = Failures(name, settings)
        self._session = _session(settings)
        self._asking = Lock()
        self._version: Version | None = None
        self._space_is_there = settings.space == DEFAULT_SPACE

    def address_of(self, path: str) -> str:
        """The browser address of a page in the connection's space."""
        return f"{self._address}{self._within_space}{path}"

    @property
    def _within_space(self) -> str:
        return "" if self.space == DEFAULT_SPACE else f"/s/{quote(self.space)}"

    @property
    def version(self) -> Version:
        """Kibana's version, requested once.

        Raises:
            SiemUnavailable: Kibana does not answer.
            SiemRefused: the server is not Kibana, or its version is not supported.
        """
        with self._asking:
            if self._version is None:
                self._version = self._status()
            return self._version

    @property
    def known_version(self) -> Version | None:
        """Kibana's version, if it was requested already."""
        return self._version

    @property
    def differences(self) -> Differences:
        """What this version of Kibana supports; raises like `version`."""
        return differences(self.version)

    def require_space(self) -> None:
        """Check that the space exists, because Kibana would accept rules for a missing space.

        Raises:
            SiemRefused: the space does not exist.
        """
        if self._space_is_there:
            return
        path = f"/api/spaces/space/{quote(self.space)}"
        answer = self.send("GET", path, space=False, good=(403, 404))
        if answer.status == 404:
            raise self._failures.no_space(self.space)
        self._space_is_there = True  # 403: Scoreback may not read spaces

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, object] | None = None,
        absent: tuple[int, ...] = (),
        files: Files | None = None,
        space: bool = True,
    ) -> Any:  # noqa: ANN401 - JSON
        """Make a request and decode its JSON answer.

        Args:
            method: the HTTP method.
            path: beginning with ``/api``.
            body: sent as JSON.
            params: query parameters; None values are left out.
            absent: statuses for which the result is None.
            files: sent as a form instead of a body.
            space: whether the request is for the connection's space or for Kibana as a whole.

        Raises:
            SiemUnavailable: no answer, or Kibana is busy, after all attempts.
            SiemRefused: Kibana refused the request.
        """
        answer = self.send(method, path, body, params=params, good=absent, files=files, space=space)
        return None if answer.status in absent else self.decode(method, path, answer)

    def decode(self, method: str, path: str, answer: Answer) -> Any:  # noqa: ANN401 - JSON
        """The decoded content of *answer* to that request.

        Raises:
            SiemUnavailable: the answer broke off, or does not come from Kibana.
        """
        try:
            return msgspec.json.decode(answer.body) if answer.body else None
        except msgspec.DecodeError as error:
            raise self._failures.unreadable(method, path) from error

    def refused(self, method: str, path: str, answer: Answer) -> SiemRefused:
        """The error for an *answer* that turns out to be a refusal."""
        return self._failures.refused(method, path, answer.status, answer.body, self._version)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, object] | None = None,
        good: tuple[int, ...] = (),
        files: Files | None = None,
        space: bool = True,
    ) -> Answer:
        """Make a request, repeated while that can help; the answer's body is not decoded.

        Statuses in *good* are answers, beside 200 to 299; everything else is as in `call`.
        """
        within = self._within_space if space else ""
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        query = {k: _text(v) for k, v in (params or {}).items() if v is not None}
        for attempt in range(1, self._settings.attempts + 1):
            last = attempt == self._settings.attempts
            began = time.monotonic()
            try:
                response = self._session.request(
                    method,
                    self._address + within + path,
                    params=query,
                    data=data,
                    files=files,
                    headers=headers,
                    timeout=self._settings.timeout,
                    allow_redirects=False,
                )
                status, content = response.status_code, response.content
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                told = self._failures.silence(error)
                if last or not isinstance(told, SiemUnavailable):
                    raise told from error
                self._tell(f"{told.message} ({told.hint})", attempt, began)
                self._wait(attempt)
                continue
            if 200 <= status < 300 or status in good:
                return Answer(status, content)
            if 300 <= status < 400:
                raise self._failures.redirected(method, path)
            if status not in _AGAIN:
                raise self._failures.refused(method, path, status, content, self._version)
            if last:
                raise self._failures.busy(method, path, status, content)
            self._tell(f"Kibana: {method} {path} got {status}", attempt, began)
            self._wait(attempt, response.headers.get("Retry-After"))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close all sockets; can safely be called twice."""
        self._session.close()

    def _status(self) -> Version:
        settings = self._settings
        with unanswered("Kibana", settings.timeout, settings.attempts, settings.longest_wait):
            answer = self.send("GET", "/api/status", space=False, good=_OF_OTHERS)
        if answer.status in _OF_OTHERS:
            raise self._failures.other_product()
        try:
            found = msgspec.json.decode(answer.body)
        except msgspec.DecodeError as error:
            raise self._failures.other_product() from error
        if not isinstance(found, dict) or "status" not in found:
            raise self._failures.other_product()
        try:
            version = Version.of(str(found["version"]["number"]))
        except (TypeError, KeyError, ValueError) as error:
            raise self._failures.nameless() from error
        if version < OLDEST:
            raise self._failures.too_old(version, OLDEST)
        return version

    def _tell(self, what: str, attempt: int, began: float) -> None:
        """Log what went wrong with the first attempt, because others follow."""
        if attempt == 1:
            spent = time.monotonic() - began
            tell(what, self._settings.attempts, self._settings.longest_wait, spent)

    def _wait(self, attempt: int, retry_after: str | None = None) -> None:
        self._sleep(pause(attempt, self._settings.longest_wait, retry_after))


def _session(settings: ElasticSettings) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    trusted = settings.kibana_ca_file or settings.ca_file
    if trusted is not None:
        try:
            with open_regular(trusted):
                pass  # the library would wait for input from a pipe
        except OSError as error:
            raise ConfigError(
                f"the certificate file {trusted} cannot be used: {error.strerror}",
                hint="set kibana_ca_file to a file with certificates in PEM format",
            ) from error
    made.verify = str(trusted) if trusted is not None else True
    if not settings.verify_tls:
        made.verify = False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if settings.proxy is not None:
        made.proxies = dict.fromkeys(("http", "https"), settings.proxy.get_secret_value())
    made.headers.update(_HEADERS)
    authorization = _authorization(settings)
    if authorization:
        made.headers["Authorization"] = authorization
    adapter = HTTPAdapter(pool_maxsize=CONNECTIONS)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def _authorization(settings: ElasticSettings) -> str | None:
    """Kibana's own key, or the cluster's credentials."""
    key = settings.secret("kibana_api_key") or settings.secret("api_key")
    if key:
        return f"ApiKey {key}"
    password = settings.secret("password")
    if settings.user and password:
        both = f"{settings.user}:{password}".encode()
        return "Basic " + base64.b64encode(both).decode()
    return None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
