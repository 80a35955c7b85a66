"""``/api/exception_lists``: lists and items are made, read, changed, found and removed."""

from functools import partial

from starlette.responses import Response

from tests.kibana.exceptions.store import LIST_TYPES, Body, Lists
from tests.kibana.kql import KqlError
from tests.kibana.kql_matching import matches
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.routing import Call, Router
from tests.kibana.rules.checks import Check, Report, anything, array, fields, one_of, shape, text
from tests.kibana.rules.endpoints import locked
from tests.kibana.rules.store import Rules

router = Router()
LISTS = "/api/exception_lists"
_READS, _WRITES = ("lists-read",), ("lists-all",)
_WORD, _NAME = text(), text(1)
_OPERATOR = one_of("included", "excluded")
_NAMESPACE = one_of("single", "agnostic")
_LIST: dict[str, Check] = {"name": _NAME, "description": _WORD, "type": one_of(*LIST_TYPES)}
_MORE_LIST: dict[str, Check] = {
    "list_id": _NAME, "namespace_type": _NAMESPACE, "os_types": array(_WORD),
    "tags": array(_WORD), "meta": anything, "version": anything, "id": _WORD, "_version": _WORD,
}  # fmt: skip
_MORE_ITEM: dict[str, Check] = {
    "item_id": _NAME, "namespace_type": _NAMESPACE, "os_types": array(_WORD),
    "tags": array(_WORD), "meta": anything, "comments": array(shape({"comment": _NAME})),
    "expire_time": _WORD, "id": _WORD, "_version": _WORD,
}  # fmt: skip


def _entry(path: str, value: object, report: Report) -> object:
    kinds: dict[str, Check] = {
        "match": shape({"type": _WORD, "field": _NAME, "operator": _OPERATOR, "value": _NAME}),
        "match_any": shape(
            {"type": _WORD, "field": _NAME, "operator": _OPERATOR, "value": array(_NAME, 1)}
        ),
        "exists": shape({"type": _WORD, "field": _NAME, "operator": _OPERATOR}),
        "wildcard": shape({"type": _WORD, "field": _NAME, "operator": _OPERATOR, "value": _NAME}),
    }
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in kinds:
        names = " | ".join(f"'{name}'" for name in kinds)
        report.wrong(f"{path}.type", f"Invalid discriminator value. Expected {names}")
        return value
    return kinds[str(kind)](path, value, report)


_ITEM: dict[str, Check] = {
    "list_id": _NAME, "name": _NAME, "description": _WORD, "type": one_of("simple"),
    "entries": array(_entry, 1),
}  # fmt: skip


def _kept(call: Call, given: Body, required: dict[str, Check], optional: dict[str, Check]) -> Body:
    report = Report()
    body = fields("", given, required, optional, report)
    report.refuse()
    call.simulator.stripped += [(call.path, name) for name in report.stripped]
    return body


def _ids(given: Body, name: str) -> tuple[str | None, str | None]:
    own, object_id = given.get(name), given.get("id")
    if own is None and object_id is None:
        raise DetectionRefusal(400, f"id or {name} need to be defined")
    return own, object_id


def _list(call: Call, given: Body) -> Body:
    list_id, object_id = _ids(given, "list_id")
    found = call.kept(Lists).found(list_id, object_id)
    if found is None:
        said = f'list_id: "{list_id}"' if list_id else f'id: "{object_id}"'
        raise DetectionRefusal(404, f"exception {said} does not exist")
    return found


def _item(call: Call, given: Body) -> Body:
    item_id, object_id = _ids(given, "item_id")
    found = call.kept(Lists).found_item(item_id, object_id)
    if found is None:
        said = f'item_id: "{item_id}"' if item_id else f'id: "{object_id}"'
        raise DetectionRefusal(404, f"exception list item {said} does not exist")
    return found


@router.on("POST", LISTS, privileges=_WRITES)
def create(call: Call) -> Response:
    """Make a list."""
    body = _kept(call, call.given(), _LIST, _MORE_LIST)
    with call.simulator.lock:
        return call.answer(call.kept(Lists).create(body, call.user, call.now))


@router.on("GET", LISTS, privileges=_READS)
def read(call: Call) -> Response:
    """A list."""
    return call.answer(_list(call, dict(call.query)))


@router.on("PUT", LISTS, privileges=_WRITES)
def update(call: Call) -> Response:
    """Change a list."""
    body = _kept(call, call.given(), _LIST, _MORE_LIST)
    with call.simulator.lock:
        found = _list(call, body)
        found |= {k: v for k, v in body.items() if k not in ("id", "list_id", "_version")}
        return call.answer(found)


