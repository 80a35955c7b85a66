"""``/api/saved_objects``: import, export, and the older calls for one object at a time.

The older calls (``GET /api/saved_objects/dashboard/x``) are deprecated since 8.7 and were still
answered by 9.4.3. ``_bulk_update`` was not.
"""

import fnmatch
import json
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from tests.kibana.objects.exporting import in_order, same, with_references
from tests.kibana.objects.importing import Import, Retry, lines_of
from tests.kibana.objects.store import TYPES, Json, SavedObject, SavedObjects
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router, ndjson
from tests.kibana.times import iso

router = Router()
_BASE = "/api/saved_objects"
_LARGEST_IMPORT = 26_214_400


@router.on("POST", f"{_BASE}/_import", largest=_LARGEST_IMPORT)
def import_objects(call: Call) -> Response:
    """Make the objects of a file."""
    copies, overwrite = call.flag("createNewCopies"), call.flag("overwrite")
    if copies and (overwrite or call.flag("compatibilityMode")):
        name = "overwrite" if overwrite else "compatibilityMode"
        raise Refusal(400, f"[request query]: cannot use [{name}] with [createNewCopies]")
    objects = _uploaded(call)
    importer = _import(call, objects, copies=copies, overwrite=overwrite)
    with call.simulator.lock:
        return call.answer(importer.run(objects))


@router.on("POST", f"{_BASE}/_resolve_import_errors", largest=_LARGEST_IMPORT)
def resolve(call: Call) -> Response:
    """Import some objects of the same file again, each in the way that its retry says."""
    try:
        given = json.loads(call.part("retries") or b"")
        retries = {(one["type"], one["id"]): _retry(one) for one in given}
    except (KeyError, TypeError, ValueError) as wrong:
        raise Refusal(400, f"[request body.retries]: {wrong}") from wrong
    objects = _uploaded(call)
    importer = _import(call, objects, copies=call.flag("createNewCopies"), overwrite=False)
    importer.retries = retries
    with call.simulator.lock:
        return call.answer(importer.run(objects))


@router.on("POST", f"{_BASE}/_export")
def export(call: Call) -> Response:
    """Objects, a line each: those that were named, or all of some types."""
    given = call.given()
    store = call.kept(SavedObjects)
    chosen = _chosen(call, given, store)
    lost: list[Json] = []
    if given.get("includeReferencesDeep"):
        chosen, lost = with_references(store, chosen)
    lines = [one.exported() for one in in_order(chosen)]
    if not given.get("excludeExportDetails"):
        details = {
            "excludedObjects": [],
            "excludedObjectsCount": 0,
            "exportedCount": len(lines),
            "missingRefCount": len(lost),
            "missingReferences": lost,
        }
        lines.append(details)
    return ndjson(lines)


@router.on("GET", f"{_BASE}/_find")
def find(call: Call) -> Response:
    """Objects of some types, a page of them."""
    types = call.lists.get("type")
    if not types:
        raise Refusal(400, "[request query.type]: expected at least one defined value")
    if "filter" in call.query:
        raise Refusal(400, "the simulator does not read filter")
    _reads(call, types)
    search = call.query.get("search", "*").lower()
    wanted = json.loads(call.query["has_reference"]) if "has_reference" in call.query else None
    found = [
        one
        for one in call.kept(SavedObjects).all(types)
        if any(fnmatch.fnmatch(word, search) for word in _words(one))
        and (wanted is None or any(same(ref, wanted) for ref in one.references))
    ]
    page, size = call.number("page", 1, 1), call.number("per_page", 20)
    shown = found[(page - 1) * size : page * size]
    return call.answer(
        {
            "page": page,
            "per_page": size,
            "total": len(found),
            "saved_objects": [{**one.shown(call.space), "score": 0} for one in shown],
        }
    )


@router.on("GET", f"{_BASE}/{{type}}/{{id}}")
def one(call: Call) -> Response:
    """An object."""
    return call.answer(_named(call).shown(call.space))


@router.on("GET", f"{_BASE}/resolve/{{type}}/{{id}}")
def resolved(call: Call) -> Response:
    """An object, and whether it is known by another id; here never."""
    found = _named(call).shown(call.space)
    return call.answer({"saved_object": found, "outcome": "exactMatch"})


@router.on("POST", f"{_BASE}/{{type}}", f"{_BASE}/{{type}}/{{id}}")
def create(call: Call) -> Response:
    """Make an object."""
    kind, given = call.parts["type"], call.given()
    _writes(call, [kind])
    if not isinstance(given.get("attributes"), dict):
        raise Refusal(
            400,
            "[request body.attributes]: expected value of type [object] but got "
            f"[{type(given.get('attributes')).__name__}]",
        )
    with call.simulator.lock:
        made = call.kept(SavedObjects).create(
            kind,
            call.parts.get("id"),
            given["attributes"],
            iso(call.now),
            references=given.get("references"),
            overwrite=call.flag("overwrite"),
            given=given,
        )
    return call.answer(made.shown(call.space))


@router.on("PUT", f"{_BASE}/{{type}}/{{id}}")
def update(call: Call) -> Response:
    """Change some attributes of an object."""
    kind, given = call.parts["type"], call.given()
    _writes(call, [kind])
    with call.simulator.lock:
        changed = call.kept(SavedObjects).update(
            kind,
            call.parts["id"],
            given.get("attributes") or {},
            iso(call.now),
            references=given.get("references"),
            version=given.get("version"),
        )
    return call.answer(changed.shown(call.space))


