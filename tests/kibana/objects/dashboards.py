"""``/api/dashboards``: a preview in 9.4, for everybody from 9.5 on, absent before.

A dashboard is kept as a saved object, so it is exported and removed as one. One that came by import
is listed and read here too, though without its panels: Kibana translates them, the simulator does
not.
"""

import fnmatch
from typing import Any

from starlette.responses import Response

from tests.kibana.objects import dashboard_schema
from tests.kibana.objects.store import Json, SavedObject, SavedObjects
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.times import iso
from tests.kibana.versions import Version

router = Router()
_BASE = "/api/dashboards"
_SUMMARY = ("title", "description", "tags", "time_range", "access_control")
_OPTIONS = {
    "auto_apply_filters": True,
    "hide_panel_titles": False,
    "hide_panel_borders": False,
    "use_margins": True,
    "sync_colors": False,
    "sync_tooltips": False,
    "sync_cursor": True,
}


def _present(version: Version) -> bool:
    return bool(version.dashboards_api)


@router.on("GET", _BASE, privileges=("dashboards-read",), when=_present)
def search(call: Call) -> Response:
    """A page of dashboards, without their panels."""
    query = call.query.get("query", "*").lower()
    tags, excluded = set(call.lists.get("tags", ())), set(call.lists.get("excluded_tags", ()))
    found = []
    for one in call.kept(SavedObjects).all(["dashboard"]):
        data = _data(one)
        words = f"{data['title']} {data.get('description', '')}".lower().split()
        has = set(data.get("tags", ()))
        if (tags and not tags & has) or excluded & has:
            continue
        if any(fnmatch.fnmatch(word, term) for term in query.split() for word in [*words, ""]):
            found.append(one)
    page, size = call.number("page", 1, 1), call.number("per_page", 20, 1)
    shown = []
    for one in found[(page - 1) * size : page * size]:
        data = _data(one)
        summary = {name: data[name] for name in _SUMMARY if name in data}
        shown.append({"id": one.id, "data": summary, "meta": _meta(one)})
    if call.version.dashboards_api == "preview":
        return call.answer({"dashboards": shown, "page": page, "total": len(found)})
    meta = {"total": len(found), "page": page, "per_page": size}
    return call.answer({"data": shown, "meta": meta})


@router.on("POST", _BASE, privileges=("dashboards-all",), when=_present)
def create(call: Call) -> Response:
    """Make one under an id of Kibana's choice."""
    given = _checked(call, creating=True)
    if "access_control" in given and call.profile is None:
        raise Refusal(400, "Kibana could not determine the user profile ID for the caller.")
    return call.answer(_written(call, None, given), 201)


@router.on("GET", f"{_BASE}/{{id}}", privileges=("dashboards-read",), when=_present)
def one(call: Call) -> Response:
    """One, with all of its panels."""
    return call.answer(_whole(_found(call)))


@router.on("PUT", f"{_BASE}/{{id}}", privileges=("dashboards-all",), when=_present)
def put(call: Call) -> Response:
    """Write one under this id, whether or not there was one (201 or 200)."""
    given = _checked(call, creating=False)
    identifier = call.parts["id"]
    with call.simulator.lock:
        there = call.kept(SavedObjects).find("dashboard", identifier) is not None
        return call.answer(_written(call, identifier, given), 200 if there else 201)


@router.on("DELETE", f"{_BASE}/{{id}}", privileges=("dashboards-all",), when=_present)
def delete(call: Call) -> Response:
    """Remove one."""
    with call.simulator.lock:
        found = _found(call)
        call.kept(SavedObjects).delete("dashboard", found.id)
    return Response(status_code=204)


def _found(call: Call) -> SavedObject:
    identifier = call.parts["id"]
    found = call.kept(SavedObjects).find("dashboard", identifier)
    if found is None:
        raise Refusal(404, f"A dashboard with ID [{identifier}] was not found.")
    return found


def _checked(call: Call, *, creating: bool) -> Json:
    given = call.json()
    said = dashboard_schema.wrong(call.version.dashboards_api, given, creating=creating)
    if said:
        raise Refusal(400, said)
    checked: Json = given
    return checked


def _written(call: Call, identifier: str | None, given: Json) -> Json:
    attributes = {
        "title": given["title"],
        "description": given.get("description", ""),
        "version": 3,
    }
    references = [
        {"type": "tag", "id": tag, "name": f"tag-ref-{tag}"} for tag in given.get("tags", ())
    ]
    references += [
        {"type": "index-pattern", "id": view, "name": f"{number}:data_view"}
        for number, view in enumerate(_views(given))
    ]
    made = call.kept(SavedObjects).create(
        "dashboard", identifier, attributes, iso(call.now), references=references, overwrite=True
    )
    made.extra = {"data": _completed(given), "by": call.user.name}
    return _whole(made)


def _views(given: Any) -> list[str]:  # noqa: ANN401
    """The ids of the data views that panels refer to."""
    if isinstance(given, list):
        return [view for one in given for view in _views(one)]
    if not isinstance(given, dict):
        return []
    if given.get("type") == "data_view_reference" and isinstance(given.get("ref_id"), str):
        return [given["ref_id"]]
    return [view for one in given.values() for view in _views(one)]


def _completed(given: Json) -> Json:
    """With the values that Kibana sets where none was given."""
    data = {**given, "options": {**_OPTIONS, **given.get("options", {})}}
    data["panels"] = [_panel(one) for one in given.get("panels", ())]
    data.setdefault("pinned_panels", [])
    return data


def _panel(given: Json) -> Json:
    if "config" not in given:
        inner = [_panel(one) for one in given.get("panels", ())]
        return {"collapsed": False, **given, "panels": inner}
    return {**given, "grid": {"w": 24, "h": 15, **given["grid"]}}


def _data(one: SavedObject) -> Json:
    data: Json = one.extra.get("data") or _completed(
        {
            "title": one.title,
            "description": one.attributes.get("description", ""),
            "tags": [ref["id"] for ref in one.references if ref["type"] == "tag"],
        }
    )
    return data


def _meta(one: SavedObject) -> Json:
    return {
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "managed": False,
        "version": one.version,
    }


def _whole(one: SavedObject) -> Json:
    return {"id": one.id, "data": _data(one), "meta": _meta(one)}
