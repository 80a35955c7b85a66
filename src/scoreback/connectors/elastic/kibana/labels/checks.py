"""Findings of `check` about verdicts: closings whose meaning nobody has configured."""

from collections.abc import Iterator, Mapping
from typing import Any

from scoreback.connectors.elastic.kibana.labels.hits import BLOCK, CLOSED, REASON, STATUS, UPDATED
from scoreback.connectors.elastic.kibana.labels.hits import TAGS as TAGS_FIELD
from scoreback.connectors.elastic.kibana.labels.meanings import SILENT_TAGS, Meanings
from scoreback.connectors.elastic.kibana.labels.pages import alerts_index
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused
from scoreback.records import Finding

MOST = 100  # how many values are examined
SHOWN = 5  # how many of them a finding lists

_CLOSED = {"term": {STATUS: CLOSED}}
_BLOCK = {"exists": {"field": BLOCK}}


def verdict_findings(client: Client, space: str, meanings: Meanings) -> Iterator[Finding]:
    """Yield what is unclear about closings in *space*; a space without alerts has nothing.

    Raises:
        SiemUnavailable: the cluster did not answer.
    """
    try:
        yield from _findings(client, alerts_index(space), meanings)
    except SiemRefused as error:
        yield Finding(
            what=f"alerts of space {space!r} and their verdicts cannot be read: " + error.message,
            fix=f"give the connection's key the privilege `read` on {alerts_index(space)}",
            fatal=False,
        )


def _findings(client: Client, index: str, meanings: Meanings) -> Iterator[Finding]:
    without = {"bool": {"must_not": [{"exists": {"field": REASON}}]}}
    body = {
        "size": 0,
        "query": {"bool": {"filter": [_CLOSED], "must_not": [_BLOCK]}},
        "aggs": {
            "reasons": {"terms": {"field": REASON, "size": MOST}},
            "silent": {
                "filter": without,
                "aggs": {"tags": {"terms": {"field": TAGS_FIELD, "size": MOST}}},
            },
            "timeless": {"filter": {"bool": {"must_not": [{"exists": {"field": UPDATED}}]}}},
        },
    }
    answer = client.search(index, body, absent=(404,)) or {}
    found = answer.get("aggregations")
    if found is None:
        return
    reasons = [b for b in found["reasons"]["buckets"] if not meanings.knows(str(b["key"]))]
    if reasons:
        yield Finding(
            what=f"alerts were closed with reasons that have no meaning here: {_shown(reasons)}",
            fix="set their meaning under `verdicts` in the connection's settings: true_positive,"
            " benign_positive, false_positive, undetermined or ignore. Until then they count as"
            " undetermined",
            fatal=False,
        )
    tags = [
        b
        for b in found["silent"]["tags"]["buckets"]
        if str(b["key"]).strip().lower() not in SILENT_TAGS and not meanings.speak([str(b["key"])])
    ]
    if tags:
        yield Finding(
            what="alerts that were closed without a reason have tags that have no meaning here:"
            f" {_shown(tags)}",
            fix="if a tag is a verdict, set its meaning under `verdicts` in the connection's"
            " settings; leave the others as they are",
            fatal=False,
        )
    if count := int(found["timeless"]["doc_count"]):
        yield Finding(
            what=f"{count:,} closed alerts do not say when they were closed, because they are from"
            " Kibana before 8.10: they give no labels",
            fix="this is no error; close again those that the detector should learn from",
            fatal=False,
        )


def _shown(buckets: list[Mapping[str, Any]]) -> str:
    shown = ", ".join(f"{b['key']!r} ({b['doc_count']:,})" for b in buckets[:SHOWN])
    more = len(buckets) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
