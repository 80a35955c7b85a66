"""Findings about what a Splunk lacks for any detector: app, index, permissions, KV store, space."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Any

from scoreback import __version__
from scoreback.connectors.splunk.names import ENTITIES
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.records import Finding

SKEW = 30.0  # a difference in seconds between the two clocks that is worth a warning
CAPABILITIES = {
    "search": "no event can be read",
    "schedule_search": "no alert rule can run",
}
ENTITY_BYTES = 600  # about how much one entity takes in the bundle that goes to the indexers
_MB = 1_000_000
_SHARE = 0.1  # share of the bundle that entities may take without a warning
_BUNDLE_MB = 2048  # if the server does not say


def server_findings(
    client: Client, hec: Hec, settings: SplunkSettings, now: Callable[[], datetime]
) -> Iterator[Finding]:
    """Findings that affect every detector; *now* is compared with Splunk's clock."""
    yield from _open_to_others(settings)
    yield from _clock(client, now)
    yield from _cloud(client, settings)
    yield from _app(client, settings)
    yield from _index(client, settings)
    yield from _collector(hec, settings)
    yield from _rights(client, settings)
    yield from _kv_store(client, settings)
    yield from _bundle(client, settings)


def content(client: Client, path: str) -> Mapping[str, Any] | None:
    """What an endpoint returns for one object; None if it does not exist or may not be read."""
    try:
        found = client.call("GET", path, absent=(404,))
    except SiemRefused:
        return None
    try:
        said: Mapping[str, Any] = found["entry"][0]["content"]
    except (TypeError, KeyError, IndexError):
        return None
    return said


def _open_to_others(settings: SplunkSettings) -> Iterator[Finding]:
    """Findings for connections that others could read or impersonate."""
    for key, address in (("url", settings.url), ("hec_url", settings.hec_url or "")):
        if address.lower().startswith("http://"):
            yield Finding(
                what=f"{key} is plain http: others on the network can read passwords, tokens and"
                " events",
                fix=f"write https:// in {key}; set ca_file to the certificate authority",
                fatal=False,
            )
    if not settings.verify_tls:
        yield Finding(
            what="the server's certificate is not checked: verify_tls is false",
            fix="set ca_file to Splunk's certificate authority, and remove verify_tls",
            fatal=False,
        )


def _clock(client: Client, now: Callable[[], datetime]) -> Iterator[Finding]:
    client.call("GET", "/services/server/info")
    try:
        theirs = parsedate_to_datetime(client.session.told_time or "")
        ahead = (now() - theirs).total_seconds()
    except (TypeError, ValueError):
        return  # the server does not report its time
    if abs(ahead) > SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        yield Finding(
            what=f"this machine's clock is {abs(ahead):.0f} s {way} Splunk's: events are scored"
            " too late, or have to wait",
            fix="synchronise both clocks with the same time server",
            fatal=False,
        )


