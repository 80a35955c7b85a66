"""What people found in audits: an estimate of the attacks that raised no alert."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoreback.health import Figure
from scoreback.models.artifact.folder import Artifact
from scoreback.models.judging.audit_sample import strata_of, stratum_edges
from scoreback.models.judging.missed_estimate import Looked, missed_attacks
from scoreback.records import Alert, Stage, TimeWindow, Verdict
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.monitoring.subject import DAY, Subject

WINDOW = 30 * DAY  # of audits: one or two a day tell little in less time


def audited(
    subject: Subject, alerts: Sequence[Alert], audits: Sequence[Alert]
) -> dict[str, Figure | None]:
    """Estimate the champion's missed attacks by the verdicts on *audits*; empty if none are wanted.

    It covers the last 30 days, except what is younger than ``mature_after``; no estimate where the
    champion scored nothing then. Hits that joined an alert count as if nobody had seen them.
    """
    if subject.detector.alerts.audit is None:
        return {}
    window = TimeWindow(
        since=subject.now - WINDOW,
        until=max(subject.now - subject.detector.labels.mature_after, subject.now - WINDOW),
    )
    artifact = load_artifact(subject.app, subject.detector, subject.champion)
    edges = stratum_edges(artifact.bins)
    shown, looked_at = (_judged(subject, of, window) for of in (alerts, audits))
    by_stratum = _scored(subject, artifact, edges, window)
    if not by_stratum.any() and not len(shown.scores) and not len(looked_at.scores):
        return {"audits": len(audits), "audits_judged": 0}
    by_stratum -= np.bincount(strata_of(shown.scores, edges), minlength=len(by_stratum))
    strata = strata_of(looked_at.scores, edges)
    looked = [
        Looked(
            units=max(int(units), int((mine & looked_at.known).sum())),
            looked_at=int((mine & looked_at.known).sum()),
            attacks=int((mine & looked_at.attack).sum()),
        )
        for units, mine in ((n, strata == place) for place, n in enumerate(by_stratum))
    ]
    found = missed_attacks(
        Looked(
            units=len(shown.scores),
            looked_at=int(shown.known.sum()),
            attacks=int(shown.attack.sum()),
        ),
        looked,
    )
    low, high = found.recall_between
    return {
        "audits": len(audits),
        "audits_judged": sum(one.looked_at for one in looked),
        "missed_attacks": found.attacks,
        "missed_attacks_low": found.attacks_between[0],
        "missed_attacks_high": found.attacks_between[1],
        "recall": found.recall,
        "recall_low": low,
        "recall_high": high,
        "recall_useful": float(found.useful),
        "recall_why": ""
        if found.useful
        else f"between {low:.0%} and {high:.0%} of attacks were shown, too wide to act on; more"
        " audits a day, or more verdicts on them, narrow it",
    }


@dataclass(frozen=True, slots=True)
class _Judged:
    """Scores of some alerts, and people's verdicts on each."""

    scores: NDArray[np.float64]
    known: NDArray[np.bool_]
    attack: NDArray[np.bool_]


def _judged(subject: Subject, alerts: Sequence[Alert], window: TimeWindow) -> _Judged:
    benign = subject.detector.labels.benign_positive
    true = {Verdict.TRUE_POSITIVE} | ({Verdict.BENIGN_POSITIVE} if benign == "positive" else set())
    false = {Verdict.FALSE_POSITIVE} | (
        {Verdict.BENIGN_POSITIVE} if benign == "negative" else set()
    )
    mine = [
        one
        for one in alerts
        if one.version == subject.champion.version and window.since <= one.event_time < window.until
    ]
    return _Judged(
        np.array([one.score for one in mine], dtype=float),
        np.array([one.verdict in true | false for one in mine], dtype=bool),
        np.array([one.verdict in true for one in mine], dtype=bool),
    )


def _scored(
    subject: Subject, artifact: Artifact, edges: tuple[float, ...], window: TimeWindow
) -> NDArray[np.int64]:
    """How many units of each stratum the champion scored."""
    counts = np.zeros(len(artifact.bins) + 1, dtype=np.int64)
    for one in subject.app.connector.scores.histograms(subject.name, window):
        mine = one.version == subject.champion.version and one.stage == Stage.LIVE.value
        if mine and tuple(one.edges) == artifact.bins:
            counts += np.sum([[*bins] for bins in one.counts.values()], axis=0, dtype=np.int64)
    lowest = np.array([0.0, *artifact.bins])
    found = np.bincount(strata_of(lowest, edges), weights=counts, minlength=len(edges) + 1)
    return found.astype(np.int64)
