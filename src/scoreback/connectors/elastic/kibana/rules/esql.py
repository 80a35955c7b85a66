"""A rule over events with a score beside them, in ES|QL: joins events with the lookup index.

The join alone decides which events are the detector's: an event that it did not score has no score
there.
"""

from collections.abc import Sequence

from scoreback.connectors.elastic.kibana.kql import text_of
from scoreback.connectors.elastic.kibana.rules.kql import esql_condition
from scoreback.connectors.elastic.kibana.versions import Differences
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused

SEVERITY = "scoreback.severity"  # of the score, because `event.severity` is the event's own
_INDEX, _ID = "scoreback.event.index", "scoreback.event.id"
_SEEN = ("_id", "_index", "_version", "@timestamp", "scoreback.*")


def esql(
    rule: AlertRule,
    names: Names,
    kibana: Differences,
    severities: Sequence[int],
    clusters: Sequence[str] = (),
) -> str:
    """The events of *rule* whose score should alert, oldest first, each with its score.

    Args:
        rule: a rule that reads events.
        names: the names of Scoreback's indices.
        kibana: what its version supports.
        severities: numbers of `SEVERITY`; the highest one that the risk reaches counts.
        clusters: the connection's clusters, for the selection.

    Raises:
        SiemRefused: all events are in remote clusters, where no scores can be joined.
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
            # With these three fields, Kibana raises one alert per event, however often it reads the
            # event.
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
    """Names of indices of *rule* in other clusters: their events raise no alert."""
    return [name for name in _indices(rule, clusters) if ":" in name]


def _local(rule: AlertRule, clusters: Sequence[str]) -> list[str]:
    found = [name for name in _indices(rule, clusters) if ":" not in name]
    if not found:
        raise SiemRefused(
            f"alert rule {rule.name!r} cannot read events of remote clusters, because their scores"
            " are in the local one",
            hint="write alerts: {reads: scores} in the detector's file",
        )
    return found


def _indices(rule: AlertRule, clusters: Sequence[str]) -> list[str]:
    return Selection.of(rule.selection, clusters).index.split(",")
