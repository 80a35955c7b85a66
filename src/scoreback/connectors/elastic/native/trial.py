"""Asks the cluster what it would score, before events are scored there.

Nothing is stored. Events are written in all the forms in which events arrive: objects, dotted
names, both; lists; integers as numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from scoreback.connectors.doors.native import NativeAnswer, TrialEvent
from scoreback.connectors.elastic.native.packing import Times
from scoreback.connectors.elastic.native.pipelines import in_force, times_of
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import ModelResource
from scoreback.errors import SiemRefused

TOGETHER = 500  # events per request
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 2**63 - 1
_NOTHING = object()


def answer(
    client: Client,
    wanted: ModelResource,
    events: Sequence[TrialEvent],
    threshold: float,
    cut: float,
) -> NativeAnswer:
    """The scores that the cluster gives *events* with the pipeline *wanted*.

    Raises:
        SiemRefused: the cluster cannot run the pipeline, or fails on an event; the message says
            why.
        SiemUnavailable: the cluster does not answer.
    """
    times = times_of(wanted.body["description"])
    processors = [
        in_force(wanted.detector, wanted.version, threshold, cut),
        *_processors(wanted.body),
    ]
    scores, alerts = list[float](), list[int]()
    for start in range(0, len(events), TOGETHER):
        some = events[start : start + TOGETHER]
        documents = [{"_source": document(e, start + n, times)} for n, e in enumerate(some)]
        found = client.call(
            "POST",
            "/_ingest/pipeline/_simulate",
            {"pipeline": {"processors": processors}, "docs": documents},
        )
        for one in found["docs"]:
            told = _result(wanted.name, one)
            alerts += [len(scores)] if told["alert"] else []
            scores.append(float(told["score"]))
    return NativeAnswer(scores, alerts)


def document(event: TrialEvent, form: int, times: Times) -> dict[str, Any]:
    """*event* as a document; *form* decides how it is written."""
    made: dict[str, Any] = {}
    values: dict[str, Any] = {
        name: _value(given, form) for name, given in event.values.items() if given
    }
    values[times.time] = _iso(event.event_time)
    values[times.arrival] = _iso(event.arrival_time)
    for name, value in values.items():
        parts = name.split(".")
        cut = (0, len(parts) - 1, form // 3 % len(parts))[form % 3]  # dotted, nested, both
        place, last = made, ".".join(parts[cut:])
        for part in parts[:cut]:
            below = place.setdefault(part, {})
            if not isinstance(below, dict):
                place, last = made, name  # a parent field has a value: only a dotted name fits
                break
            place = below
        if place.get(last, _NOTHING) is not _NOTHING:
            place, last = made, name
        place[last] = value
    return made


def _value(given: Sequence[str], form: int) -> object:
    if len(given) > 1:
        return [_typed(text) for text in given]
    value = _typed(given[0])
    return [value] if form % 7 == 0 else value


def _typed(text: str) -> str | int:
    """A number where the text is exactly how it is written."""
    whole = text.removeprefix("-")
    if whole.isascii() and whole.isdigit() and len(whole) < 19 and str(int(text)) == text:
        return int(text)
    return text


def _iso(micros: int) -> str:
    return (_BEGIN + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def _processors(body: Mapping[str, object]) -> Sequence[object]:
    found = body["processors"]
    return found if isinstance(found, list) else []


def _result(name: str, one: Mapping[str, Any]) -> Mapping[str, Any]:
    document = one.get("doc")
    if document is None:
        why = " / ".join(_reasons(one.get("error")))
        raise SiemRefused(
            f"pipeline {name} fails on a synthetic event: {why}"[:500],
            hint="the service scores as before; please report this with the cluster's version",
        )
    told: Mapping[str, Any] = document["_source"]["scoreback"]
    return told


def _reasons(error: object) -> Iterator[str]:
    """The message of an error, and of its causes."""
    while isinstance(error, dict):
        yield str(error.get("reason") or error.get("type") or "no reason was given")
        error = error.get("caused_by")