@router.on("DELETE", LISTS, privileges=_WRITES)
def remove(call: Call) -> Response:
    """Remove a list with its items; rules that named it go on naming it."""
    with call.simulator.lock:
        found = _list(call, dict(call.query))
        call.kept(Lists).remove(found["list_id"])
    return call.answer(found)


@router.on("GET", f"{LISTS}/_find", privileges=_READS)
def find(call: Call) -> Response:
    """A page of lists."""
    return _page(call, list(call.kept(Lists).lists.values()))


@router.on("POST", f"{LISTS}/items", privileges=_WRITES)
def create_item(call: Call) -> Response:
    """Make an item."""
    body = _kept(call, call.given(), _ITEM, _MORE_ITEM)
    with call.simulator.lock:
        return call.answer(call.kept(Lists).create_item(body, call.user, call.now))


@router.on("GET", f"{LISTS}/items", privileges=_READS)
def read_item(call: Call) -> Response:
    """An item."""
    return call.answer(_item(call, dict(call.query)))


@router.on("PUT", f"{LISTS}/items", privileges=_WRITES)
def update_item(call: Call) -> Response:
    """Change an item."""
    required = {name: check for name, check in _ITEM.items() if name != "list_id"}
    body = _kept(call, call.given(), required, {**_MORE_ITEM, "list_id": _NAME})
    with call.simulator.lock:
        found = _item(call, body)
        found |= {k: v for k, v in body.items() if k not in ("id", "item_id", "_version")}
        return call.answer(found)


@router.on("DELETE", f"{LISTS}/items", privileges=_WRITES)
def remove_item(call: Call) -> Response:
    """Remove an item."""
    with call.simulator.lock:
        found = _item(call, dict(call.query))
        del call.kept(Lists).items[found["item_id"]]
    return call.answer(found)


@router.on("GET", f"{LISTS}/items/_find", privileges=_READS)
def find_items(call: Call) -> Response:
    """A page of the items of lists."""
    lists = call.kept(Lists)
    ids = [one for given in call.lists.get("list_id", ()) for one in given.split(",")]
    if not ids:
        raise DetectionRefusal(400, "[request query]: list_id: Required")
    for one in ids:
        if lists.found(one) is None:
            raise DetectionRefusal(404, f'exception list id: "{one}" does not exist')
    return _page(call, [item for one in ids for item in lists.items_of(one)])


@router.on("POST", "/api/detection_engine/rules/{id}/exceptions", privileges=_WRITES)
def create_rule_items(call: Call) -> Response:
    """Items of the list that belongs to one rule only; the list is made with the first."""
    given = call.given().get("items") or []
    required = {name: check for name, check in _ITEM.items() if name != "list_id"}
    items = [_kept(call, one, required, {**_MORE_ITEM, "list_id": anything}) for one in given]
    lists = call.kept(Lists)

    def act(rules: Rules) -> list[Body]:
        rule = rules.named({"id": call.parts["id"]})
        own = next(
            (ref for ref in rule.body["exceptions_list"] if ref["type"] == "rule_default"), None
        )
        if own is None:
            made = lists.create(
                {
                    "name": f"Exceptions for rule - {rule.body['name']}",
                    "description": f"Exception list containing exceptions for rule with id: "
                    f"{rule.id}",
                    "type": "rule_default",
                    "tags": ["default_rule_exception_list"],
                },
                call.user,
                call.now,
            )
            own = {name: made[name] for name in ("id", "list_id", "type", "namespace_type")}
            whole = {**rule.body, "exceptions_list": [*rule.body["exceptions_list"], own]}
            rules.change(rule, whole, call.user, call.now)
        return [
            lists.create_item({**item, "list_id": own["list_id"]}, call.user, call.now)
            for item in items
        ]

    return call.answer(locked(call, act))


def _page(call: Call, found: list[Body]) -> Response:
    page, size = call.number("page", 1, 1), call.number("per_page", 20)
    query = call.query.get("filter")
    try:
        chosen = [one for one in found if not query or matches(query, partial(_of, one))]
    except KqlError as wrong:
        raise DetectionRefusal(400, str(wrong)) from wrong
    data = chosen[(page - 1) * size : page * size]
    return call.answer({"page": page, "per_page": size, "total": len(chosen), "data": data})


def _of(one: Body, name: str) -> list[object]:
    """A value by its attribute, as ``exception-list.attributes.name``."""
    value = one.get(name.rpartition("attributes.")[2])
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