@router.on("DELETE", f"{_BASE}/{{type}}/{{id}}")
def delete(call: Call) -> Response:
    """Remove an object."""
    _writes(call, [call.parts["type"]], "delete")
    with call.simulator.lock:
        call.kept(SavedObjects).delete(call.parts["type"], call.parts["id"])
    return call.answer({})


@router.on("POST", f"{_BASE}/_bulk_get")
def bulk_get(call: Call) -> Response:
    """Some objects; in place of each that is not there, its error."""
    named = _listed(call.json(), "request body")
    _reads(call, [item["type"] for item in named])
    store, shown = call.kept(SavedObjects), []
    for item in named:
        found = store.find(item["type"], item["id"])
        shown.append(found.shown(call.space) if found else {**item, "error": _absent(item)})
    return call.answer({"saved_objects": shown})


@router.on("POST", f"{_BASE}/_bulk_delete")
def bulk_delete(call: Call) -> Response:
    """Remove some objects, and say of each whether it was there."""
    named = _listed(call.json(), "request body")
    _writes(call, [item["type"] for item in named], "bulk_delete")
    store, said = call.kept(SavedObjects), []
    with call.simulator.lock:
        for item in named:
            there = store.find(item["type"], item["id"]) is not None
            if there:
                store.delete(item["type"], item["id"])
            error = {} if there else {"error": _absent(item)}
            said.append({"id": item["id"], "type": item["type"], "success": there, **error})
    return call.answer({"statuses": said})


def _listed(given: Any, where: str) -> list[Json]:  # noqa: ANN401
    """Objects that are named by type and id."""
    if not isinstance(given, list):
        kind = type(given).__name__
        raise Refusal(400, f"[{where}]: expected value of type [array] but got [{kind}]")
    for number, one in enumerate(given):
        for name in ("type", "id"):
            if not isinstance(one, dict) or not isinstance(one.get(name), str):
                raise Refusal(
                    400,
                    f"[{where}.{number}.{name}]: expected value of type [string] but got "
                    "[undefined]",
                )
    return given


def _absent(item: Json) -> Json:
    message = f"Saved object [{item['type']}/{item['id']}] not found"
    return {"statusCode": 404, "error": "Not Found", "message": message}


def _named(call: Call) -> SavedObject:
    _reads(call, [call.parts["type"]])
    return call.kept(SavedObjects).get(call.parts["type"], call.parts["id"])


def _uploaded(call: Call) -> list[Json]:
    if len(call.body) > _LARGEST_IMPORT:
        raise Refusal(
            413, f"Payload content length greater than maximum allowed: {_LARGEST_IMPORT}"
        )
    return lines_of(*call.file())


def _import(call: Call, objects: list[Json], *, copies: bool, overwrite: bool) -> Import:
    _writes(call, [str(one.get("type")) for one in objects], "bulk_create", lenient=True)
    fault = call.simulator.faults.take("object_import_stops", call.method, call.path)
    return Import(
        call.kept(SavedObjects),
        iso(call.now),
        overwrite=overwrite,
        new_copies=copies,
        stops_after=int(fault.get("objects", 1)) if fault else None,
    )


def _retry(given: Json) -> Retry:
    return Retry(
        overwrite=bool(given.get("overwrite")),
        destination=given.get("destinationId"),
        replaced={
            (one["type"], one["from"]): one["to"] for one in given.get("replaceReferences") or ()
        },
        ignores_missing=bool(given.get("ignoreMissingReferences")),
    )


def _chosen(call: Call, given: Json, store: SavedObjects) -> list[SavedObject]:
    objects, types = given.get("objects"), given.get("type")
    if (objects is None) == (types is None):
        raise Refusal(400, "Either `type` or `objects` are required.")
    if objects is not None:
        objects = _listed(objects, "request body.objects")
        _reads(call, [one["type"] for one in objects])
        found = [store.find(one["type"], one["id"]) for one in objects]
        absent = [one for one, there in zip(objects, found, strict=True) if there is None]
        if absent:
            errors = [{**one, "error": _absent(one)} for one in absent]
            raise Refusal(400, "Error fetching objects to export", attributes={"objects": errors})
        return [one for one in found if one is not None]
    named = [types] if isinstance(types, str) else list(types or ())
    _reads(call, [] if named == ["*"] else named)
    wanted = given.get("hasReference")
    wanted = [wanted] if isinstance(wanted, dict) else wanted
    return [
        one
        for one in store.all(None if named == ["*"] else named)
        if one.type != "config"
        and (wanted is None or any(same(ref, any_) for ref in one.references for any_ in wanted))
    ]


def _words(one: SavedObject) -> list[str]:
    title = one.title.lower()
    return [title, *title.split()]


def _known(types: Iterable[str]) -> list[str]:
    named = sorted(set(types))
    unknown = [one for one in named if one not in TYPES]
    if unknown:
        raise Refusal(400, f"Unsupported saved object type(s): {','.join(unknown)}: Bad Request")
    return named


def _reads(call: Call, types: Iterable[str]) -> None:
    _allowed(call, _known(types), "read", "get")


def _writes(
    call: Call, types: Iterable[str], action: str = "create", *, lenient: bool = False
) -> None:
    """*lenient*: a type that nobody knows is not a matter here."""
    named = sorted({one for one in types if one in TYPES}) if lenient else _known(types)
    _allowed(call, named, "all", action)


def _allowed(call: Call, types: list[str], level: str, action: str) -> None:
    refused = [
        one
        for one in types
        if not call.may(f"saved-objects-{level}") and not call.may(f"{TYPES[one][0]}-{level}")
    ]
    if refused:
        raise Refusal(403, f"Unable to {action} {','.join(refused)}")
