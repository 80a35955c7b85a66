"""Alerts in the form that labels need: which fields to request, and typed decoding.

Kibana's own fields have flat dotted names in a document, and the event's copy is nested as in the
event; some versions and pipelines differ. A page of the usual shape is decoded into typed values in
one go; for other pages each document is flattened first. All values come from the document itself,
never through the mapping, which differs between versions.
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
    """A document that an alert was made from."""

    id: str | None = None
    index: str | None = None
    depth: int = 0


class Threshold(msgspec.Struct, gc=False, rename={"since": "from"}):
    """The counts of a threshold rule."""

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
    """``scoreback`` as an object: an alert's copy of a score document."""

    event: OwnEvent | None = None
    event_id: str | None = msgspec.field(default=None, name="event.id")


class Source(msgspec.Struct, gc=False, rename=_NAMES):
    """The part of an alert's document that labels need."""

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
        """The event of Scoreback's score, as the alert's copy of the score names it."""
        if self.own_event is not None or self.own is None:
            return self.own_event
        return self.own.event.id if self.own.event is not None else self.own.event_id


class Hit(msgspec.Struct, gc=False, rename={"id": "_id", "index": "_index", "source": "_source"}):
    """One alert of a page; ``sort[0]`` is the time of its status change, in milliseconds."""

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
    """The fields to request of each document; *entity* is the event field that names entities."""
    left_out = {"parameters", "own", "threshold"}
    names = [name for member, name in _NAMES.items() if member not in left_out]
    return [*names, THRESHOLD + ".from", RULE + "parameters.from", entity]


def decoded(body: bytes) -> tuple[list[Hit], str]:
    """The alerts of a page, and the point in time for requesting the next one.

    Raises:
        SiemUnavailable: the answer is incomplete, or not an answer to a search.
    """
    try:
        page = _TYPED.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return _loose(body)
    hits = page.hits.hits
    if any(hit.source.status is None for hit in hits):  # a different form, such as nested objects
        return _loose(body)
    return hits, page.pit_id


def entities(body: bytes, field: str, rows: Sequence[int]) -> dict[int, str]:
    """The event field *field* by row, for those of *rows* of a page that have one value.

    With several values, it is unclear which was meant.
    """
    hits = _LOOSE.decode(body).hits.hits
    found = {}
    for row in rows:
        value = only(flat(hits[row].source).get(field))
        if value is not None:
            found[row] = value
    return found


def only(value: object) -> str | None:
    """*value* as text, or the item of a list of one; None for several."""
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
            hint="is there a failing proxy between this machine and the cluster? Nothing is lost",
        ) from error
    hits = [
        Hit(id=hit.id, index=hit.index, source=source_of(hit.source), sort=hit.sort)
        for hit in page.hits.hits
    ]
    return hits, page.pit_id


def source_of(document: Mapping[str, Any]) -> Source:
    """The parts of *document* that labels need, whatever its nesting and its values."""
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
    """A single ancestor given as an object instead of a list."""
    name = ANCESTORS + "."
    one = {k.removeprefix(name): v for k, v in values.items() if k.startswith(name)}
    return [one] if one else []


def _some(value: object) -> list[str]:
    return [] if value in (None, "") else [str(value)]
