"""Whether scored rows come from the environment that the model learnt from: "not at home" if not.

Only counts decide (`judging.reference`). A measure is unusual if it is beyond the usual limit for
another population and also beyond every block of the training window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoreback.models.judging.reference import Column, Counts, Reference, psi

ENOUGH = 100  # rows; fewer are not judged
SHIFTED = 0.25  # PSI from which on two populations count as different
MANY = 1 / 3  # of features and the entity; more unusual ones mean not at home
NEW = 0.9  # share of rows with an unseen entity; another network has nearly all
MARGIN = 1.5  # times the PSI of the most distant training block
_MISSING, _UNSEEN = 0.2, 0.05  # lower shares of such values are not reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One column of scored rows compared with training; shares are of rows, 0..1."""

    name: str
    psi: float
    usual_psi: float
    missing: float
    expected_missing: float
    unseen: float | None  # for categories and entities; None for numbers and texts
    usual_unseen: float | None
    why: str = ""  # what is unusual; empty if nothing is

    @property
    def unusual(self) -> bool:
        """Whether the column is far from its training distribution."""
        return bool(self.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Scored rows compared with the training data."""

    rows: int
    scores: Compared
    entity: Compared
    features: tuple[Compared, ...]
    reasons: tuple[str, ...]  # why it is not at home, in words; empty if it is

    @property
    def at_home(self) -> bool:
        """Whether the scored rows look like the training data."""
        return not self.reasons


def compare(reference: Reference, counts: Mapping[str, Sequence[int] | Counts]) -> Home | None:
    """Compare *counts* of rows with *reference*; None while there are fewer than `ENOUGH` rows."""
    found = {c.name: np.asarray(counts[c.name]) for c in reference.columns if c.name in counts}
    rows = int(found[reference.scores.name].sum()) if reference.scores.name in found else 0
    if rows < ENOUGH:
        return None
    scores = _compared(reference.scores, found)
    entity = _compared(reference.entity, found)
    features = tuple(_compared(c, found) for c in reference.features)
    return Home(
        rows=rows, scores=scores, entity=entity, features=features,
        reasons=tuple(_reasons(scores, entity, features)),
    )  # fmt: skip


def _compared(column: Column, found: Mapping[str, Counts]) -> Compared:
    counts, expected = found[column.name], np.asarray(column.expected)
    total, before = max(1, int(counts.sum())), max(1, int(expected.sum()))
    missing = float(counts[-1]) / total
    unseen = float(counts[-2]) / total if column.of_values else None
    usual = column.usual_of(total)
    far = psi(column.population(expected), column.population(counts))
    said = ""
    if missing > max(_MISSING, _beyond(usual.missing)):
        said = f"missing in {missing:.0%} of rows, in training in {expected[-1] / before:.0%}"
    elif unseen is not None and unseen > max(_UNSEEN, _beyond(usual.unseen)):
        said = f"{unseen:.0%} of rows have a value that training never saw"
    elif far > max(SHIFTED, MARGIN * usual.psi):
        said = f"PSI {far:.2f}, in training at most {usual.psi:.2f}"
    return Compared(
        name=column.name,
        psi=far,
        usual_psi=usual.psi,
        missing=missing,
        expected_missing=float(expected[-1]) / before,
        unseen=unseen,
        usual_unseen=usual.unseen if column.of_values else None,
        why=said,
    )


def _beyond(share: float) -> float:
    """A limit clearly beyond a usual *share*: halfway to 1; 0 if the usual share is 0."""
    return (1 + share) / 2 if share > 0 else 0.0


def _reasons(scores: Compared, entity: Compared, features: Sequence[Compared]) -> list[str]:
    """Why it is not at home: scores or many features moved, or hardly any entity is known."""
    said = []
    if scores.unusual:
        said.append(f"the scores are distributed otherwise: {scores.why}")
    columns = (entity, *features)
    unusual = sorted((c for c in columns if c.unusual), key=lambda c: -c.psi)
    if len(unusual) > MANY * len(columns):
        first = ", ".join(f"{c.name} ({c.why})" for c in unusual[:3])
        said.append(f"{len(unusual)} of {len(columns)} columns are far from training: {first}")
    if entity.unseen is not None and entity.unseen > max(NEW, _beyond(entity.usual_unseen or 0.0)):
        said.append(f"{entity.unseen:.0%} of rows have an entity that training never saw")
    return said
