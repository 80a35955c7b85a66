"""The ingest pipelines: one for each model, and for each detector one that users call.

A detector's pipeline passes the event to the pipeline of the model in force, with the threshold in
force; it is replaced in one step, so no event sees half a change. What Scoreback must know about a
pipeline later is JSON at the end of its description, which every server keeps.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoreback.connectors.elastic.native.packing import Times, scripts
from scoreback.connectors.elastic.native.source import FAILED
from scoreback.connectors.elastic.native.source import compact as _compact
from scoreback.deployment import NativePoint
from scoreback.portable.model import PortableModel

ERROR = "the pipeline failed: see this pipeline in the ingest statistics of the cluster"
_OWN = ("description", "processors", "on_failure")
# field that passes data from one processor to the next; the last one removes it
_PASSED = "_scoreback"


@dataclass(frozen=True, slots=True)
class PipelineNames:
    """The names of pipelines in one namespace."""

    namespace: str

    @property
    def prefix(self) -> str:
        """The prefix of all their names, and of no other namespace's."""
        own = "" if self.namespace == "default" else f".{self.namespace}"
        return f"scoreback-native{own}-"

    def of_detector(self, detector: str) -> str:
        """The pipeline that users call."""
        return self.prefix + detector

    def of_model(self, detector: str, version: str) -> str:
        """The pipeline of one version."""
        return f"{self.prefix}{detector}-{version}"


def model_pipeline(model: PortableModel, times: Times) -> dict[str, Any]:
    """The pipeline that scores with *model*; the detector's pipeline calls it."""
    processors = [_script(source, params) for source, params in scripts(model, times)]
    mark = {
        "detector": model.detector, "version": model.version, "digest": digest_of(processors),
        "time": times.time, "arrival": times.arrival,
    }  # fmt: skip
    words = (
        f"Scores events by version {model.version} of the detector {model.detector}."
        " Written by Scoreback, and called by the pipeline of the detector."
    )
    return {"description": _described(words, mark), "processors": processors}


def detector_pipeline(point: NativePoint, names: PipelineNames) -> dict[str, Any]:
    """The pipeline that scores events with the point in force, or does nothing if there is none."""
    mark = {
        "detector": point.detector, "version": point.version, "entity_field": point.entity_field,
        "digest": point.digest, "threshold": point.threshold, "cut": point.cut, "why": point.why,
        "updated_at": point.updated_at.isoformat(),
    }  # fmt: skip
    words = (
        f"Writes the score of the detector {point.detector} onto events. Scoreback rewrites it"
        " whenever the version or threshold changes: call it, and do not edit it."
    )
    if point.why:
        return {"description": _described(words, mark), "processors": []}
    model = names.of_model(point.detector, point.version)
    failed = {"detector": point.detector, "version": point.version, "error": ERROR}
    return {
        "description": _described(words, mark),
        "processors": [
            in_force(point.detector, point.version, point.threshold, point.cut),
            {"pipeline": {"name": model}},
        ],
        "on_failure": [_script(_compact(FAILED), failed, ignore_failure=True)],
    }


def in_force(detector: str, version: str, threshold: float, cut: float) -> dict[str, Any]:
    """The processor that tells a model's scripts whose score they write and when it is an alert.

    Args:
        detector: its name; like *version* it contains no braces, which would be a template.
        version: the model's version.
        threshold: as written beside the score.
        cut: the threshold as log-odds.
    """
    told = {"detector": detector, "version": version, "threshold": threshold, "cut": cut}
    return {"set": {"field": _PASSED, "value": told}}


def mark_of(description: object) -> Mapping[str, Any] | None:
    """Scoreback's JSON at the end of a *description*; None if there is none."""
    _, begin, told = str(description).partition(" {")
    try:
        found = json.loads(begin + told)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def times_of(description: object) -> Times:
    """The time fields of events, from the *description* of a `model_pipeline`."""
    mark = mark_of(description) or {}
    return Times(str(mark.get("time", "@timestamp")), str(mark.get("arrival", "event.ingested")))


def point_of(mark: Mapping[str, Any]) -> NativePoint | None:
    """The point that `detector_pipeline` wrote; None if somebody changed it."""
    try:
        return NativePoint(
            detector=str(mark["detector"]),
            entity_field=str(mark["entity_field"]),
            version=str(mark["version"]),
            digest=str(mark["digest"]),
            threshold=float(mark["threshold"]),
            cut=float(mark["cut"]),
            why=str(mark["why"]),
            updated_at=datetime.fromisoformat(mark["updated_at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def digest_of(processors: object) -> str:
    """A digest of exactly these processors, equal for the form sent and the form returned."""
    text = json.dumps(processors, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _script(source: str, params: Mapping[str, object], **more: object) -> dict[str, Any]:
    return {"script": {"lang": "painless", "source": source, "params": dict(params), **more}}


def _described(words: str, mark: Mapping[str, object]) -> str:
    return f"{words} {json.dumps(mark, separators=(',', ':'))}"


def same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a pipeline that a server returned is the *wanted* one; the server adds dates."""
    return all(there.get(key) == wanted.get(key) for key in _OWN)
