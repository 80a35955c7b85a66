"""Alerts as labels need them: what is asked of their documents, and typed decoding of the answer.

Kibana's own fields have flat dotted names in a document and the event's copy is nested as it came;
some versions and pipelines write them otherwise. A page that fits the usual shape is decoded into
typed values in one go; of another one each document is flattened first. Everything is read from the
document itself, never by the mapping, which differs between versions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.errors import SiemUnavailable

ALERT = "kibana.alert."
STATUS, REASON = ALERT + "workflow_status", ALERT + "workflow_reason"
UPDATED, USER = ALERT + "workflow_status_updated_at", ALERT + "workflow_user"
TAGS, CASES = ALERT + "workflow_tags", ALERT + "case_ids"
ANCESTORS, BLOCK = ALERT + "ancestors", ALERT + "building_block_type"
ORIGINAL, INTENDED = ALERT + "original_time", ALERT + "intended_timestamp"
THRESHOLD = ALERT + "threshold_result"
RULE = ALERT + "rule."

CLOSED = "closed"


class Ancestor(msgspec.Struct, gc=False):
    """What an alert was made of."""

    id: str | None = None
    index: str | None = None
    depth: int = 0


class Threshold(msgspec.Struct, gc=False, rename={"since": "from"}):
    """What a threshold rule counted."""

    since: str | None = None


class Parameters(msgspec.Struct, gc=False, rename={"since": "from"}):
    """A rule's own parameters."""

    since: str | None = None


_NAMES = {
    "status": STATUS,
    "reason": REASON,
    "user": USER,
    "tags": TAGS,
    "cases": CASES,
    "ancestors": ANCESTORS,
    "original": ORIGINAL,
    "intended": INTENDED,
    "threshold": THRESHOLD,
    "rule_name": RULE + "name",
    "rule_id": RULE + "rule_id",
    "rule_uuid": RULE + "uuid",
    "rule_type": RULE + "type",
    "rule_tags": RULE + "tags",
    "rule_from": RULE + "from",
    "parameters": RULE + "parameters",
    "created": "@timestamp",
    "own_event": "scoreback.event.id",
    "own": "scoreback",
}


class OwnEvent(msgspec.Struct, gc=False):
    """``scoreback.event`` as an object."""

    id: str | None = None


class Own(msgspec.Struct, gc=False):
    """``scoreback`` as an object: the copy of a score document in an alert."""

    event: OwnEvent | None = None
    event_id: str | None = msgspec.field(default=None, name="event.id")


class Source(msgspec.Struct, gc=False, rename=_NAMES):
    """The part of an alert's document that labels are made of."""

    status: str | None = None
    reason: str | None = None
    user: str | list[str] | None = None
    tags: list[str] = []
    cases: list[str] = []
    ancestors: list[Ancestor] = []
    original: str | None = None
    intended: str | None = None
    threshold: Threshold | None = None
    rule_name: str = ""
    rule_id: str = ""
    rule_uuid: str = ""
    rule_type: str = ""
    rule_tags: list[str] = []
    rule_from: str | None = None
    parameters: Parameters | None = None
    created: str | None = None
    own_event: str | None = None
    own: Own | None = None

    @property
    def event_of_score(self) -> str | None:
        """The event that our score is of, as the alert's copy of the score says it."""
        if self.own_event is not None or self.own is None:
            return self.own_event
        return self.own.event.id if self.own.event is not None else self.own.event_id


class Hit(msgspec.Struct, gc=False, rename={"id": "_id", "index": "_index", "source": "_source"}):
    """One alert of a page; ``sort[0]`` is when its status was changed, in milliseconds."""

    id: str
    index: str
    source: Source
    sort: list[Any] = []


class _Hits(msgspec.Struct, gc=False):
    hits: list[Hit]


class _Page(msgspec.Struct, gc=False):
    hits: _Hits
    pit_id: str = ""


class _LooseHit(
    msgspec.Struct, gc=False, rename={"id": "_id", "index": "_index", "source": "_source"}
):
    id: str
    index: str
    source: dict[str, Any] = {}
    sort: list[Any] = []


