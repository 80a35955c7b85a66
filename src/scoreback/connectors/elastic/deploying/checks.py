"""Findings about whether a detector can work on a cluster, each with its fix."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from scoreback.connectors.elastic.deploying.door import Resources
from scoreback.connectors.elastic.deploying.privileges import Reads
from scoreback.connectors.elastic.deploying.rights import rights
from scoreback.connectors.elastic.deploying.writable import not_writable
from scoreback.connectors.elastic.names import OWN, Names
from scoreback.connectors.elastic.reading.fields import Mapped, mapped, no_date
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.resource_findings import resource_findings
from scoreback.errors import SiemRefused
from scoreback.records import EventQuery, Finding

SPARSE = 0.5  # warn about a field that more than half of the events lack
SKEW = 30.0  # a difference in seconds between the two clocks that is worth a warning
_TIMES = frozenset({"date", "date_nanos"})
_TESTED = (8, 19)
_SCORE_TYPES = {"scoreback.score": "double", "scoreback.event.id": "keyword"}


def check(
    client: Client,
    settings: ElasticSettings,
    query: EventQuery,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sequence[Finding]:
    """Findings for *query*, the fatal ones first; *now* is compared with the cluster's clock.

    Raises:
        SiemUnavailable: the cluster stopped answering.
    """
    found = [
        *_open_to_others(settings),
        *_version(client),
        *_clock(client, now),
        *resource_findings(Resources(client, settings)),
        *_wrong_scores(client, settings),
    ]
    try:
        selection = Selection.of(query.selection, settings.clusters)
    except SiemRefused as error:
        found.append(Finding(what=error.message, fix=error.hint))
        return _fatal_first(found)
    in_place = any(name.startswith(OWN) for name in query.fields)
    found += rights(client, settings, Reads(selection=selection, in_place=in_place), now())
    known = [name for name in dict.fromkeys(query.fields) if not name.startswith(OWN)]
    there, missing = _known(client, selection, known)
    found += missing
    if there is not None:
        found += _time_fields(client, selection)
        found += _conflicts(there)
        found += _shares(client, settings, selection, there.names)
        if in_place:
            found += not_writable(client, selection)
    return _fatal_first(found)


def _fatal_first(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: not finding.fatal)


def _open_to_others(settings: ElasticSettings) -> Iterator[Finding]:
    """Findings for connections that others could read or impersonate."""
    plain = [host for host in settings.hosts if host.lower().startswith("http://")]
    if plain and settings.has_credentials:
        yield Finding(
            what="the connection sends its key or password over plain http",
            fix="write https:// in hosts; set ca_file to the cluster's certificate authority",
            fatal=False,
        )
    to_kibana = settings.has_credentials or settings.has("kibana_api_key")
    if to_kibana and settings.kibana and settings.kibana.lower().startswith("http://"):
        yield Finding(
            what="the connection sends its key or password to Kibana over plain http",
            fix="write https:// in kibana; set kibana_ca_file to its certificate authority",
            fatal=False,
        )
    if not settings.verify_tls:
        of_kibana = " and Kibana's are" if settings.kibana else " is"
        yield Finding(
            what=f"the cluster's certificate{of_kibana} not checked: verify_tls is false",
            fix="set ca_file to the certificate authority, and remove verify_tls",
            fatal=False,
        )


def _version(client: Client) -> Iterator[Finding]:
    if client.flavor == "serverless":
        return  # it reports a fixed version, for old clients only
    parts = client.version.split(".")
    if tuple(int(part) for part in parts[:2]) < _TESTED:
        yield Finding(
            what=f"Scoreback is not tested with Elasticsearch {client.version}, which is older",
            fix="upgrade to 8.19 or later, or 9.x",
            fatal=False,
        )


def _clock(client: Client, now: Callable[[], datetime]) -> Iterator[Finding]:
    try:
        answer = client.call(
            "GET", "/_nodes/stats/jvm", params={"filter_path": "nodes.*.timestamp"}
        )
    except SiemRefused:
        return  # the privilege to monitor is missing, or the cluster is serverless
    times = [node["timestamp"] / 1000 for node in (answer or {}).get("nodes", {}).values()]
    ahead = max((now().timestamp() - t for t in times), key=abs, default=0.0)
    if abs(ahead) > SKEW:
        way = "ahead of" if ahead > 0 else "behind"
        yield Finding(
            what=f"this machine's clock is {abs(ahead):.0f} s {way} the cluster's: events are"
            " scored too late, or have to wait",
            fix="synchronise both clocks with the same time server",
            fatal=False,
        )


def _wrong_scores(client: Client, settings: ElasticSettings) -> Iterator[Finding]:
    """Findings for a stream or index of scores that somebody created with another mapping."""
    name = Names(settings.namespace).scores
    body = {"fields": list(_SCORE_TYPES)}
    answer = client.call("POST", f"/{name}/_field_caps", body, absent=(404,))
    if answer is None:
        return
    for field, wanted in _SCORE_TYPES.items():
        types = set(answer["fields"].get(field, {"nothing": {}}))
        if types != {wanted}:
            yield Finding(
                what=f"{name} has {field} as {', '.join(sorted(types))}, not {wanted}",
                fix="run `scoreback apply`, then roll the stream over; or remove it",
            )


def _known(
    client: Client, selection: Selection, fields: Sequence[str]
) -> tuple[Mapped | None, list[Finding]]:
    """Those of *fields* that exist, and a finding for each that does not."""
    missing: list[Finding] = []
    left = list(fields)
    while True:
        try:
            return mapped(client, selection, left, all_there=True), missing
        except SiemRefused as error:
            missing.append(Finding(what=error.message, fix=error.hint))
            named = next((name for name in left if repr(name) in error.message), None)
            if named is None:
                return None, missing
            left.remove(named)


def _time_fields(client: Client, selection: Selection) -> Iterator[Finding]:
    body = {"fields": [selection.time, selection.arrival]}
    answer = client.call("POST", f"/{selection.index}/_field_caps", body)
    for name in body["fields"]:
        types = set(answer["fields"].get(name, {}))
        if types and not types <= _TIMES:
            what, fix = no_date(name, types)
            yield Finding(what=what, fix=fix)
        elif not types and name == selection.time:
            yield Finding(
                what=f"no event has {name!r}", fix="name the time field: {time: FIELD, ...}"
            )


def _conflicts(there: Mapped) -> Iterator[Finding]:
    for name, types in there.kinds.items():
        odd = {"object", "nested"} & set(types)
        if odd and len(types) > 1:
            yield Finding(
                what=f"{name} is a value in some indices and an object in others",
                fix="it is missing where it is an object; map it the same way everywhere",
                fatal=False,
            )


def _shares(
    client: Client, settings: ElasticSettings, selection: Selection, fields: Sequence[str]
) -> Iterator[Finding]:
    """Findings for events that lack a field, their arrival time, or any time."""
    time, arrival = ({"exists": {"field": f}} for f in (selection.time, selection.arrival))
    filters: dict[str, Any] = {str(n): {"exists": {"field": f}} for n, f in enumerate(fields)}
    filters["undated"] = {"bool": {"filter": [time], "must_not": [arrival]}}
    filters["timeless"] = {"bool": {"must_not": [time, arrival]}}
    body = {
        "size": 0,
        "track_total_hits": True,
        "query": selection.everything(),
        "aggs": {name: {"filter": query} for name, query in filters.items()},
    }
    try:
        answer = client.search(selection.index, body)
    except SiemRefused as error:
        yield Finding(what=error.message, fix="correct the query under events.elastic")
        return
    total = int(answer["hits"]["total"]["value"])
    if not total:
        yield Finding(what="the query matches no event", fix="check events.elastic", fatal=False)
        return
    counts = {name: int(found["doc_count"]) for name, found in answer["aggregations"].items()}
    for number, name in enumerate(fields):
        if counts[str(number)] < SPARSE * total:
            yield Finding(
                what=f"{1 - counts[str(number)] / total:.0%} of the {total:,} events have no"
                f" {name!r}",
                fix="check that the selection covers events that have this field",
                fatal=False,
            )
    if counts["undated"]:
        minutes = settings.arrival_lag.total_seconds() / 60
        yield Finding(
            what=f"{counts['undated'] / total:.0%} of the {total:,} events have no"
            f" {selection.arrival!r}: they count as arrived {minutes:g} min after their own time",
            fix="let an ingest pipeline set it, or set arrival_lag to the longest delay that you"
            " see",
            fatal=False,
        )
    if counts["timeless"]:
        yield Finding(
            what=f"{counts['timeless']:,} documents have no time and are never read",
            fix="exclude them from the selection, or give them a time",
            fatal=False,
        )
