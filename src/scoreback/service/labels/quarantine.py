"""Keeps doubtful verdicts out of training until somebody accepts them.

The quarantine as of a moment follows from the label ledger and from the decisions made by then, so
training as of that moment gives the same result for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.errors import StateError
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.doubts import CONTRADICTION, FLOOD, Case, contradictions, floods
from scoreback.records import UNKNOWN_LABELLER
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.quarantine_log import (
    ACCEPTED,
    Decision,
    Noted,
    decide,
    decisions,
    note,
    noted,
)
from scoreback.times import EPOCH, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A case, the decision about it, and how many of its verdicts are left out."""

    case: Noted
    decision: Decision | None
    left_out: int

    @property
    def waits(self) -> bool:
        """Whether somebody still has to decide."""
        return self.left_out > 0 and (self.decision is None or self.decision.decision == ACCEPTED)

    @property
    def by_unknown(self) -> bool:
        """Whether the SIEM does not say whose verdicts these are; they may be several people's."""
        return self.case.labeller == UNKNOWN_LABELLER


def without_floods(
    app: App, detector: Detector, labels: pa.Table, as_of: datetime
) -> tuple[pa.Table, list[Held]]:
    """*labels*, as the ledger gives them *as_of*, without those of floods; and the cases."""
    ledger = LabelLedger(app.state, app.connector.name)
    whole = ledger.labels(detector.name, since=EPOCH, as_of=as_of)
    whole = whole.filter(pc.less_equal(whole["label_time"], pa.scalar(as_of)))
    held, doubted = _held(app, detector, floods(whole, detector.labels.flood), whole, as_of)
    return _without(labels, doubted), held


def without_contradictions(
    app: App, detector: Detector, labels: pa.Table, rows: pa.Table, as_of: datetime
) -> tuple[pa.Table, list[Held]]:
    """*labels* without verdicts that others on near-duplicates contradict; and the cases."""
    by_then = pc.less_equal(labels["label_time"], pa.scalar(as_of))
    by_person = pc.invert(pc.equal(labels["labeller"], labels["source"]))  # of files and fields
    verdicts = labels.filter(pc.and_(by_then, pc.fill_null(by_person, False)))
    names = [one.name for one in detector.features]
    found = contradictions(verdicts, rows, names)
    held, doubted = _held(app, detector, found, verdicts, as_of)
    return _without(labels, doubted), held


def note_held(app: App, detector: str, held: Sequence[Held], kinds: Sequence[str]) -> None:
    """Record the cases of these *kinds*, so that people can list them."""
    for kind in kinds:
        cases = [one.case for one in held if one.case.kind == kind]
        note(app.state, app.connector.name, detector, kind, cases)


def in_quarantine(app: App, detector: Detector, now: datetime) -> list[Held]:
    """The cases as of *now*: floods by the ledger, contradictions by the last training."""
    ledger = LabelLedger(app.state, app.connector.name)
    whole = ledger.labels(detector.name, since=EPOCH, as_of=now)
    whole = whole.filter(pc.less_equal(whole["label_time"], pa.scalar(now)))
    flood = in_force(app.state, detector).detector.labels.flood
    held, _ = _held(app, detector, floods(whole, flood), whole, now)
    made = decisions(app.state, app.connector.name, detector.name, now)
    for case in noted(app.state, app.connector.name, detector.name):
        if case.kind == CONTRADICTION:
            decision = made.get(case.case_id)
            accepted = decision is not None and decision.decision == ACCEPTED
            held.append(Held(case=case, decision=decision, left_out=0 if accepted else case.labels))
    return held


def decide_on(
    app: App, detector: Detector, given: str, decision: str, *, by: str, reason: str, at: datetime
) -> Held:
    """Accept or reject the case with the id *given*, which may be shortened to its beginning.

    An acceptance covers the verdicts given until then; later ones of the same flood are doubted
    again. If the same was decided already, nothing changes.

    Raises:
        StateError: no case, or more than one, has such an id.
    """
    found = in_quarantine(app, detector, at)
    meant = [one for one in found if given and one.case.case_id.startswith(given)]
    if len(meant) != 1:
        known = ", ".join(one.case.case_id for one in found) or "none"
        raise StateError(
            f"{len(meant)} cases of {detector.name!r} are called {given!r}",
            hint=f"name one of: {known}; see scoreback quarantine list",
        )
    before = meant[0].decision
    if before is not None and before.decision == decision and not meant[0].waits:
        return meant[0]
    made = Decision(
        case_id=meant[0].case.case_id, decision=decision, at=at, actor=by, reason=reason
    )
    decide(app.state, app.connector.name, detector.name, made)
    (after,) = (one for one in in_quarantine(app, detector, at) if one.case.case_id == made.case_id)
    return after


def in_words(held: Sequence[Held]) -> str | None:
    """A sentence on how many verdicts wait in quarantine; None where none do."""
    waiting = [one for one in held if one.waits]
    if not waiting:
        return None
    count = sum(one.left_out for one in waiting)
    people = sorted({one.case.labeller for one in waiting if not one.by_unknown})
    if any(one.by_unknown for one in waiting):
        people.append("people whom the SIEM does not name")
    return f"{count} verdicts of {', '.join(people)} are in quarantine, so training leaves them out"


def _held(
    app: App, detector: Detector, cases: Sequence[Case], labels: pa.Table, as_of: datetime
) -> tuple[list[Held], pa.Table]:
    """The cases with the decisions made by *as_of*, and the rows of *labels* that are left out."""
    made = decisions(app.state, app.connector.name, detector.name, as_of)
    times = labels["label_time"].cast(pa.int64()).to_numpy()
    held, doubted = [], [np.array([], dtype=np.int64)]
    for case in cases:
        decision, places = made.get(case.case_id), case.places
        if decision is not None and decision.decision == ACCEPTED:
            places = places[times[places] > micros(decision.at)]
        about = Noted(
            case_id=case.case_id, kind=case.kind, labeller=case.labeller, first=case.first,
            last=case.last, labels=len(case.places),
        )  # fmt: skip
        held.append(Held(case=about, decision=decision, left_out=len(places)))
        doubted.append(places)
    return held, labels.take(pa.array(np.unique(np.concatenate(doubted))))


_IDENTITY = ("label_time", "labeller", "alert_id", "event_id", "entity", "verdict")


def _without(labels: pa.Table, doubted: pa.Table) -> pa.Table:
    """*labels* without those that are *doubted*; withdrawals stay."""
    if not doubted.num_rows:
        return labels
    gone = {*zip(*(doubted[name].to_pylist() for name in _IDENTITY), strict=True)}
    rows = zip(*(labels[name].to_pylist() for name in _IDENTITY), strict=True)
    stays = [
        row not in gone or taken_back
        for row, taken_back in zip(rows, labels["withdrawn"].to_pylist(), strict=True)
    ]
    return labels.filter(pa.array(stays, pa.bool_()))


KINDS = (FLOOD, CONTRADICTION)
