"""The content of an artefact's manifest: a model without its trees or coefficients."""

import json
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoreback.models.detector.spec import EventFeature, Unit, WindowFeature
from scoreback.models.labels.dataset import is_category
from scoreback.models.learners.text_hashing import BUCKETS

FORMAT: Literal["scoreback-model"] = "scoreback-model"
FORMAT_VERSION: Literal[1] = 1
_SHA256 = r"^[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelFile(_Strict):
    """The file that holds the trees or coefficients."""

    name: str
    sha256: str = Field(pattern=_SHA256)


class DataWindow(_Strict):
    """The rows that the model was trained on."""

    since: datetime
    until: datetime
    fit_rows: int
    fit_positives: int
    threshold_rows: int
    row_hash: str = Field(pattern=_SHA256)


class RiskKnots(_Strict):
    """A `threshold.RiskMap`."""

    log_odds: tuple[float, ...] = Field(min_length=3)
    risks: tuple[float, ...]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for knots in (self.log_odds, self.risks):
            if any(b <= a for a, b in pairwise(knots)):
                raise ValueError("the risk map does not rise")
        if len(self.log_odds) != len(self.risks):
            raise ValueError("the risk map is ragged")
        return self


class Text(_Strict):
    """A `texts.TextModel`."""

    intercept: float
    weights: dict[Annotated[int, Field(ge=0, lt=BUCKETS)], float]


class Manifest(_Strict):
    """A model without its trees or coefficients."""

    format: Literal["scoreback-model"]
    format_version: Literal[1]
    detector: str
    entity: str
    unit: Unit = "event"
    features: tuple[EventFeature | WindowFeature, ...] = Field(min_length=1)
    lag_seconds: int = Field(ge=0)  # windows depend on it
    algorithm: str
    parameters: dict[str, float] = {}  # set by a search; the others are defaults
    seed: int
    as_of: datetime
    data: DataWindow
    vocabularies: dict[str, dict[str, float]]
    texts: dict[str, Text] = {}
    budget: float
    per_entity: int
    throttle_seconds: int
    threshold: float = Field(ge=0, le=1)
    risk: RiskKnots
    keep_floor: float = Field(ge=0, le=1)
    metrics: dict[str, float]
    libraries: dict[str, str]
    model: ModelFile

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.vocabularies) != {f.name for f in self.features if is_category(f)}:
            raise ValueError("the vocabularies are not those of the category features")
        if set(self.texts) != {f.name for f in self.features if f.kind == "ngrams"}:
            raise ValueError("the texts are not those of the ngrams features")
        return self


def canonical(manifest: Manifest) -> bytes:
    """*manifest* in its canonical form: sorted keys, exact numbers, ASCII."""
    content = manifest.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"
