"""Models as documents of a collection, in parts because a document's size is limited.

The stored text is the model with the names of its fields in Splunk; its digest identifies it, so
that the service and the search command notice any change.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scoreback.connectors.splunk.names import MODELS
from scoreback.connectors.splunk.reading.cim import candidates
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import MODEL, DetectorNeeds, Found, ModelResource, Resource, Standing
from scoreback.portable.model import PortableModel, digest, from_text
from scoreback.portable.reading import TIMES

PART = 900_000  # characters per document, one byte each


def model_resource(needs: DetectorNeeds, model: PortableModel) -> ModelResource:
    """The *model* for *needs*, in the form stored in Splunk."""
    text = kept_text(model, needs.selection)
    name = digest(text)
    return ModelResource(
        kind=MODEL,
        name=f"{model.detector}:{model.version}",
        body={"digest": name, "text": text},
        detector=model.detector,
        version=model.version,
        model=from_text(json.dumps(json.loads(text)["model"])),
        digest=name,
    )


def kept_text(model: PortableModel, selection: Mapping[str, object]) -> str:
    """The stored text of *model* with events from *selection*; equal models give equal texts."""
    given = selection.get("fields")
    own = given if isinstance(given, Mapping) else {}
    names = {
        field: candidates(field, {str(k): str(v) for k, v in own.items()})
        for field in model.fields
        if field not in TIMES
    }
    told = json.dumps(names, sort_keys=True, separators=(",", ":"))
    return f'{{"model":{model.as_text()},"names":{told}}}'


class Models:
    """The models of one Splunk."""

    def __init__(self, client: Client) -> None:
        """Keep them through *client*."""
        self._kv = KvStore(client)

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands: only the service writes models, and other documents are ignored."""
        there = sorted(self._parts(wanted), key=lambda row: int(row.get("part", -1)))
        if not there:
            return Found(standing=Standing.ABSENT)
        text = "".join(str(row.get("text", "")) for row in there)
        found, told = digest(text), {str(row.get("digest")) for row in there}
        will = str(wanted.body.get("digest", ""))
        if found == will and told == {will} and len(there) == int(there[0].get("parts", 0)):
            return Found(standing=Standing.CURRENT)
        what = f"digest: {found[:16]} -> {will[:16]}"
        ours = told == {found}
        return Found(standing=Standing.OUTDATED if ours else Standing.EDITED, differences=(what,))

    def apply(self, wanted: Resource) -> None:
        """Write all parts of *wanted*; surplus parts of an earlier, longer text are deleted."""
        text, name = str(wanted.body["text"]), str(wanted.body["digest"])
        parts = [text[start : start + PART] for start in range(0, len(text), PART)]
        self._kv.save(
            MODELS,
            [
                {
                    "_key": f"{wanted.name}:{number}",
                    "detector": wanted.detector,
                    "version": wanted.version,
                    "part": number,
                    "parts": len(parts),
                    "digest": name,
                    "text": part,
                }
                for number, part in enumerate(parts)
            ],
        )
        for row in self._parts(wanted, ("_key", "part")):
            if int(row["part"]) >= len(parts):
                self._kv.delete(MODELS, str(row["_key"]))

    def remove(self, resource: Resource) -> None:
        """Delete all its parts."""
        self._kv.delete_where(MODELS, _of(resource))

    def made(self) -> Sequence[Resource]:
        """All stored models."""
        rows = self._kv.rows(MODELS, {"part": 0}, fields=("detector", "version", "digest"))
        return [
            Resource(
                kind=MODEL,
                name=f"{row['detector']}:{row['version']}",
                body={"digest": str(row.get("digest", ""))},
                detector=str(row["detector"]),
                version=str(row["version"]),
            )
            for row in rows
        ]

    def _parts(self, wanted: Resource, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
        return list(self._kv.rows(MODELS, _of(wanted), fields=fields))


def _of(resource: Resource) -> dict[str, object]:
    return {"detector": resource.detector, "version": resource.version}
