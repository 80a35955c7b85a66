"""The two API keys of a connection, as requests that an admin or Scoreback can send.

One key installs and expires after a day, the other runs the service. Kibana runs an alert rule with
the key that last wrote it, and the rule stops when that key expires: so the running key does
everything in Kibana.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import SecretStr

from scoreback.connectors.doors.keys import Admin, KeyNeeds, KeyRequest
from scoreback.connectors.elastic.deploying.privileges import Reads, installing, running
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.rights import APPLICATION, privileges
from scoreback.connectors.elastic.kibana.versions import OLDEST, Version
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import ConfigError, SiemError, SiemRefused

PATH = "/_security/api_key"
INSTALLING = "1d"
_DURATION = re.compile(r"[1-9]\d{0,5}[dhm]")


def key_requests(
    name: str,
    settings: Mapping[str, object],
    needs: Sequence[KeyNeeds],
    *,
    version: str | None,
    expires: str | None,
    admin: Admin | None,
) -> Sequence[KeyRequest]:
    """The keys of the connection called *name*; see `MakesKeys`."""
    given = ElasticSettings.of(name, settings)
    if expires is not None and not _DURATION.fullmatch(expires):
        raise ConfigError(f"{expires!r} is not a valid lifetime of a key", hint="write 90d or 12h")
    role = running(given, [_reads(given, one) for one in needs])
    if given.kibana:
        role["applications"] = [
            {
                "application": APPLICATION,
                "privileges": privileges(_version(name, given, version, admin)),
                "resources": [f"space:{given.space}"],
            }
        ]
    run: dict[str, Any] = {"name": f"scoreback-run-{name}"}
    if expires is not None:
        run["expiration"] = expires
    of_kibana = ", and right away into the file of kibana_api_key_file" if given.kibana else ""
    return (
        _request(
            "install",
            f"goes into the file of api_key_file for `scoreback apply`; it expires after"
            f" {INSTALLING}",
            {"name": f"scoreback-install-{name}", "expiration": INSTALLING},
            {"install": installing(given)},
        ),
        _request(
            "run",
            f"goes into the file of api_key_file afterwards, for everything else{of_kibana}",
            run,
            {"run": role},
        ),
    )


def make_key(name: str, settings: Mapping[str, object], request: KeyRequest, admin: Admin) -> str:
    """Create the key of *request* as *admin*; returns its encoded form, as ``api_key`` takes it."""
    client = Client(name, _as(ElasticSettings.of(name, settings), admin))
    try:
        client.open()
        # Only once: a second attempt could create a second key that nobody knows about.
        body = msgspec.json.encode(request.body)
        answer = client.send(request.method, request.path, body, doubtful=True, attempts=1)
        found = answer.json
    finally:
        client.close()
    try:
        return str(found["encoded"])
    except (TypeError, KeyError):
        raise SiemRefused(
            f"connection {name!r}: the answer to the request for a key contains no key",
            hint="does a proxy change answers between this machine and the cluster?",
        ) from None


def _request(
    purpose: str, about: str, body: Mapping[str, Any], roles: Mapping[str, Any]
) -> KeyRequest:
    metadata = {"application": "scoreback", "purpose": purpose}
    whole = {**body, "role_descriptors": roles, "metadata": metadata}
    return KeyRequest(purpose=purpose, about=about, method="POST", path=PATH, body=whole)


def _reads(settings: ElasticSettings, needs: KeyNeeds) -> Reads:
    try:
        selection = Selection.of(needs.selection, settings.clusters)
    except SiemRefused as error:
        raise SiemRefused(
            f"detector {needs.detector!r}: {error.message}", hint=error.hint
        ) from error
    return Reads(selection=selection, in_place=needs.in_place)


def _version(
    name: str, settings: ElasticSettings, given: str | None, admin: Admin | None
) -> Version:
    """Kibana's version, as given or as Kibana reports it."""
    hint = "give it, for example --kibana-version 9.5"
    if given is not None:
        try:
            version = Version.of(given)
        except ValueError:
            raise ConfigError(f"{given!r} is not a valid version of Kibana", hint=hint) from None
        if version < OLDEST:
            raise ConfigError(
                f"Kibana {given} is not supported", hint=f"use Kibana {OLDEST} or later"
            )
        return version
    kibana = Kibana(name, settings if admin is None else _as(settings, admin))
    try:
        return kibana.version
    except SiemError as error:
        raise ConfigError(
            f"privileges in Kibana depend on its version, which is unknown: {error.message}",
            hint=hint,
        ) from error
    finally:
        kibana.close()


def _as(settings: ElasticSettings, admin: Admin) -> ElasticSettings:
    """*settings* with the credentials of *admin* instead of all others."""
    nothing = dict.fromkeys(
        (f"{secret}{end}" for secret in settings.SECRETS for end in ("", "_file")), None
    )
    mine = {"user": admin.user, "password": SecretStr(admin.password)}
    return settings.model_copy(update={**nothing, **mine})
