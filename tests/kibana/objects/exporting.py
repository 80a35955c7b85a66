"""Which objects an export has, and in which order."""

from collections.abc import Iterable
from typing import Any

from tests.kibana.objects.store import Json, Key, SavedObject, SavedObjects


def with_references(
    store: SavedObjects, chosen: list[SavedObject]
) -> tuple[list[SavedObject], list[Json]]:
    """Objects with all that they refer to, directly or not; and what of that is not there."""
    found: dict[Key, SavedObject] = {one.key: one for one in chosen}
    lost: dict[Key, Json] = {}
    waiting = list(chosen)
    while waiting:
        for ref in waiting.pop().references:
            key = ref["type"], ref["id"]
            if key in found or key in lost:
                continue
            there = store.find(*key)
            if there is None:
                lost[key] = {"type": key[0], "id": key[1]}
            else:
                found[key] = there
                waiting.append(there)
    return list(found.values()), list(lost.values())


def in_order(chosen: Iterable[SavedObject]) -> list[SavedObject]:
    """What is referred to comes before what refers to it."""
    rest, ordered = {one.key: one for one in chosen}, []

    def visit(one: SavedObject) -> None:
        if rest.pop(one.key, None) is None:
            return
        for ref in one.references:
            below = rest.get((ref["type"], ref["id"]))
            if below is not None:
                visit(below)
        ordered.append(one)

    for one in list(rest.values()):
        visit(one)
    return ordered


def same(ref: Json, wanted: Any) -> bool:  # noqa: ANN401
    """Whether a reference is to the object that ``hasReference`` names."""
    return (ref["type"], ref["id"]) == (wanted.get("type"), wanted.get("id"))
