"""The meaning of failed requests to Kibana, in words for people."""

import msgspec
import requests
import urllib3
from urllib3.exceptions import NewConnectionError

from scoreback.connectors.elastic.kibana.versions import SINCE, Features, Version
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.request_causes import untrusted, within
from scoreback.connectors.secret_mask import SecretMask
from scoreback.errors import ConfigError, SiemError, SiemRefused, SiemUnavailable

_HINTS = {
    400: "read Kibana's message; `scoreback check` says what is missing",
    401: "check kibana_api_key, or api_key if it is not set; has the key expired?",
    404: "is `kibana` the address of a Kibana with Elastic Security, 8.19 or later?",
    409: "somebody else changed it at the same moment; try again",
    413: "Kibana accepts only smaller requests: raise its server.maxPayload",
}
# The part of a path that shows which Kibana feature a privilege belongs to.
_FEATURES = (
    ("/api/detection_engine/signals", "alerts"),
    ("/api/detection_engine", "rules"),
    ("/api/cases", "cases"),
    ("/api/dashboards", "dashboards"),
    ("/api/saved_objects", "saved_objects"),
)
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class Failures:
    """Makes errors from the failures of one connection."""

    def __init__(self, name: str, settings: ElasticSettings) -> None:
        """Prepare errors about the connection called *name*."""
        self._who, self._settings = f"connection {name!r}", settings
        self._mask = SecretMask(settings)

    def other_product(self) -> SiemRefused:
        """The error for a server that is not Kibana."""
        return SiemRefused(
            f"{self._who}: the server that answers at {self._settings.kibana} is not Kibana",
            hint="set kibana to https://HOST:PORT of Kibana, with its base path if it has one",
        )

    def nameless(self) -> SiemRefused:
        """The error for a Kibana that hides its version, as it does without privileges."""
        return SiemRefused(
            f"{self._who}: Kibana does not report its version to this API key or user",
            hint=_HINTS[401],
        )

    def too_old(self, version: Version, oldest: Version) -> SiemRefused:
        """The error for a version that is not supported."""
        return SiemRefused(
            f"{self._who}: Kibana {version} is not supported",
            hint=f"use Kibana {oldest.major}.{oldest.minor} or later; or remove the key `kibana`:"
            " Scoreback then works without Kibana",
        )

    def no_space(self, space: str) -> SiemRefused:
        """The error for a missing space."""
        return SiemRefused(
            f"{self._who}: Kibana has no space {space!r}",
            hint="create it in Kibana under Stack Management, Spaces; or set `space` to another"
            " one",
        )

    def refused(
        self, method: str, path: str, status: int, body: bytes, version: Version | None
    ) -> SiemRefused:
        """The error for a request that Kibana, of *version* if known, refused."""
        hint = _HINTS.get(status, "run `scoreback check` for what is missing")
        if status == 403:
            hint = self._missing_right(path, version)
        return SiemRefused(
            f"{self._who}: Kibana refused {method} {_route(path)} with {status}:"
            f" {self._reason(body)}",
            hint=hint,
        )

    def redirected(self, method: str, path: str) -> SiemRefused:
        """The error for a redirection, which is not followed because the key would go there too."""
        return SiemRefused(
            f"{self._who}: {method} {_route(path)} was answered with a redirection",
            hint="set `kibana` to the final address, with its base path if it has one",
        )

    def busy(self, method: str, path: str, status: int, body: bytes) -> SiemUnavailable:
        """The error for a Kibana that stays busy."""
        return SiemUnavailable(
            f"{self._who}: {method} {_route(path)} of Kibana got {status} in each of"
            f" {self._settings.attempts} attempts: {self._reason(body)}",
            hint="Kibana is overloaded or starting; nothing is lost, try again later",
        )

    def silence(self, error: Exception) -> SiemError | ConfigError:
        """The error for a missing answer."""
        if untrusted(error):
            return ConfigError(
                f"{self._who}: the certificate of Kibana is not trusted",
                hint="set kibana_ca_file to its authority; the certificate must name the host in"
                " `kibana`",
            )
        late = within(error, _LATE) and not within(error, (NewConnectionError,))
        what = f"within {self._settings.timeout:g} s" if late else "at all: no connection"
        return SiemUnavailable(
            f"{self._who}: Kibana does not answer {what}",
            hint=f"is {self._settings.kibana} up, and does a firewall block the connection? Events"
            " are still read and scored; nothing is lost",
        )

    def unreadable(self, method: str, path: str) -> SiemUnavailable:
        """The error for an answer that is not JSON, because it broke off or came from elsewhere."""
        return SiemUnavailable(
            f"{self._who}: the answer to {method} {_route(path)} is not JSON",
            hint="is there a failing proxy between this machine and Kibana? Nothing is lost",
        )

    def _missing_right(self, path: str, version: Version | None) -> str:
        kind = next((name for part, name in _FEATURES if part in path), None)
        if kind is None:
            return "give the API key or user the Kibana privilege that is named"
        there = sorted(since for since in SINCE if version is None or since <= version)
        wanted = there or [min(SINCE)]
        named = [
            f"feature_{_id(SINCE[since].features, kind)}.all ({since.major}.{since.minor})"
            for since in (wanted[-1:] if version else wanted)
        ]
        return (
            f"give the API key or user the Kibana privilege {' or '.join(named)} in space"
            f" {self._settings.space!r}"
        )

    def _reason(self, body: bytes) -> str:
        """Why Kibana refused, with the secrets masked, because answers may repeat what was sent."""
        return self._mask.hide(reason(body))


def reason(body: bytes) -> str:
    """Kibana's own short reason for the refusal."""
    try:
        found = msgspec.json.decode(body)
        said = found["message"] if "message" in found else found["status"]["overall"]["summary"]
        return (said if isinstance(said, str) else str(said))[:500]
    except (msgspec.DecodeError, TypeError, KeyError):
        return body[:200].decode(errors="replace") or "no reason was given"


def _id(features: Features, kind: str) -> str:
    return str(getattr(features, kind))


def _route(path: str) -> str:
    """*path* without its query, which may be long."""
    return path.partition("?")[0]
