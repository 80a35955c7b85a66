"""Findings about whether the key for Kibana has the privileges it needs there, and no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.rights import APPLICATION, privileges
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemError, SiemRefused
from scoreback.records import Finding

_NO_SECURITY = (400, 404, 405, 500)  # the server has no such endpoint, so it has no security
_HAS = "/_security/user/_has_privileges"
_KEYS = "print the least ones with `scoreback keys --elastic`"


def key_findings(
    name: str, kibana: Kibana, client: Client, settings: ElasticSettings
) -> Iterator[Finding]:
    """What the key of the connection called *name* lacks in its space, and what it has too much.

    The cluster is asked: it holds the privileges that Kibana grants, under ids that depend on
    Kibana's version.

    Raises:
        SiemUnavailable: the cluster stopped answering.
    """
    try:
        wanted = privileges(kibana.version)
    except SiemError:
        return  # `kibana_findings` reports it
    space = f"space:{settings.space}"
    asked = {
        "application": [
            {"application": APPLICATION, "privileges": wanted, "resources": [space]},
            {"application": APPLICATION, "privileges": ["all"], "resources": ["*"]},
        ]
    }
    try:
        answer = _as_kibana(name, client, settings, asked)
    except SiemRefused as error:
        yield Finding(what=error.message, fix=error.hint, fatal=False)
        return
    found = ((answer or {}).get("application") or {}).get(APPLICATION) or {}
    lacking = [one for one in wanted if found.get(space, {}).get(one) is False]
    if lacking:  # events are still read and scored
        yield Finding(
            what=f"Kibana privileges in space {settings.space!r} are missing: {', '.join(lacking)}",
            fix=f"add them to the role or API key used for Kibana; {_KEYS}",
            fatal=False,
        )
    if found.get("*", {}).get("all"):
        yield Finding(
            what="the key or user for Kibana may do everything in every space",
            fix=f"use a key with fewer privileges; {_KEYS}",
            fatal=False,
        )


def _as_kibana(
    name: str, client: Client, settings: ElasticSettings, asked: Mapping[str, Any]
) -> Any:  # noqa: ANN401 - JSON
    """The answer for the credentials used with Kibana, which may differ; None: no security."""
    key = settings.secret("kibana_api_key")
    if key is None:
        return client.call("POST", _HAS, asked, absent=_NO_SECURITY)
    nobody = dict.fromkeys(("api_key_file", "user", "password", "password_file"))
    own = Client(name, settings.model_copy(update={**nobody, "api_key": SecretStr(key)}))
    try:
        own.open()
        return own.call("POST", _HAS, asked, absent=_NO_SECURITY)
    finally:
        own.close()
