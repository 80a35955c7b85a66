"""The resources door: stanzas of Scoreback's app, each with a mark in a separate collection.

A Splunk stanza has no room for a mark, so a collection has a row for each object that Scoreback
wrote, with what it wrote: this tells a change by hand from an earlier version.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scoreback import __version__
from scoreback.connectors.splunk.deploying.resources import (
    FILES,
    PROPS,
    SHIPPED,
    of_connection,
    of_detector,
    stanza_of,
)
from scoreback.connectors.splunk.names import DEPLOYED
from scoreback.connectors.splunk.native.models import Models, model_resource
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.conf import Conf
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import MODEL, DetectorNeeds, Found, Resource, Standing

_ABSENT = "absent"


class Resources:
    """What one connection keeps in Splunk beside rules and scores."""

    def __init__(self, client: Client) -> None:
        """Access resources through *client*."""
        self._client = client
        self._conf, self._kv = Conf(client), KvStore(client)
        self._models = Models(client)

    def require_place(self) -> None:
        """Do nothing: `check` reports what is missing of the app."""

    def wanted(self) -> Sequence[Resource]:
        """What the connection itself needs; the app brings the rest."""
        return of_connection(self._client.settings)

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """Lookups and calculated fields of one detector, and its model for searches."""
        found = of_detector(needs)
        return found if needs.model is None else (*found, model_resource(needs, needs.model))

    def made(self) -> Sequence[Resource]:
        """What was created and not removed."""
        own = {(resource.kind, resource.name) for resource in self.wanted()}
        made = [*(_made(row) for row in self._kv.rows(DEPLOYED)), *self._models.made()]
        return sorted(
            (one for one in made if (one.kind, one.name) not in own),
            key=lambda one: (one.detector, one.kind == PROPS, one.name),
        )

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands; for a sourcetype, only Scoreback's keys are compared."""
        if wanted.kind == MODEL:
            return self._models.standing(wanted)
        there = self._there(wanted)
        if not there:
            return Found(standing=Standing.ABSENT)
        will = _texts(wanted.body)
        differences = tuple(
            f"{key}: {there.get(key, _ABSENT)} -> {value}"
            for key, value in sorted(will.items())
            if there.get(key) != value
        )
        if not differences:
            return Found(standing=Standing.CURRENT)
        mark = self._kv.get(DEPLOYED, _key(wanted))
        if mark is None:
            shipped = SHIPPED.get((wanted.kind, wanted.name)) == there
            kind = Standing.OUTDATED if shipped else Standing.FOREIGN
            return Found(standing=kind, differences=differences)
        ours = mark.get("digest") == _digest({key: there.get(key, "") for key in _keys(mark)})
        kind = Standing.OUTDATED if ours else Standing.EDITED
        return Found(standing=kind, differences=differences)

    def apply(self, wanted: Resource) -> None:
        """Write the keys of *wanted*; other keys of its stanza stay."""
        if wanted.kind == MODEL:
            return self._models.apply(wanted)
        keys = _texts(wanted.body)
        self._conf.write(FILES[wanted.kind], stanza_of(wanted), keys)
        return self._kv.save(DEPLOYED, [_mark(wanted, keys)])

    def remove(self, resource: Resource) -> None:
        """Remove Scoreback's keys, or the model."""
        if resource.kind == MODEL:
            return self._models.remove(resource)
        file, stanza = FILES[resource.kind], stanza_of(resource)
        if self._conf.stanza(file, stanza) is not None:
            if resource.kind == PROPS:
                # Splunk cannot remove a key from a stanza, but a key without a value does nothing.
                self._conf.write(file, stanza, dict.fromkeys(_texts(resource.body), ""))
            else:
                self._conf.remove(file, stanza)
        return self._kv.delete(DEPLOYED, _key(resource))

    def _there(self, wanted: Resource) -> dict[str, str]:
        """What Splunk has for the keys of *wanted*; empty if it has none of them."""
        found = self._conf.stanza(FILES[wanted.kind], stanza_of(wanted)) or {}
        return {key: found[key] for key in _texts(wanted.body) if found.get(key)}


def _texts(body: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in body.items()}


def _key(resource: Resource) -> str:
    """Identifies what was created: two detectors may each have a key in one stanza."""
    parts = [resource.kind, resource.name, *sorted(resource.body)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _mark(wanted: Resource, keys: Mapping[str, str]) -> dict[str, Any]:
    return {
        "_key": _key(wanted),
        "kind": wanted.kind,
        "name": wanted.name,
        "detector": wanted.detector,
        "version": wanted.version,
        "keys": json.dumps(keys, sort_keys=True),
        "digest": _digest(keys),
        "written_by": __version__,
    }


def _made(row: Mapping[str, Any]) -> Resource:
    return Resource(
        kind=str(row["kind"]),
        name=str(row["name"]),
        body=_keys(row),
        detector=str(row["detector"]),
        version=str(row.get("version") or ""),
    )


def _keys(row: Mapping[str, Any]) -> dict[str, str]:
    found = json.loads(str(row.get("keys") or "{}"))
    return {str(key): str(value) for key, value in found.items()}


def _digest(keys: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(keys.items())).encode()).hexdigest()[:32]
