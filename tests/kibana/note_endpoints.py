"""``/api/note``: what analysts write about an alert or a timeline."""

import base64
import uuid

from starlette.responses import Response

from tests.kibana.notes import Notes
from tests.kibana.objects.store import Json
from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call, Router

router = Router()
_PATH = "/api/note"


@router.on("GET", _PATH, privileges=("notes_read",))
def find(call: Call) -> Response:
    """Those of some alerts (``documentIds``), of some timelines (``savedObjectIds``), or a page."""
    notes = list(call.kept(Notes).all.values())
    events = call.lists.get("documentIds")
    timelines = call.lists.get("savedObjectIds")
    if events:
        notes = [one for one in notes if one.get("eventId") in events]
    elif timelines:
        notes = [one for one in notes if one.get("timelineId") in timelines]
    else:
        word = call.query.get("search", "").lower()
        notes = [one for one in notes if word in str(one.get("note", "")).lower()]
    page, size = call.number("page", 1, 1), call.number("perPage", 10, 1)
    shown = notes if events or timelines else notes[(page - 1) * size : page * size]
    return call.answer({"notes": shown, "totalCount": len(notes)})


@router.on("PATCH", _PATH, privileges=("notes_write",))
def write(call: Call) -> Response:
    """Write one, or change one (``noteId``)."""
    given, notes = call.given(), call.kept(Notes).all
    note = given.get("note")
    if not isinstance(note, dict) or not isinstance(note.get("timelineId"), str):
        raise Refusal(400, "[request body]: note.timelineId: Required")
    identifier = given.get("noteId")
    before = notes.get(identifier) if identifier else None
    if identifier and before is None:
        raise DetectionRefusal(404, f"Saved object [siem-ui-timeline-note/{identifier}] not found")
    if before is not None and given.get("version") not in (None, before["version"]):
        raise DetectionRefusal(409, f"[siem-ui-timeline-note:{identifier}]: version conflict")
    written = _written(call, note, before, len(notes))
    notes[written["noteId"]] = written
    if call.version.line.startswith("8."):
        said = {"code": 200, "message": "success", "note": written}
        return call.answer({"data": {"persistNote": said}})
    return call.answer({"note": written})


@router.on("DELETE", _PATH, privileges=("notes_write",))
def delete(call: Call) -> Response:
    """Remove one (``noteId``) or some (``noteIds``)."""
    given, notes = call.given(), call.kept(Notes).all
    for identifier in given.get("noteIds") or [given.get("noteId")]:
        if notes.pop(identifier, None) is None:
            raise DetectionRefusal(
                404, f"Saved object [siem-ui-timeline-note/{identifier}] not found"
            )
    return call.answer({"data": {}}) if call.version.line.startswith("8.") else call.answer({})


def _written(call: Call, note: Json, before: Json | None, count: int) -> Json:
    now = round(call.now * 1000)
    number = base64.b64encode(f"[{now},{count}]".encode()).decode()
    return {
        "noteId": before["noteId"] if before else str(uuid.uuid4()),
        "version": number,
        "timelineId": note["timelineId"],
        "eventId": note.get("eventId", ""),
        "note": note.get("note", ""),
        "created": before["created"] if before else now,
        "createdBy": before["createdBy"] if before else call.user.name,
        "updated": now,
        "updatedBy": call.user.name,
    }
