"""The exception lists among the lines of a rules' import or export."""

from typing import Any

from tests.kibana.exceptions.store import Body, Lists
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.routing import Call

_FROM_SERVER = {"id", "tie_breaker_id", "_version", "created_at", "created_by", "updated_at",
                "updated_by"}  # fmt: skip


def exported_lists(call: Call, references: list[Body]) -> tuple[list[Body], list[Body]]:
    """The lists that rules refer to, and their items."""
    kept = call.kept(Lists)
    names = dict.fromkeys(reference["list_id"] for reference in references)
    lists = [found for name in names if (found := kept.found(name)) is not None]
    return lists, [item for one in lists for item in kept.items_of(one["list_id"])]


def imported_lists(
    call: Call, lists: list[Body], items: list[Body], *, overwrite: bool
) -> tuple[int, list[Any]]:
    """How many lists and items were taken, and what was wrong with the others."""
    kept, errors, taken = call.kept(Lists), [], 0
    for one in lists:
        body = {key: value for key, value in one.items() if key not in _FROM_SERVER}
        try:
            if overwrite and kept.found(one["list_id"]) is not None:
                kept.remove(one["list_id"])
            kept.create(body, call.user, call.now)
        except DetectionRefusal as refused:
            errors.append(_error("list_id", one, refused))
            continue
        taken += 1
    for one in items:
        body = {key: value for key, value in one.items() if key not in _FROM_SERVER}
        try:
            kept.create_item(body, call.user, call.now)
        except DetectionRefusal as refused:
            errors.append(_error("item_id", one, refused))
            continue
        taken += 1
    return taken, errors


def _error(name: str, one: Body, refused: DetectionRefusal) -> Body:
    said = {"status_code": refused.status, "message": refused.message}
    return {name: one.get(name), "error": said}