class _LooseHits(msgspec.Struct, gc=False):
    hits: list[_LooseHit]


class _LoosePage(msgspec.Struct, gc=False):
    hits: _LooseHits
    pit_id: str = ""


_TYPED = msgspec.json.Decoder(_Page)
_LOOSE = msgspec.json.Decoder(_LoosePage)


def asked(entity: str) -> list[str]:
    """What is asked of each document; *entity* is the event field that entities are named by."""
    left_out = {"parameters", "own", "threshold"}
    names = [name for member, name in _NAMES.items() if member not in left_out]
    return [*names, THRESHOLD + ".from", RULE + "parameters.from", entity]


def decoded(body: bytes) -> tuple[list[Hit], str]:
    """The alerts of a page, and the point in time that the next one is asked of.

    Raises:
        SiemUnavailable: the answer is cut short, or not an answer to a search.
    """
    try:
        page = _TYPED.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return _loose(body)
    hits = page.hits.hits
    if any(hit.source.status is None for hit in hits):  # written otherwise, as nested objects
        return _loose(body)
    return hits, page.pit_id


def entities(body: bytes, field: str, rows: Sequence[int]) -> dict[int, str]:
    """The value of the event field *field* in the documents of *rows* of a page that have one.

    Of several values nobody knows which was meant.
    """
    hits = _LOOSE.decode(body).hits.hits
    found = {}
    for row in rows:
        value = only(flat(hits[row].source).get(field))
        if value is not None:
            found[row] = value
    return found


def only(value: object) -> str | None:
    """*value* as text, or that of a list of one; nothing of several."""
    if isinstance(value, list):
        return only(value[0]) if len(value) == 1 else None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value in (None, "") or isinstance(value, dict) else str(value)


def _loose(body: bytes) -> tuple[list[Hit], str]:
    try:
        page = _LOOSE.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise SiemUnavailable(
            f"an answer to a search of alerts broke off or cannot be read: {error}",
            hint="is a proxy between us and the cluster in trouble? Nothing is lost",
        ) from error
    hits = [
        Hit(id=hit.id, index=hit.index, source=source_of(hit.source), sort=hit.sort)
        for hit in page.hits.hits
    ]
    return hits, page.pit_id


def source_of(document: Mapping[str, Any]) -> Source:
    """What labels need of *document*, however it is nested and whatever its values are."""
    values = flat(document)

    def texts(name: str) -> list[str]:
        found = values.get(name)
        return [str(one) for one in found] if isinstance(found, list) else _some(found)

    def text(member: str) -> str | None:
        return only(values.get(_NAMES[member]))

    ancestors = values.get(ANCESTORS)
    return Source(
        status=text("status"),
        reason=text("reason"),
        original=text("original"),
        intended=text("intended"),
        created=text("created"),
        rule_from=text("rule_from"),
        rule_name=text("rule_name") or "",
        rule_id=text("rule_id") or "",
        rule_uuid=text("rule_uuid") or "",
        rule_type=text("rule_type") or "",
        user=texts(USER),
        tags=texts(TAGS),
        cases=texts(CASES),
        rule_tags=texts(RULE + "tags"),
        ancestors=[
            Ancestor(
                id=only(one.get("id")),
                index=only(one.get("index")),
                depth=int(only(one.get("depth")) or 0),
            )
            for one in (ancestors if isinstance(ancestors, list) else _of_parts(values))
            if isinstance(one, Mapping)
        ],
        threshold=Threshold(since=only(values[name]))
        if (name := THRESHOLD + ".from") in values
        else None,
        parameters=Parameters(since=only(values.get(RULE + "parameters.from"))),
        own_event=only(values.get("scoreback.event.id")),
    )


def _of_parts(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One ancestor that is an object, and not in a list."""
    name = ANCESTORS + "."
    one = {k.removeprefix(name): v for k, v in values.items() if k.startswith(name)}
    return [one] if one else []


def _some(value: object) -> list[str]:
    return [] if value in (None, "") else [str(value)]
