"""``/api/data_views``: data views, which are kept as saved objects of type ``index-pattern``."""

import json
from typing import Any

from starlette.responses import Response

from tests.kibana.cluster import ClusterError
from tests.kibana.objects.store import Json, SavedObject, SavedObjects
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.settings import Settings
from tests.kibana.times import iso

router = Router()
_KIND = "index-pattern"
_ONE = "/api/data_views/data_view"
_READS, _WRITES = ("data-views-read",), ("data-views-all",)
_TEXTS = {"fieldFormats": "fieldFormatMap", "runtimeFieldMap": "runtimeFieldMap"}
"""What the saved object keeps as a text with JSON."""
_FIELDS = {
    *("id", "version", "title", "name", "timeFieldName", "sourceFilters", "fields", "typeMeta"),
    *("fieldFormats", "fieldAttrs", "runtimeFieldMap", "allowNoIndex", "namespaces", "type"),
    "allowHidden",
}
_KINDS = {
    **dict.fromkeys(("keyword", "text", "match_only_text", "wildcard", "ip_range"), "string"),
    **dict.fromkeys(("long", "integer", "short", "byte", "double", "float"), "number"),
    **dict.fromkeys(("half_float", "scaled_float", "unsigned_long"), "number"),
    **dict.fromkeys(("date", "date_nanos"), "date"),
}


@router.on("GET", "/api/data_views", privileges=_READS)
def every(call: Call) -> Response:
    """All of the space, in short."""
    shown = []
    for view in call.kept(SavedObjects).all([_KIND]):
        whole = _shown(call, view)
        shown.append(
            {name: whole[name] for name in ("id", "namespaces", "title", "name") if whole.get(name)}
        )
    return call.answer({"data_view": shown})


@router.on("POST", _ONE, privileges=_WRITES)
def create(call: Call) -> Response:
    """Make one; another of the same name is in its way unless ``override`` is true."""
    given = call.given()
    view = _checked(given.get("data_view"), needs_title=True)
    store, override = call.kept(SavedObjects), bool(given.get("override"))
    with call.simulator.lock:
        name = view.get("name") or view["title"]
        for other in store.all([_KIND]):
            if (other.attributes.get("name") or other.title) != name:
                continue
            if not override:
                raise Refusal(400, f"Duplicate data view: {name}")
            store.delete(_KIND, other.id)
        made = store.create(
            _KIND, view.get("id"), _attributes(view), iso(call.now), overwrite=override
        )
    return call.answer({"data_view": _shown(call, made)})


@router.on("GET", f"{_ONE}/{{id}}", privileges=_READS)
def one(call: Call) -> Response:
    """One, with the fields that Elasticsearch has there."""
    view = call.kept(SavedObjects).get(_KIND, call.parts["id"])
    return call.answer({"data_view": {**_shown(call, view), "fields": _fields(call, view.title)}})


@router.on("POST", f"{_ONE}/{{id}}", privileges=_WRITES)
def update(call: Call) -> Response:
    """Change what is given of one."""
    view = _checked(call.given().get("data_view"), needs_title=False)
    view.pop("id", None)
    with call.simulator.lock:
        store = call.kept(SavedObjects)
        changed = store.update(_KIND, call.parts["id"], _attributes(view), iso(call.now))
    return call.answer({"data_view": _shown(call, changed)})


@router.on("DELETE", f"{_ONE}/{{id}}", privileges=_WRITES)
def delete(call: Call) -> Response:
    """Remove one."""
    with call.simulator.lock:
        call.kept(SavedObjects).delete(_KIND, call.parts["id"])
    return Response(status_code=200)


@router.on("GET", "/api/data_views/default", privileges=_READS)
def which_default(call: Call) -> Response:
    """The id of the one that Discover opens with; empty: none."""
    return call.answer({"data_view_id": call.kept(Settings).get("defaultIndex") or ""})


@router.on("POST", "/api/data_views/default", privileges=_WRITES)
def set_default(call: Call) -> Response:
    """Choose it, if none is chosen or ``force`` is true."""
    given, settings = call.given(), call.kept(Settings)
    if given.get("force") or not settings.get("defaultIndex"):
        settings.change({"defaultIndex": given.get("data_view_id")})
    return call.answer({"acknowledged": True})


def _checked(view: Any, *, needs_title: bool) -> Json:  # noqa: ANN401
    if not isinstance(view, dict):
        raise Refusal(
            400, "[request body.data_view]: expected value of type [object] but got [undefined]"
        )
    if needs_title and not isinstance(view.get("title"), str):
        raise Refusal(
            400,
            "[request body.data_view.title]: expected value of type [string] but got [undefined]",
        )
    unknown = sorted(set(view) - _FIELDS)
    if unknown:
        raise Refusal(
            400, f"[request body.data_view.{unknown[0]}]: definition for this key is missing"
        )
    return dict(view)


def _attributes(view: Json) -> Json:
    attributes = {
        name: value
        for name, value in view.items()
        if name not in ("id", "version", "fields", "namespaces", *_TEXTS)
    }
    for name, kept in _TEXTS.items():
        if name in view:
            attributes[kept] = json.dumps(view[name])
    return attributes


def _shown(call: Call, view: SavedObject) -> Json:
    has = view.attributes

    def text(name: str) -> Any:  # noqa: ANN401
        value = has.get(name) or "{}"
        return json.loads(value) if isinstance(value, str) else value

    return {
        "id": view.id,
        "version": view.version,
        "title": view.title,
        **({"timeFieldName": has["timeFieldName"]} if has.get("timeFieldName") else {}),
        "sourceFilters": text("sourceFilters") or [],
        "fields": {},
        "typeMeta": text("typeMeta"),
        "fieldFormats": text("fieldFormatMap"),
        "runtimeFieldMap": text("runtimeFieldMap"),
        "fieldAttrs": text("fieldAttrs"),
        "allowNoIndex": bool(has.get("allowNoIndex")),
        "allowHidden": bool(has.get("allowHidden")),
        "name": has.get("name") or "",
        "namespaces": [call.space],
    }


def _fields(call: Call, title: str) -> Json:
    path = f"/{title}/_field_caps?fields=*&ignore_unavailable=true&allow_no_indices=true"
    try:
        found = call.simulator.cluster.asked("GET", path)["fields"]
    except (ClusterError, Refusal):
        return {}
    fields = {}
    for name, kinds in found.items():
        types = sorted(kinds)
        if types == ["object"] or name.startswith("_"):
            continue
        first = kinds[types[0]]
        fields[name] = {
            "name": name,
            "type": _KINDS.get(types[0], types[0]) if len(types) == 1 else "conflict",
            "esTypes": types,
            "searchable": first.get("searchable", False),
            "aggregatable": first.get("aggregatable", False),
            "scripted": False,
            "count": 0,
            "isMapped": True,
        }
    return fields
