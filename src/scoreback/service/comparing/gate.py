"""The gate's verdict on a shadow: whether it may replace the champion, and by what figures."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Literal

from scoreback.errors import ArtifactError, TrainingRefused
from scoreback.models.detector.spec import Detector, format_duration
from scoreback.models.judging.paired import Paired
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.comparing.compare_job import CHAMPION, Comparison, compare
from scoreback.service.comparing.covered import Covered
from scoreback.service.state.gate_verdicts import GateVerdict

Outcome = Literal[
    "waiting",  # the two have not yet both scored as much as the file asks for
    "unusable",  # one of them cannot score
    "no_alerts",  # neither would have raised any
    "not_enough_verdicts",
    "undecided",  # ahead, but not beyond chance
    "better",
    "no_better",
]
LONGEST = 4  # times `gate.shadow`: a shadow that is merely ahead by then counts as no better
LEAST_ALONE = 5  # verdicts needed on what only the shadow would show, where that is explored


def judge(
    app: App,
    detector: Detector,
    champion: ModelVersion,
    shadow: ModelVersion,
    *,
    now: datetime,
    progress: Callable[[int], None] | None = None,
) -> GateVerdict:
    """Judge *shadow* against *champion* by what is known now; records nothing.

    Args:
        app: the open workspace.
        detector: the detector as it is in force.
        champion: the version that scores.
        shadow: the version beside it.
        now: the current time.
        progress: called with the number of events read.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """

    def said(outcome: Outcome, why: str, body: Mapping[str, Any]) -> GateVerdict:
        return GateVerdict(
            detector=detector.name, version=shadow.version, against=champion.version, at=now,
            outcome=outcome, why=why, body=body,
        )  # fmt: skip

    covered = Covered.by(app.state, detector.name, champion.version, shadow.version)
    about = {"covered_seconds": covered.total.total_seconds()}
    early = too_early(detector, covered)
    if early is not None:
        return said("waiting", early, about)
    try:
        found = compare(app, detector, champion, shadow, covered, now=now, progress=progress)
    except (ArtifactError, TrainingRefused) as error:
        return said("unusable", error.message, about)
    body = {**about, **_body(found)}
    outcome, why = decide(detector, found)
    return said(outcome, why, body)


def too_early(detector: Detector, covered: Covered) -> str | None:
    """Why what is *covered* is too little to compare; None where it is enough."""
    wanted = detector.gate.shadow
    if covered.since is not None and covered.total >= wanted:
        return None
    return f"{_days(covered.total)} of {format_duration(wanted)} are scored by both"


def decide(detector: Detector, found: Comparison) -> tuple[Outcome, str]:
    """The outcome of *found* under the gate of *detector*, and why."""
    gate, days = detector.gate, _days(found.covered)
    pair = found.against.get(CHAMPION)
    if pair is None or not (pair.ours.alerts or pair.theirs.alerts):
        return "no_alerts", f"in {days}, neither version would have raised an alert"
    if pair.verdicts < gate.min_verdicts or pair.difference is None:
        return (
            "not_enough_verdicts",
            f"not enough verdicts yet: {pair.verdicts} of {gate.min_verdicts}",
        )
    last = found.covered >= LONGEST * gate.shadow
    wanted = min(LEAST_ALONE, pair.ours.alerts - pair.both)
    if gate.explore and pair.alone < wanted and not last:
        why = "not enough verdicts yet on alerts that only the shadow would raise"
        return "not_enough_verdicts", f"{why}: {pair.alone} of {wanted}"
    figures = _in_words(pair, "the champion")
    own = pair.ours.precision
    if gate.min_precision is not None and own is not None and own < gate.min_precision:
        return "no_better", f"precision {own:.2f} is below gate.min_precision: {figures}"
    for rival, other in found.against.items():
        if rival != CHAMPION and other.high is not None and other.high < 0:
            return "no_better", f"{rival} does better: {_in_words(other, rival)}"
    low, high = pair.low or 0.0, pair.high or 0.0
    if low > 0:
        return "better", f"better than the champion: {figures}"
    if pair.difference > 0 and high > 0 and not last:
        return "undecided", f"ahead, but not beyond chance yet: {figures}"
    return "no_better", f"no better than the champion in {days}: {figures}"


def _in_words(pair: Paired, whom: str) -> str:
    ours, theirs = pair.ours.precision, pair.theirs.precision
    if ours is None or theirs is None or pair.low is None or pair.high is None:
        return f"no comparison with {whom} is possible"
    return (
        f"precision {ours:.2f} beside {theirs:.2f} of {whom} at {pair.ours.alerts} alerts,"
        f" difference {pair.difference:+.2f} ({pair.low:+.2f} to {pair.high:+.2f})"
    )


def _body(found: Comparison) -> dict[str, Any]:
    return {
        "units": found.units,
        "against": {rival: asdict(pair) for rival, pair in found.against.items()},
        "missing": dict(found.missing),
    }


def _days(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.1f} days"
