"""Whether the connection's key may do all that it has to, and whether it may do more."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scoreback.connectors.elastic.deploying.privileges import Reads, running
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused
from scoreback.records import Finding

NEAR = timedelta(days=14)  # warn about an expiry that is closer than this
_NO_SECURITY = (400, 404, 405, 500)  # the server has no such endpoint, so it has no security
_HAS = "/_security/user/_has_privileges"
_KEYS = "print the least ones with `scoreback keys --elastic`"
# consequences of privileges that are not essential
_WITHOUT = {"monitor": "without it, clocks cannot be compared"}
# Privileges that no key of the service needs; every broader one implies one of these.
_TOO_MUCH_OF_CLUSTER = ("all", "manage", "manage_security", "manage_api_key", "manage_own_api_key")
_TOO_MUCH_OF_ALL = ("all", "read", "write", "manage", "delete_index")
_TOO_MUCH_OF_SCORES = ("delete", "delete_index")
_TOO_MUCH_OF_SETTINGS = ("delete_index",)


def rights(
    client: Client, settings: ElasticSettings, reads: Reads, now: datetime
) -> Iterator[Finding]:
    """A finding for each privilege that is missing, then for those beyond what is needed.

    Raises:
        SiemUnavailable: the cluster stopped answering.
    """
    wanted = running(settings, [reads])
    asked = {"cluster": wanted["cluster"], "index": wanted["indices"]}
    try:
        answer = client.call("POST", _HAS, asked, absent=_NO_SECURITY)
    except SiemRefused as error:
        yield Finding(what=error.message, fix=error.hint)
        return
    if answer is None:
        yield Finding(
            what="the cluster has no security: anyone who reaches it can read events, and change"
            " alerts, thresholds and rules",
            fix="enable xpack.security.enabled, then create keys: scoreback keys --elastic",
            fatal=False,
        )
        return
    yield from _missing(answer)
    yield from _too_much(client, settings, reads)
    yield from _ending(client, now)


def _missing(answer: Mapping[str, Any]) -> Iterator[Finding]:
    if answer.get("has_all_requested"):
        return
    for right in _lacking(answer.get("cluster", {})):
        yield Finding(
            what=f"the cluster privilege {right!r} is missing",
            fix=f"add it to the role or API key; {_WITHOUT.get(right, _KEYS)}",
            fatal=right not in _WITHOUT,
        )
    for index, found in answer.get("index", {}).items():
        lacking = _lacking(found)
        if lacking:
            yield Finding(
                what=f"privileges on {index} are missing: {', '.join(lacking)}",
                fix=f"add them to the role or API key of the connection; {_KEYS}",
            )


def _too_much(client: Client, settings: ElasticSettings, reads: Reads) -> Iterator[Finding]:
    """Findings for what the key may do and the service never does."""
    names = Names(settings.namespace)
    of_events = [n for n in reads.selection.index.split(",") if n != "*" and ":" not in n]
    of_settings = _TOO_MUCH_OF_SETTINGS if settings.keep_settings else ("index", "delete_index")
    onto = () if reads.in_place else ("index",)
    indices = [
        {"names": ["*"], "privileges": _TOO_MUCH_OF_ALL},
        {"names": [names.scores, names.health], "privileges": _TOO_MUCH_OF_SCORES},
        {"names": [names.settings], "privileges": of_settings},
        *(
            [{"names": of_events, "privileges": ("delete", "delete_index", *onto)}]
            if of_events
            else []
        ),
    ]
    try:
        answer = client.call(
            "POST", _HAS, {"cluster": _TOO_MUCH_OF_CLUSTER, "index": indices}, absent=_NO_SECURITY
        )
    except SiemRefused:
        return  # said already
    found = answer or {}
    cluster, index = _granted(found.get("cluster", {})), dict(found.get("index", {}))
    everything = _granted(index.pop("*", {}))
    if "all" in cluster or "all" in everything:
        yield _superfluous("the key or user may do everything")
        return
    if cluster:
        said = ", ".join(cluster)
        yield _superfluous(f"the key or user has cluster privileges that it does not need: {said}")
    if everything:
        said = ", ".join(everything)
        yield _superfluous(f"the key or user has privileges on every index: {said}")
        return
    for name, granted in index.items():
        more = _granted(granted)
        if more and name == names.settings and not settings.keep_settings:
            yield Finding(
                what=f"the key or user may write {name}, which this connection only reads: whoever"
                " has it may change thresholds",
                fix=f"remove {', '.join(more)} from it; {_KEYS}",
                fatal=False,
            )
        elif more:
            said = (
                f"the key or user has privileges on {name} that it does not need: {', '.join(more)}"
            )
            yield _superfluous(said)


def _superfluous(what: str) -> Finding:
    return Finding(what=what, fix=f"use a key with fewer; {_KEYS}", fatal=False)


def _ending(client: Client, now: datetime) -> Iterator[Finding]:
    """A finding for a key that expires soon; keys that cannot be read are ignored."""
    try:
        who = client.call("GET", "/_security/_authenticate", absent=_NO_SECURITY) or {}
        key = (who.get("api_key") or {}).get("id")
        if not key:
            return
        found = client.call(
            "GET", "/_security/api_key", params={"id": key, "owner": True}, absent=_NO_SECURITY
        )
    except SiemRefused:
        return
    for one in (found or {}).get("api_keys", ()):
        ends = one.get("expiration")
        if ends is None:
            continue
        at = datetime.fromtimestamp(ends / 1000, UTC)
        if at - now < NEAR:
            yield Finding(
                what=f"the API key {one.get('name')!r} expires on {at:%Y-%m-%d %H:%M} UTC",
                fix="create a new one before that: scoreback keys --elastic; otherwise scoring"
                " stops, and so do the alert rules that this key wrote in Kibana",
                fatal=False,
            )


def _lacking(rights: Mapping[str, bool]) -> list[str]:
    return sorted(right for right, granted in rights.items() if not granted)


def _granted(rights: Mapping[str, bool]) -> list[str]:
    return sorted(right for right, granted in rights.items() if granted)
