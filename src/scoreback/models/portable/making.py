"""From an artefact to a `PortableModel`: the same comparisons, leaves and coefficients."""

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
from scoreback.models.learners.ubjson import decode
from scoreback.models.portable.portability import hindrances
from scoreback.models.portable.thresholds import cut_of, in_doubles
from scoreback.models.portable.words import words_of
from scoreback.portable.model import Linear, PortableFeature, PortableModel, Term, Trees

MOST_NODES = 300_000  # of all trees: about 15 MB of text, which every search has to read


class NotPortable(ConfigError):
    """A detector that a SIEM cannot score by itself; ``reasons`` says why, a clause each."""

    def __init__(self, detector: str, reasons: tuple[str, ...]) -> None:
        """Say the *reasons* of *detector*."""
        super().__init__(
            f"{detector!r} cannot be scored by the SIEM itself: {'; '.join(reasons)}",
            hint="the service scores it all the same; leave these features out to have both",
        )
        self.detector, self.reasons = detector, reasons

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, as other errors do."""
        return (NotPortable, (self.detector, self.reasons))


def portable_model(artifact: Artifact, version: str) -> PortableModel:
    """The model of *artifact*, called *version*, as plain values.

    Raises:
        NotPortable: a feature of it means something only in the service, or it is too large.
    """
    manifest = artifact.manifest
    _refuse(manifest.detector, hindrances(manifest.features, manifest.unit))
    trees, linear, intercept = None, None, 0.0
    if isinstance(artifact.model, TreeModel):
        nodes = Nodes.of(decode(artifact.model.stored))
        if len(nodes.parent) > MOST_NODES:
            size = f"its {artifact.model.algorithm} has {len(nodes.parent):,} nodes"
            _refuse(manifest.detector, (f"{size}, and a search can read {MOST_NODES:,} at most",))
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
    """The trees of *model*, whose intercept is apart."""
    return _trees(Nodes.of(decode(model.stored)))


def covers_of(artifact: Artifact) -> list[float]:
    """Of each node of a model's trees the weight of the training rows that came there."""
    if not isinstance(artifact.model, TreeModel):
        return []
    return [float(each) for each in Nodes.of(decode(artifact.model.stored)).cover]


def _refuse(detector: str, reasons: tuple[str, ...]) -> None:
    if reasons:
        raise NotPortable(detector, reasons)


def _feature(feature: EventFeature | WindowFeature, artifact: Artifact) -> PortableFeature:
    if isinstance(feature, WindowFeature):
        raise TypeError(f"{feature.name!r} is a window")  # `hindrances` told it before
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
    """The columns of *nodes*; a question that sends every known number left is turned round.

    So no threshold is infinite, which JSON could not say.
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
    """Of leaves their value; of questions the mean of the leaves below, by the rows that came."""
    worth = np.where(nodes.is_leaf, nodes.threshold.astype(np.float64), 0.0)
    for node in np.flatnonzero(nodes.parent >= 0)[::-1].tolist():  # parents come before children
        above = nodes.parent[node]
        worth[above] += worth[node] * nodes.cover[node] / nodes.cover[above]
    return worth


def intercept_of(model: TreeModel) -> float:
    """What the model says before its first tree, exactly: asked of it with every leaf at nothing.

    What is stored is a probability, and whether log-odds are made of it in one precision or another
    differs from version to version.
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
