"""What a failed request to Kibana means, in words for a person."""

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
    400: "see what Kibana says of it; `scoreback check` tells what is missing",
    401: "check kibana_api_key, or api_key where there is none; has the key expired?",
    404: "is kibana the address of a Kibana with Elastic Security, 8.19 or later?",
    409: "somebody else changed it at the same moment; try again",
    413: "Kibana takes smaller requests only: raise server.maxPayload there",
}
# The part of a path that tells which feature of Kibana a right belongs to.
_FEATURES = (
    ("/api/detection_engine/signals", "alerts"),
    ("/api/detection_engine", "rules"),
    ("/api/cases", "cases"),
    ("/api/dashboards", "dashboards"),
    ("/api/saved_objects", "saved_objects"),
)
_LATE = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


class Failures:
    """Failures of one connection, as errors."""

    def __init__(self, name: str, settings: ElasticSettings) -> None:
        """Speak of the connection called *name*."""
        self._who, self._settings = f"connection {name!r}", settings
        self._mask = SecretMask(settings)

    def other_product(self) -> SiemRefused:
        """Something answers, but not Kibana."""
        return SiemRefused(
            f"{self._who}: what answers at {self._settings.kibana} is not Kibana",
            hint="kibana is https://HOST:PORT of Kibana, with its base path if it has one",
        )

    def nameless(self) -> SiemRefused:
        """Kibana answers, but does not tell its version, as to somebody without rights."""
        return SiemRefused(
            f"{self._who}: Kibana does not tell its version to this API key or user",
            hint=_HINTS[401],
        )

    def too_old(self, version: Version, oldest: Version) -> SiemRefused:
        """A version that is not supported."""
        return SiemRefused(
            f"{self._who}: Kibana {version} is not supported",
            hint=f"use Kibana {oldest.major}.{oldest.minor} or later; or remove the key kibana:"
            " scores are then kept without it",
        )

    def no_space(self, space: str) -> SiemRefused:
        """The space of the settings is not there."""
        return SiemRefused(
            f"{self._who}: Kibana has no space {space!r}",
            hint="make it in Kibana under Stack Management, Spaces; or name another under space",
        )

    def refused(
        self, method: str, path: str, status: int, body: bytes, version: Version | None
    ) -> SiemRefused:
        """Kibana, of *version* where that is known, said no."""
        hint = _HINTS.get(status, "run `scoreback check` for what is missing")
        if status == 403:
            hint = self._missing_right(path, version)
        return SiemRefused(
            f"{self._who}: Kibana refused {method} {_route(path)} with {status}:"
            f" {self._reason(body)}",
            hint=hint,
        )

    def redirected(self, method: str, path: str) -> SiemRefused:
        """An answer that leads elsewhere: it is not followed, as our key would go there too."""
        return SiemRefused(
            f"{self._who}: {method} {_route(path)} was answered with a redirection",
            hint="write the final address under kibana, with its base path if it has one",
        )

    def busy(self, method: str, path: str, status: int, body: bytes) -> SiemUnavailable:
        """Kibana has no room, however often it was asked."""
        return SiemUnavailable(
            f"{self._who}: {method} {_route(path)} of Kibana got {status} in each of"
            f" {self._settings.attempts} attempts: {self._reason(body)}",
            hint="Kibana is overloaded or starting; nothing is lost, try again later",
        )

    def silence(self, error: Exception) -> SiemError | ConfigError:
        """No answer came."""
        if untrusted(error):
            return ConfigError(
                f"{self._who}: the certificate of Kibana is not trusted",
                hint="name its authority with kibana_ca_file; the host in kibana has to be in it",
            )
        late = within(error, _LATE) and not within(error, (NewConnectionError,))
        what = f"within {self._settings.timeout:g} s" if late else "at all: no connection"
        return SiemUnavailable(
            f"{self._who}: Kibana does not answer {what}",
            hint=f"is {self._settings.kibana} up, and does a firewall let us through? Events are"
            " read and scored without it; nothing is lost",
        )

    def unreadable(self, method: str, path: str) -> SiemUnavailable:
        """An answer is not JSON, as it broke off or something else gave it."""
        return SiemUnavailable(
            f"{self._who}: the answer to {method} {_route(path)} is not JSON",
            hint="is a proxy between us and Kibana in trouble? Nothing is lost",
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
        """Why Kibana refused; what answers may repeat what we sent, but not our secrets."""
        return self._mask.hide(reason(body))


def reason(body: bytes) -> str:
    """Why Kibana refused, in its own words, short."""
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
