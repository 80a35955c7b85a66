"""The ingest pipelines: one for each model, and one for each detector that users call.

That of a detector hands the event to that of the model in force, with the threshold in force; it is
replaced at once and as a whole, so no event sees half a change. What we have to know of a pipeline
again stands as JSON at the end of its description, which every server keeps.
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
_PASSED = "_scoreback"  # field by which one processor tells the next; the last one removes it


@dataclass(frozen=True, slots=True)
class PipelineNames:
    """What pipelines are called in one namespace."""

    namespace: str

    @property
    def prefix(self) -> str:
        """How the names of all of them begin, and of no other namespace's."""
        own = "" if self.namespace == "default" else f".{self.namespace}"
        return f"scoreback-native{own}-"

    def of_detector(self, detector: str) -> str:
        """The pipeline that users call."""
        return self.prefix + detector

    def of_model(self, detector: str, version: str) -> str:
        """The pipeline of one version."""
        return f"{self.prefix}{detector}-{version}"


def model_pipeline(model: PortableModel, times: Times) -> dict[str, Any]:
    """The pipeline that scores by *model*; the detector's calls it."""
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
    """The pipeline that scores events by what is in force; one that does nothing where none is."""
    mark = {
        "detector": point.detector, "version": point.version, "entity_field": point.entity_field,
        "digest": point.digest, "threshold": point.threshold, "cut": point.cut, "why": point.why,
        "updated_at": point.updated_at.isoformat(),
    }  # fmt: skip
    words = (
        f"Writes the score of the detector {point.detector} onto events. Written by Scoreback,"
        " whenever version or threshold change: call it, and do not edit it."
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
    """The processor that tells a model's scripts whose score they write, and when it is an alert.

    Args:
        detector: its name; like *version* it holds no braces, which would be a template.
        version: of the model.
        threshold: as it is written beside the score.
        cut: the same as log-odds.
    """
    told = {"detector": detector, "version": version, "threshold": threshold, "cut": cut}
    return {"set": {"field": _PASSED, "value": told}}


def mark_of(description: object) -> Mapping[str, Any] | None:
    """What we wrote at the end of a *description*; None where it is not ours."""
    _, begin, told = str(description).partition(" {")
    try:
        found = json.loads(begin + told)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def times_of(description: object) -> Times:
    """The time fields of the events that a `model_pipeline` of this *description* reads."""
    mark = mark_of(description) or {}
    return Times(str(mark.get("time", "@timestamp")), str(mark.get("arrival", "event.ingested")))


def point_of(mark: Mapping[str, Any]) -> NativePoint | None:
    """The point that `detector_pipeline` wrote; None where somebody changed it."""
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
    """The name of exactly these processors, as they are sent and as servers give them back."""
    text = json.dumps(processors, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _script(source: str, params: Mapping[str, object], **more: object) -> dict[str, Any]:
    return {"script": {"lang": "painless", "source": source, "params": dict(params), **more}}


def _described(words: str, mark: Mapping[str, object]) -> str:
    return f"{words} {json.dumps(mark, separators=(',', ':'))}"


def same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a pipeline that a server gave back is the one *wanted*; it adds dates of its own."""
    return all(there.get(key) == wanted.get(key) for key in _OWN)