def _cloud(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    in_cloud = "cloud" in (client.info.get("instance_type"), client.info.get("product_type"))
    if settings.target == "cloud":
        yield Finding(
            what="Splunk Cloud's management port answers only clients on the allow list"
            " search-api, and its collector only those on the list hec",
            fix="keep this machine's address on both lists, with the Admin Config Service",
            fatal=False,
        )
    elif in_cloud:
        yield Finding(
            what="this is Splunk Cloud, but the connection does not say so",
            fix="set target: cloud",
            fatal=False,
        )


def _app(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    name = settings.app
    said = content(client, f"/services/apps/local/{name}")
    if said is None:
        yield Finding(
            what=f"the app {name} is not installed on the search head, or the connection's user"
            " may not see it",
            fix="install scoreback-splunk-VERSION.tgz, which comes with each release",
        )
        return
    if str(said.get("disabled", "0")).lower() in ("1", "true"):
        yield Finding(what=f"the app {name} is disabled", fix="enable it in Splunk")
    version = str(said.get("version", ""))
    if version != __version__:
        yield Finding(
            what=f"the app {name} has version {version or 'unknown'}, but the service has version"
            f" {__version__}",
            fix="install the app from the same release as the service",
            fatal=False,
        )


def _index(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    name = settings.index
    said = content(client, f"/services/data/indexes/{name}")
    if said is not None:
        if str(said.get("disabled", "0")).lower() in ("1", "true"):
            yield Finding(what=f"the index {name} is disabled", fix="enable it in Splunk")
        return
    if settings.target == "cloud":
        fix = f"create it: POST .../adminconfig/v2/indexes of the Admin Config Service, name {name}"
    else:
        fix = (
            f"create the index {name} on the indexers, and allow the collector's token to write it"
        )
    # A search head need not know the indexes of its indexers.
    apart = bool(_peers(client))
    known = ", as far as the search head knows" if apart else ""
    what = f"the index {name} does not exist{known}"
    yield Finding(what=what, fix=fix, fatal=not apart)


def _peers(client: Client) -> Sequence[object]:
    try:
        found = client.call("GET", "/services/search/distributed/peers", absent=(404,))
    except SiemRefused:
        return ()
    return found.get("entry") or () if isinstance(found, dict) else ()


def _collector(hec: Hec, settings: SplunkSettings) -> Iterator[Finding]:
    if settings.hec_url is None:
        yield Finding(
            what="the connection has no event collector, so no score can be written",
            fix="enable it in Splunk; set hec_url and hec_token_file",
        )
        return
    try:
        why = hec.refusal()
    except (SiemUnavailable, ConfigError) as error:
        yield Finding(what=error.message, fix=error.hint)
        return
    if why:
        what, _, fix = why.partition("; ")
        yield Finding(what=what, fix=fix)


def _rights(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    said = content(client, "/services/authentication/current-context")
    if said is None:
        return
    has = set(said.get("capabilities") or ())
    for capability, without in CAPABILITIES.items():
        if capability not in has:
            yield Finding(
                what=f"the connection's user lacks the capability {capability}: {without}",
                fix="give the user the role scoreback_service, which comes with the app",
            )
    roles = [content(client, f"/services/authorization/roles/{role}") for role in said["roles"]]
    known = [role for role in roles if role is not None]
    if not known or len(known) < len(roles):
        return
    quotas = [_number(role.get(key)) for role in known for key in _both("srchJobsQuota")]
    if 0 < max(quotas) < settings.searches:
        yield Finding(
            what=f"the user may run {max(quotas):g} searches at once, but the connection is set to"
            f" {settings.searches}",
            fix="raise srchJobsQuota of the user's role, or lower searches",
            fatal=False,
        )
    # -1 means not set and 0 unlimited; otherwise the largest value counts.
    told = [role.get(key) for role in known for key in _both("srchTimeWin")]
    windows = [_number(value) for value in told if str(value) not in ("None", "", "-1")]
    if min(windows, default=0) > 0:
        yield Finding(
            what=f"the user's searches look back at most {max(windows):g} s: older events are"
            " not read",
            fix="remove or raise srchTimeWin of the user's role",
            fatal=False,
        )
    allowed = [
        str(name) for role in known for key in _both("srchIndexesAllowed")
        for name in role.get(key) or ()
    ]  # fmt: skip
    if not any(fnmatchcase(settings.index, pattern) for pattern in allowed):
        yield Finding(
            what=f"the user may not search the index {settings.index}",
            fix="add it to srchIndexesAllowed of the user's role",
        )


def _kv_store(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    said = content(client, "/services/kvstore/status")
    status = str((said or {}).get("current", {}).get("status", "ready"))
    if status != "ready":
        yield Finding(
            what=f"the KV store is {status}: no lookup, alert or verdict can be stored",
            fix="start it on the search head; its log is mongod.log",
        )
        return
    try:
        count = sum(1 for _ in KvStore(client).rows(ENTITIES, fields=("_key",)))
    except (SiemRefused, SiemUnavailable):
        return  # the collection does not exist: another finding reports the missing app
    if count >= settings.entities_most:
        yield Finding(
            what=f"the lookup of entities is full: {count:,} of {settings.entities_most:,},"
            " so the oldest are dropped",
            fix="raise entities_most, if Splunk's bundle has room for more",
            fatal=False,
        )


def _bundle(client: Client, settings: SplunkSettings) -> Iterator[Finding]:
    path = "/servicesNS/nobody/system/configs/conf-distsearch/replicationSettings"
    said = content(client, path) or {}
    most = _number(said.get("maxBundleSize")) or _BUNDLE_MB
    needed = settings.entities_most * ENTITY_BYTES / _MB
    if needed > _SHARE * most:
        yield Finding(
            what=f"the lookup of entities may take {needed:.0f} MB of the {most:.0f} MB that"
            " Splunk sends to its indexers (maxBundleSize)",
            fix="lower entities_most",
            fatal=False,
        )


def _both(name: str) -> tuple[str, str]:
    """A role's own setting, and those of the roles that it inherits from."""
    return name, f"imported_{name}"


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0
