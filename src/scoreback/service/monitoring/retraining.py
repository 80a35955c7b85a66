"""Whether `train.when` asks for a training now, judging by the version that scores.

A training that is due begins unless something makes it wait: a shadow that is still being
compared, as the next one would crowd it out, or a recent training. A refused training counts as
recent too, as the same data would be refused again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.health import HealthDocument, Kind
from scoreback.models.detector.spec import Detector, When, format_duration
from scoreback.models.judging.home import MARGIN
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.labels.quarantine import without_floods
from scoreback.service.monitoring.drift import drift
from scoreback.service.monitoring.outcomes import outcomes
from scoreback.service.monitoring.status import ENOUGH_LABELLED, Figures, number
from scoreback.service.monitoring.subject import Subject
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.runs import last_counted, runs
from scoreback.service.state.versions import Versions

AFTER_FAILURE = timedelta(days=1)  # say, a SIEM that did not answer may do so by then
_RUNS = 20
_CUT_OFF = ("lost", "running", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Why a training is due, and what it waits for."""

    reasons: tuple[str, ...]  # at least one
    waits: str = ""  # empty: it begins

    @property
    def because(self) -> str:
        """The reasons, in words that follow "trained because"."""
        return "; ".join(self.reasons)

    def __str__(self) -> str:
        """The reasons and what it waits for."""
        return f"{self.because}; {self.waits}" if self.waits else self.because


