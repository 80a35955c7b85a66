"""A portable model as a trained model of Elasticsearch's own inference (Platinum and above).

This is the body of ``PUT _ml/trained_models/ID``, as documented in the reference: trees in an
ensemble whose sum goes through a logistic function. Nodes say how many training rows reached them,
from which Elasticsearch computes feature importance; a preprocessor turns known values of a
category into numbers. An inference processor takes fields by name, so only numbers and categories
can be used, and a field with several values is ignored.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from scoreback.errors import ConfigError
from scoreback.portable.model import PortableFeature, PortableModel, Trees

LABELS = ("benign", "attack")  # for the classes 0 and 1
IMPORTANT = 5  # how many features Elasticsearch reports for each event
_KINDS = ("number", "category")
_SAMPLES = 1_000_000_000  # at the root: row counts are given as shares of these


def trained_model(
    model: PortableModel, covers: Sequence[float], *, compressed: bool = False
) -> dict[str, Any]:
    """*model* as the body of a request.

    Args:
        model: a model of trees with only number and category features.
        covers: for each of its nodes, the weight of the training rows that reached it.
        compressed: write the definition gzipped, in base64.

    Raises:
        ConfigError: inference cannot compute a feature, or does not support the model.
    """
    if model.trees is None:
        raise ConfigError(
            f"{model.detector!r} cannot be a trained model: its {model.algorithm} has no trees",
            hint="put xgboost into train.algorithms, or use the ingest pipelines of `apply`",
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
                hint="use the ingest pipelines of `apply`, or only number and category features",
            )


def _column(feature: PortableFeature, place: int) -> str:
    """The name of a column; a category's differs from its field's, which stays text."""
    return feature.field if feature.kind == "number" else f"{feature.field}__scoreback_{place}"


def _encoded(feature: PortableFeature, place: int) -> dict[str, Any]:
    """A known value becomes its number, any other 0; a missing one stays missing."""
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
