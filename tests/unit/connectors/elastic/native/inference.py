"""Evaluates trained models as Elasticsearch's reference and published source describe inference.

It is ours, and no real Elasticsearch with machine learning has confirmed it.
"""

import base64
import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

_ORDER = {"lt": "__lt__", "lte": "__le__", "gt": "__gt__", "gte": "__ge__"}


def definition_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The definition, whichever way it is written."""
    if "definition" in body:
        return dict(body["definition"])
    found: dict[str, Any] = json.loads(
        gzip.decompress(base64.b64decode(body["compressed_definition"]))
    )
    return found


def checked(definition: Mapping[str, Any]) -> None:
    """Refuse what the server's own validation refuses.

    Raises:
        ValueError: something is wrong with it.
    """
    ensemble = definition["trained_model"]["ensemble"]
    models = ensemble["trained_models"]
    weights = ensemble["aggregate_output"]["logistic_regression"]["weights"]
    if len(weights) != len(models):
        raise ValueError("a weight for each tree is missing")
    if ensemble["target_type"] != "classification":
        raise ValueError("labels are for a classification only")
    for one in models:
        tree = one["tree"]
        if tree["target_type"] == "classification" or "classification_labels" in tree:
            raise ValueError("a tree of an ensemble that adds up is a regression")
        _checked_nodes(tree["tree_structure"])


def probability(definition: Mapping[str, Any], document: Mapping[str, Any]) -> float:
    """How likely the second class is for a document of dotted names."""
    fields: dict[str, Any] = dict(document)
    for each in definition["preprocessors"]:
        encoding = each["target_mean_encoding"]
        value = fields.get(encoding["field"])
        if value is not None:
            known, default = encoding["target_map"], encoding["default_value"]
            fields[encoding["feature_name"]] = known.get(str(value), default)
    ensemble = definition["trained_model"]["ensemble"]
    weights = ensemble["aggregate_output"]["logistic_regression"]["weights"]
    total = 0.0
    for one, weight in zip(ensemble["trained_models"], weights, strict=True):
        features = [_number(fields.get(name)) for name in one["tree"]["feature_names"]]
        total += weight * _leaf(one["tree"]["tree_structure"], features)
    return 1 / (1 + math.exp(-total))


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _leaf(nodes: list[dict[str, Any]], features: list[float | None]) -> float:
    node = nodes[0]
    while "left_child" in node:
        value = features[node["split_feature"]]
        if value is None:
            left = node["default_left"]
        else:
            left = getattr(value, _ORDER[node["decision_type"]])(node["threshold"])
        node = nodes[node["left_child"] if left else node["right_child"]]
    return float(node["leaf_value"])


def _checked_nodes(nodes: list[dict[str, Any]]) -> None:
    seen, todo = set[int](), [0]
    while todo:
        place = todo.pop()
        if place in seen:
            raise ValueError("the tree has a circle")
        seen.add(place)
        node = nodes[place]
        if node["node_index"] != place or node["number_samples"] < 1:
            raise ValueError("a node is not where it says, or nothing came there")
        if "left_child" in node:
            todo += [node["left_child"], node["right_child"]]
            below = nodes[node["left_child"]], nodes[node["right_child"]]
            came = sum(n["number_samples"] for n in below)
            if not math.isclose(came, node["number_samples"], rel_tol=1e-4, abs_tol=2):
                raise ValueError("other rows came to the children than to the parent")
        elif "leaf_value" not in node:
            raise ValueError("a leaf has no value")
    if len(seen) != len(nodes):
        raise ValueError("nothing leads to a node")
