"""A rule over events that have a score beside them, in ES|QL: the lookup index of events joined.

The join alone says which events are the detector's: who was not scored by it has no score there.
"""

from collections.abc import Sequence

from scoreback.connectors.elastic.kibana.kql import text_of
from scoreback.connectors.elastic.kibana.rules.kql import esql_condition
from scoreback.connectors.elastic.kibana.versions import Differences
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused

SEVERITY = "scoreback.severity"  # of the score, as `event.severity` is the event's own
_INDEX, _ID = "scoreback.event.index", "scoreback.event.id"
_SEEN = ("_id", "_index", "_version", "@timestamp", "scoreback.*")


def esql(
    rule: AlertRule,
    names: Names,
    kibana: Differences,
    severities: Sequence[int],
    clusters: Sequence[str] = (),
) -> str:
    """The events of *rule* whose score is to alert, oldest first, each with its score.

    Args:
        rule: reads events.
        names: of ours.
        kibana: what its version can.
        severities: numbers of `SEVERITY`, of which the highest that the risk reaches counts.
        clusters: of the connection, for the selection.

    Raises:
        SiemRefused: all events lie in remote clusters, where there is nothing to join.
    """
    index = ", ".join(text_of(name) for name in _local(rule, clusters))
    if kibana.joins_fields:
        join, where = f"{_INDEX}, {_ID}", ""
    else:
        join, where = _ID, f"{_INDEX} == _index AND "
    made = f"{_INDEX} = _index, {_ID} = _id" if kibana.joins_fields else f"{_ID} = _id"
    cases = "".join(f"scoreback.risk >= {n}, {n}, " for n in sorted(severities, reverse=True)[:-1])
    return "\n".join(
        [
            # With these three Kibana raises one alert from one event, however often it reads it.
            f"FROM {index} METADATA _id, _index, _version",
            f"| EVAL {made}",
            f"| LOOKUP JOIN {names.events_lookup} ON {join}",
            f"| WHERE {where}{esql_condition(rule)}",
            f"| EVAL {SEVERITY} = CASE({cases}{min(severities)})",
            "| SORT @timestamp",
            f"| KEEP {', '.join(_SEEN)}",
        ]
    )


def remote(rule: AlertRule, clusters: Sequence[str] = ()) -> list[str]:
    """Names of indices of *rule* that lie in other clusters: no alert comes from their events."""
    return [name for name in _indices(rule, clusters) if ":" in name]


def _local(rule: AlertRule, clusters: Sequence[str]) -> list[str]:
    found = [name for name in _indices(rule, clusters) if ":" not in name]
    if not found:
        raise SiemRefused(
            f"alert rule {rule.name!r} cannot look at events of remote clusters: their scores are"
            " in this one",
            hint="write alerts: {reads: scores} in the detector's file",
        )
    return found


def _indices(rule: AlertRule, clusters: Sequence[str]) -> list[str]:
    return Selection.of(rule.selection, clusters).index.split(",")
