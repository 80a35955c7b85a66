"""A portable model as a trained model of Elasticsearch's own inference (Platinum and above).

The body of ``PUT _ml/trained_models/ID``, as the reference documents it: trees in an ensemble whose
sum goes through a logistic function. Nodes say how many rows came there in training, from which
Elasticsearch reckons feature importance; known values of a category become numbers by a
preprocessor. An inference processor names fields as they are, so only numbers and categories can
be told it, and of a field with several values it makes nothing.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scoreback.errors import ConfigError
from scoreback.portable.model import PortableFeature, PortableModel, Trees

LABELS = ("benign", "attack")  # of the classes 0 and 1
IMPORTANT = 5  # features that Elasticsearch is to tell of each event
_KINDS = ("number", "category")
_SAMPLES = 1_000_000_000  # at the root: rows are told as shares of these


def trained_model(
    model: PortableModel, covers: Sequence[float], *, compressed: bool = False
) -> dict[str, Any]:
    """*model* as the body of a request.

    Args:
        model: of trees, and of numbers and categories alone.
        covers: of each of its nodes, the weight of the training rows that came there.
        compressed: give the definition gzipped, in base64.

    Raises:
        ConfigError: inference cannot compute a feature, or has no such model.
    """
    if model.trees is None:
        raise ConfigError(
            f"{model.detector!r} cannot be a trained model: its {model.algorithm} has no trees",
            hint="let train.algorithms name xgboost, or use the ingest pipelines of `apply`",
        )
    _refuse_others(model)
    definition = {
        "preprocessors": [
            _encoded(feature, place)
            for place, feature in enumerate(model.features)
            if feature.kind == "category"
        ],
        "trained_model": {"ensemble": _ensemble(model, model.trees, covers)},
    }
    told: dict[str, Any] = (
        {"compressed_definition": _compressed(definition)}
        if compressed
        else {"definition": definition}
    )
    return {
        "description": f"Version {model.version} of the detector {model.detector}, by Scoreback",
        "tags": ["scoreback"],
        "metadata": {
            "scoreback": {
                "detector": model.detector,
                "version": model.version,
                "threshold": model.threshold,
            }
        },
        "input": {"field_names": list(dict.fromkeys(f.field for f in model.features))},
        "inference_config": {
            "classification": {
                "num_top_classes": len(LABELS),
                "num_top_feature_importance_values": IMPORTANT,
                "prediction_field_type": "string",
            }
        },
        **told,
    }


def _refuse_others(model: PortableModel) -> None:
    for feature in model.features:
        if feature.kind not in _KINDS:
            raise ConfigError(
                f"{model.detector!r} cannot be a trained model: its feature {feature.name!r} is of"
                f" kind {feature.kind}, which inference does not compute",
                hint="use the ingest pipelines of `apply`, or number and category alone",
            )


def _column(feature: PortableFeature, place: int) -> str:
    """The name of a column; a category's is not that of its field, which stays a text."""
    return feature.field if feature.kind == "number" else f"{feature.field}__scoreback_{place}"


def _encoded(feature: PortableFeature, place: int) -> dict[str, Any]:
    """A value that is known becomes its number, any other 0; one that is absent stays missing."""
    return {
        "target_mean_encoding": {
            "field": feature.field,
            "feature_name": _column(feature, place),
            "target_map": dict(feature.vocabulary or {}),
            "default_value": 0.0,
        }
    }


def _columns(model: PortableModel) -> list[str]:
    return [_column(feature, place) for place, feature in enumerate(model.features)]


def _ensemble(model: PortableModel, trees: Trees, covers: Sequence[float]) -> dict[str, Any]:
    names = _columns(model)
    intercept = [{"node_index": 0, "leaf_value": model.intercept, "number_samples": _SAMPLES}]
    structures = [
        intercept,
        *(
            _structure(trees, covers, root, end)
            for root, end in pairwise([*trees.roots, len(trees.left)])
        ),
    ]
    return {
        "feature_names": names,
        "trained_models": [
            {"tree": {"feature_names": names, "tree_structure": each, "target_type": "regression"}}
            for each in structures
        ],
        "aggregate_output": {"logistic_regression": {"weights": [1.0] * len(structures)}},
        "target_type": "classification",
        "classification_labels": list(LABELS),
    }


def _structure(trees: Trees, covers: Sequence[float], root: int, end: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for node in range(root, end):
        samples = max(1, round(_SAMPLES * covers[node] / covers[root])) if covers[root] else 1
        told: dict[str, Any] = {"node_index": node - root, "number_samples": samples}
        if trees.left[node] < 0:
            told["leaf_value"] = trees.worth[node]
        else:
            told |= {
                "split_feature": trees.feature[node],
                "threshold": trees.threshold[node],
                "decision_type": "lt",
                "default_left": bool(trees.missing_left[node]),
                "left_child": trees.left[node] - root,
                "right_child": trees.right[node] - root,
            }
        found.append(told)
    return found


def _compressed(definition: object) -> str:
    text = json.dumps(definition, separators=(",", ":"), allow_nan=False).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()
