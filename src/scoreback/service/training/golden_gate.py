"""Refuses a candidate that does not alert on every golden attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import TrainingRefused
from scoreback.models.artifact.folder import Artifact
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.pacing import Cut
from scoreback.service.app import App
from scoreback.service.detectors.golden import Golden, golden_attacks
from scoreback.service.scoring.rows_again import rows_again, soon_after

_DIGITS, _DIGITS_AT_MOST = 3, 9  # decimal places of scores and thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRows:
    """Golden attacks with their feature rows, and those that the SIEM does not have."""

    attacks: tuple[Golden, ...]
    rows: tuple[pa.Table, ...]  # one row each
    missing: tuple[Golden, ...]


def golden_rows(app: App, detector: Detector, rows: pa.Table, *, as_of: datetime) -> GoldenRows:
    """The feature rows of golden attacks: from *rows* read for training, or else read separately.

    Only attacks before *as_of* count: nobody knew of the others then.

    Raises:
        ConfigError: the file cannot be read.
        DataError: a line of it is wrong.
        SiemUnavailable: the SIEM did not answer.
    """
    attacks, found, missing = [], [], []
    given = detector.labels.golden
    for one in () if given is None else golden_attacks(Path(given)):
        if one.time >= as_of:
            continue
        own = pa.table({})
        if detector.group is None:
            own = _of(rows, one.event_id)
        if not own.num_rows:
            unit = dict[str, str]()
            again = rows_again(
                app, detector, one.time, soon_after(detector, one.time), asked={one.event_id},
                units=unit,
            )  # fmt: skip
            own = _of(again, unit.get(one.event_id, one.event_id))
        if own.num_rows:
            attacks.append(one)
            found.append(own.slice(0, 1))
        else:
            missing.append(one)
    return GoldenRows(attacks=tuple(attacks), rows=tuple(found), missing=tuple(missing))


def refuse_blind(detector: Detector, artifact: Artifact, golden: GoldenRows) -> None:
    """Refuse *artifact* if a golden attack scores below its threshold.

    Raises:
        TrainingRefused: names the attacks, with their scores and the threshold.
    """
    cut = Cut(artifact.manifest.threshold).at_least(detector.alerts.least_precision)
    scorer = Scorer(artifact)
    below = []
    for one, row in zip(golden.attacks, golden.rows, strict=True):
        score = float(scorer.score(row).scores[0])
        if score < cut.score:
            below.append((one.name, score))
    if below:
        digits = _digits([score for _, score in below], cut.score)
        raise TrainingRefused(
            f"detector {detector.name!r}: the candidate would not alert on {len(below)} of"
            f" {len(golden.attacks)} golden attacks, at its threshold of {cut.score:.{digits}f}:"
            f" {', '.join(f'{name} ({score:.{digits}f})' for name, score in below)}",
            hint="look at the labels that it learnt from (scoreback quarantine list), or add"
            " features that tell these attacks; nothing was registered",
        )


def in_words(missing: Sequence[Golden]) -> str | None:
    """A sentence about attacks whose events are not there; None if all are."""
    if not missing:
        return None
    names = ", ".join(one.name for one in missing)
    return f"golden attacks name events that the SIEM does not have: {names}"


def _digits(scores: Sequence[float], threshold: float) -> int:
    """How many decimal places tell each of *scores* from *threshold*; at least three."""
    for digits in range(_DIGITS, _DIGITS_AT_MOST):
        if all(f"{score:.{digits}f}" != f"{threshold:.{digits}f}" for score in scores):
            return digits
    return _DIGITS_AT_MOST


def _of(rows: pa.Table, event: str) -> pa.Table:
    if not rows.num_rows:
        return rows
    return rows.filter(pc.equal(rows["event_id"], pa.scalar(event)))
