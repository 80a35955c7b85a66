"""What an import does with the objects of a file, in the order in which Kibana does it.

Types are looked at first, then references (to data views and searches only), then conflicts. What
has an error is left out and the rest is made; only an error that nobody can resolve, such as an
unknown type, keeps everything out, and even then the answer counts what would have been made.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kibana.objects.store import TYPES, Json, Key, SavedObjects
from tests.kibana.refusals import Refusal

_LIMIT = 10_000
_CHECKED = ("index-pattern", "search")
_ICONS = {
    "dashboard": "dashboardApp",
    "index-pattern": "indexPatternApp",
    "lens": "lensApp",
    "search": "discoverApp",
    "tag": "tag",
    "visualization": "visualizeApp",
}


@dataclass(frozen=True)
class Retry:
    """What a second request says of one object that failed in the first."""

    overwrite: bool = False
    destination: str | None = None
    replaced: Mapping[Key, str] = field(default_factory=dict)
    """References that become others: type and old id to the new id."""
    ignores_missing: bool = False


def lines_of(name: str, content: bytes) -> list[Json]:
    """The objects of a file.

    Raises:
        Refusal: 400; it is not such a file.
    """
    extension = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if extension != ".ndjson":
        raise Refusal(400, f"Invalid file extension {extension}")
    objects = []
    for line in content.decode(errors="replace").splitlines():
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as wrong:
            raise Refusal(400, f"Unexpected token in JSON: {wrong}") from wrong
        if isinstance(found, dict) and "exportedCount" not in found:
            objects.append(found)
    if len(objects) > _LIMIT:
        raise Refusal(400, f"Can't import more than {_LIMIT} objects")
    keys = [(str(one.get("type")), str(one.get("id"))) for one in objects]
    twice = sorted({f"{kind}:{one}" for kind, one in keys if keys.count((kind, one)) > 1})
    if twice:
        raise Refusal(400, f"Non-unique import objects detected: [{','.join(twice)}]")
    for one in objects:
        if not isinstance(one.get("attributes"), dict) or not isinstance(one.get("id"), str):
            raise Refusal(400, "attributes and id are required of each object")
    return objects


@dataclass
class Import:
    """One import into the objects of a space."""

    store: SavedObjects
    now: str
    overwrite: bool = False
    new_copies: bool = False
    retries: Mapping[Key, Retry] | None = None
    """Only these objects, each in its way; None: all."""
    stops_after: int | None = None
    """So many are made, and then Kibana fails (500): a switch of the tests."""

    def run(self, objects: Sequence[Json]) -> Json:
        """The answer of the API."""
        if self.retries is not None:
            objects = [one for one in objects if _key(one) in self.retries]
        errors: list[Json] = []
        unsupported = [one for one in objects if one["type"] not in TYPES]
        errors += [_error(one, {"type": "unsupported_type"}) for one in unsupported]
        rest = [self._replaced(one) for one in objects if one["type"] in TYPES]
        within = {_key(one) for one in rest}
        kept: list[Json] = []
        for one in rest:
            lost = self._lost(one, within)
            if lost and not self._retry(one).ignores_missing:
                errors.append(_error(one, {"type": "missing_references", "references": lost}))
            else:
                kept.append(one)
        places = self._places(kept, errors)
        results = [self._result(one, places[_key(one)]) for one in kept if _key(one) in places]
        if not unsupported:
            self._make(kept, places)
        answer: Json = {
            "success": not errors,
            "successCount": len(results),
            "warnings": [],
        }
        if results:
            answer["successResults"] = results
        if errors:
            answer["errors"] = errors
        return answer

    def _retry(self, one: Json) -> Retry:
        return (self.retries or {}).get(_key(one), Retry())

    def _replaced(self, one: Json) -> Json:
        replaced = self._retry(one).replaced
        references = [
            {**ref, "id": replaced.get((ref["type"], ref["id"]), ref["id"])}
            for ref in one.get("references") or ()
        ]
        return {**one, "references": references}

    def _lost(self, one: Json, within: set[Key]) -> list[Json]:
        return [
            {"type": ref["type"], "id": ref["id"]}
            for ref in one["references"]
            if ref["type"] in _CHECKED
            and _key(ref) not in within
            and self.store.find(ref["type"], ref["id"]) is None
        ]

    def _places(self, kept: list[Json], errors: list[Json]) -> dict[Key, str]:
        """The id under which each is made; one that must not be written over is an error."""
        places: dict[Key, str] = {}
        for one in kept:
            retry = self._retry(one)
            if self.new_copies:
                places[_key(one)] = retry.destination or str(uuid.uuid4())
                continue
            place = retry.destination or one["id"]
            there = self.store.find(one["type"], place) is not None
            if there and not (self.overwrite or retry.overwrite):
                errors.append(_error(one, {"type": "conflict"}))
            else:
                places[_key(one)] = place
        return places

    def _result(self, one: Json, place: str) -> Json:
        there = self.store.find(one["type"], place) is not None
        return {
            "type": one["type"],
            "id": one["id"],
            "meta": _meta(one),
            "managed": False,
            **({"destinationId": place} if place != one["id"] else {}),
            **({"overwrite": True} if there and not self.new_copies else {}),
        }

    def _make(self, kept: list[Json], places: Mapping[Key, str]) -> None:
        made = 0
        for one in kept:
            if _key(one) not in places:
                continue
            if self.stops_after is not None and made >= self.stops_after:
                raise Refusal(500, "An internal server error occurred. Check Kibana server logs.")
            references = [
                {**ref, "id": places.get(_key(ref), ref["id"])} for ref in one["references"]
            ]
            self.store.create(
                one["type"],
                places[_key(one)],
                one["attributes"],
                self.now,
                references=references,
                overwrite=True,
                given=one,
            )
            made += 1


def _key(one: Mapping[str, Any]) -> Key:
    return one["type"], one["id"]


def _meta(one: Json) -> Json:
    title = one["attributes"].get(TYPES.get(one["type"], ("", "title"))[1])
    meta = {"title": title} if title else {}
    icon = _ICONS.get(one["type"])
    return {**meta, **({"icon": icon} if icon else {})}


def _error(one: Json, error: Json) -> Json:
    return {"id": one["id"], "type": one["type"], "meta": _meta(one), "error": error}
