"""Makes a `PortableModel` from an artefact: the same comparisons, leaves and coefficients."""

import json

import numpy as np
import xgboost as xgb

from scoreback.errors import ConfigError
from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.learners.linear import FARTHEST, LinearModel
from scoreback.models.learners.model import Floats
from scoreback.models.learners.tree_paths import Nodes
from scoreback.models.learners.trees import TreeModel
from scoreback.models.portable.portability import hindrances
from scoreback.models.portable.thresholds import cut_of, in_doubles
from scoreback.models.portable.words import words_of
from scoreback.portable.model import Linear, PortableFeature, PortableModel, Term, Trees

MOST_NODES = 300_000  # of all trees together: about 15 MB of text, which every search has to read


class NotPortable(ConfigError):
    """A detector that a SIEM cannot score itself; ``reasons`` says why, one clause each."""

    def __init__(self, detector: str, reasons: tuple[str, ...]) -> None:
        """Store the *reasons* for *detector* and make the message."""
        super().__init__(
            f"{detector!r} cannot be scored by the SIEM itself: {'; '.join(reasons)}",
            hint="the service still scores it; to let the SIEM score it too, leave these features"
            " out",
        )
        self.detector, self.reasons = detector, reasons

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, like other errors."""
        return (NotPortable, (self.detector, self.reasons))


def portable_model(artifact: Artifact, version: str) -> PortableModel:
    """The model of *artifact* under the name *version*, as plain values.

    Raises:
        NotPortable: only the service can compute one of its features, or the model is too large.
    """
    manifest = artifact.manifest
    _refuse(manifest.detector, hindrances(manifest.features, manifest.unit))
    trees, linear, intercept = None, None, 0.0
    if isinstance(artifact.model, TreeModel):
        nodes = artifact.model.nodes
        if len(nodes.parent) > MOST_NODES:
            size = f"its {artifact.model.algorithm} has {len(nodes.parent):,} nodes"
            _refuse(manifest.detector, (f"{size}, and a search can read at most {MOST_NODES:,}",))
        trees, intercept = _trees(nodes), intercept_of(artifact.model)
    elif isinstance(artifact.model, LinearModel):
        linear, intercept = _linear(artifact.model), artifact.model.intercept
    else:
        _refuse(manifest.detector, (f"its algorithm is {manifest.algorithm}",))
    return PortableModel(
        detector=manifest.detector,
        version=version,
        artifact=artifact.artifact_hash,
        algorithm=manifest.algorithm,
        entity_field=manifest.entity,
        features=tuple(_feature(f, artifact) for f in manifest.features),
        intercept=intercept,
        link="logistic",
        threshold=manifest.threshold,
        cut=cut_of(manifest.threshold),
        risk_log_odds=manifest.risk.log_odds,
        risks=manifest.risk.risks,
        trees=trees,
        linear=linear,
    )


def trees_of(model: TreeModel) -> Trees:
    """The trees of *model*, without its intercept."""
    return _trees(model.nodes)


def covers_of(artifact: Artifact) -> list[float]:
    """For each node of the trees, the weight of the training rows that reached it."""
    if not isinstance(artifact.model, TreeModel):
        return []
    return [float(each) for each in artifact.model.nodes.cover]


def _refuse(detector: str, reasons: tuple[str, ...]) -> None:
    if reasons:
        raise NotPortable(detector, reasons)


def _feature(feature: EventFeature | WindowFeature, artifact: Artifact) -> PortableFeature:
    if isinstance(feature, WindowFeature):
        raise TypeError(f"{feature.name!r} is a window")  # `hindrances` has already excluded this
    vocabulary = artifact.manifest.vocabularies.get(feature.name)
    return PortableFeature(
        name=feature.name,
        kind=feature.kind,
        field=feature.field,
        divisor=feature.divisor,
        take=feature.take,
        vocabulary=vocabulary,
        words=words_of(feature, artifact.usual, vocabulary or ()),
    )


def _trees(nodes: Nodes) -> Trees:
    """The columns of *nodes*; a question that sends every known number left is inverted.

    So no threshold is infinite, which JSON cannot express.
    """
    count = len(nodes.parent)
    children = np.full((2, count), -1)
    below = np.flatnonzero(nodes.parent >= 0)
    children[np.where(nodes.is_left[below], 0, 1), nodes.parent[below]] = below
    turned = ~nodes.is_leaf & np.isposinf(nodes.threshold)
    left = np.where(turned, children[1], children[0])
    right = np.where(turned, children[0], children[1])
    asked = np.where(nodes.is_leaf, np.float32(0), nodes.threshold)
    thresholds = in_doubles(np.where(turned, np.float32(-np.inf), asked))
    return Trees(
        roots=np.flatnonzero(nodes.parent < 0).tolist(),
        left=left.tolist(),
        right=right.tolist(),
        feature=np.where(nodes.is_leaf, 0, nodes.feature).tolist(),
        threshold=np.where(nodes.is_leaf, 0.0, thresholds).tolist(),
        missing_left=(~nodes.is_leaf & (nodes.missing_left ^ turned)).astype(int).tolist(),
        worth=_worth(nodes).tolist(),
    )


def _worth(nodes: Nodes) -> Floats:
    """A leaf's value; for a question the mean of the leaves below, weighted by training rows."""
    worth = np.where(nodes.is_leaf, nodes.threshold.astype(np.float64), 0.0)
    for node in np.flatnonzero(nodes.parent >= 0)[::-1].tolist():  # parents come before children
        above = nodes.parent[node]
        worth[above] += worth[node] * nodes.cover[node] / nodes.cover[above]
    return worth


def intercept_of(model: TreeModel) -> float:
    """The exact prediction before the first tree, computed with all leaves set to zero.

    The model file stores a probability, and XGBoost versions differ in the precision with which
    they turn it into log-odds.
    """
    document = json.loads(bytes(model.booster.save_raw("json")))
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        ends = zip(tree["left_children"], tree["split_conditions"], strict=True)
        tree["split_conditions"] = [0.0 if left < 0 else cut for left, cut in ends]
    empty = xgb.Booster({"nthread": 1})
    empty.load_model(bytearray(json.dumps(document).encode()))
    row = np.zeros((1, model.width), dtype=np.float32)
    return float(empty.inplace_predict(row, predict_type="margin")[0])


def _linear(model: LinearModel) -> Linear:
    terms = tuple(Term(t.mean, t.scale, t.slope, t.missing, t.missing_rate) for t in model.terms)
    return Linear(terms=terms, farthest=FARTHEST)