def training_due(app: App, detector: Detector, *, now: datetime, alone: bool = False) -> Due | None:
    """The training that ``train.when`` of *detector* asks for *now*; None where it asks for none.

    Args:
        app: the open workspace.
        detector: the detector as in its file.
        now: the current time.
        alone: the caller holds the lock of trainings, so no training is running.

    Raises:
        ArtifactError: the champion is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    champion = Versions(app.state).champion(detector.name)
    detector = in_force(app.state, detector).detector
    if detector.train.when is None or champion is None:
        return None
    subject = Subject(app=app, detector=detector, champion=champion, now=now)
    return due_by(subject, [*outcomes(subject), *drift(subject)], alone=alone)


def due_by(
    subject: Subject, documents: Sequence[HealthDocument], *, alone: bool = False
) -> Due | None:
    """As `training_due`, for a subject whose outcomes and drift are in *documents*."""
    when = subject.detector.train.when
    if when is None:
        return None
    by_kind = {d.kind: d.figures for d in documents}
    reasons = reasons_of(
        when,
        by_kind.get(Kind.SCORES, {}),
        by_kind.get(Kind.PRECISION, {}),
        0 if when.verdicts is None else _verdicts(subject, alone),
    )
    if not reasons:
        return None
    return Due(reasons=tuple(reasons), waits=_compared(subject) or _too_soon(subject, when, alone))


def reasons_of(when: When, scores: Figures, precision: Figures, verdicts: int) -> list[str]:
    """Which conditions of *when* hold, by health figures and the number of new *verdicts*."""
    found = []
    psi, usual = number(scores, "psi"), number(scores, "usual_psi")
    if when.drift is not None and psi > max(when.drift, MARGIN * usual):
        found.append(f"score drift {psi:.2f} > {when.drift:g}")
    if when.precision_drop is not None and number(precision, "labelled") >= ENOUGH_LABELLED:
        promised, high = number(precision, "promised"), number(precision, "realised_high", 1.0)
        if high < promised - when.precision_drop:
            found.append(
                f"precision {number(precision, 'realised'):.2f}, at most {high:.2f}, is over"
                f" {when.precision_drop:g} below the promised {promised:.2f}"
            )
    if when.verdicts is not None and verdicts >= when.verdicts:
        found.append(f"{verdicts} new verdicts >= {when.verdicts}")
    return found


def free_from(when: When, began: datetime, *, failed: bool = False) -> datetime:
    """When the next training may be triggered after one that *began* then, even if it was refused.

    A training that *failed*, but was not refused, showed nothing: the wait is `AFTER_FAILURE`.
    """
    return began + (AFTER_FAILURE if failed else when.at_most_every)


def new_verdicts(
    app: App, detector: Detector, told: pa.Table, *, now: datetime, last: datetime | None
) -> int:
    """How many subjects have a verdict that a training can learn *now* and the *last* could not.

    Verdicts younger than ``mature_after`` are left out, as training does not learn from events as
    young, and so are those in quarantine.

    Args:
        app: its label ledger tells which verdicts came in a flood.
        detector: the detector in force, with ``train.when.verdicts``.
        told: the detector's verdicts, as `LabelLedger.history` gives them.
        now: the current time.
        last: the moment that the last training, refused or not, was as of; None: there was none.
    """
    when, begin = detector.train.when, now - detector.train.history
    known = _usable(told, detector, now)
    if last is not None:
        known = pc.and_(known, pc.invert(_usable(told, detector, last)))
    young = pc.greater_equal(told["label_time"], pa.scalar(begin, told["label_time"].type))
    known = pc.and_(pc.and_(known, young), pc.invert(told["withdrawn"]))
    new = told.filter(known).drop_columns(["known_at"])
    if when is not None and when.verdicts is not None and new.num_rows >= when.verdicts:
        new, _ = without_floods(app, detector, new, now)  # fewer trigger nothing anyway
    return len(pc.unique(pc.coalesce(new["alert_id"], new["event_id"], new["entity"])))


def cut_off(app: App, detector: str, now: datetime) -> datetime | None:
    """When the last training began, if it was stopped or killed lately; call it under its lock.

    A training begun again as of then makes the version that the first one may have made.
    """
    for run in runs(app.state, detector, 1, kind="train"):
        lately = now - run.started_at < AFTER_FAILURE
        return run.started_at if lately and run.status in _CUT_OFF else None
    return None


def _compared(subject: Subject) -> str:
    """Why a training waits for shadows that are still compared; empty where there are none."""
    shadows = Versions(subject.app.state).shadows(subject.name)
    if not shadows or not subject.detector.gate.shadow:
        return ""
    return f"waits until the gate has decided on {', '.join(v.version for v in shadows)}"


def _too_soon(subject: Subject, when: When, alone: bool) -> str:
    trainings = runs(subject.app.state, subject.name, _RUNS, kind="train")
    last = last_counted(trainings, alone=alone)
    if last is None:
        return ""
    if last.status == "running" and not alone:
        return "a training is in progress"
    refused, failed = bool(last.counts.get("refused")), last.status == "failed"
    until = free_from(when, last.started_at, failed=failed and not refused)
    if subject.now >= until:
        return ""
    came = ", which was refused" if refused else ", which failed" if failed else ""
    return (
        f"not before {until:%Y-%m-%d %H:%M} UTC, {format_duration(until - last.started_at)} after"
        f" the last training{came}"
    )


def _verdicts(subject: Subject, alone: bool) -> int:
    app, detector, now = subject.app, subject.detector, subject.now
    ledger = LabelLedger(app.state, app.connector.name)
    told = ledger.history(subject.name, since=now - detector.train.history)
    return new_verdicts(app, detector, told, now=now, last=_last_learnt(subject, alone))


def _usable(told: pa.Table, detector: Detector, as_of: datetime) -> pa.ChunkedArray:
    mature = pa.scalar(as_of - detector.labels.mature_after, told["label_time"].type)
    moment = pa.scalar(as_of, told["known_at"].type)
    return pc.and_(
        pc.less_equal(told["label_time"], mature), pc.less_equal(told["known_at"], moment)
    )


def _last_learnt(subject: Subject, alone: bool) -> datetime | None:
    """The moment that the last training, refused or not, was as of.

    The version of a training that was cut off before its end does not count: the reasons for it
    still hold, so that it is begun again and its version gets to the gate.
    """
    state = subject.app.state
    unfinished = cut_off(subject.app, subject.name, subject.now) if alone else None
    moments = [one.trained_as_of for one in Versions(state).list(subject.name)]
    moments = [moment for moment in moments if moment != unfinished][-1:]
    trainings = runs(state, subject.name, _RUNS, kind="train")
    moments += [run.started_at for run in trainings if run.counts.get("refused")]
    return max(moments, default=None)
