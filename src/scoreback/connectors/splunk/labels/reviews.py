"""The verdicts in the review of one finding, and when they were withdrawn.

Each row of the review repeats the finding's whole state, so only what changed is a statement by the
row's author: a comment on a finding that another analyst closed is not a verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoreback.connectors.closings import Closing, next_time, repeated, standing
from scoreback.connectors.splunk.labels.dispositions import Dispositions, disposition_id
from scoreback.records import Verdict

MARK = "[scoreback]"  # part of the comment of each change by Scoreback


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the review: the finding's state from then on."""

    finding: str
    at: datetime
    status: str
    disposition: str
    reviewer: str
    is_ours: bool = False  # Scoreback made it, through this connection
    order: int = 0  # position among those of the same time
    comment: str = ""


def told(
    changes: Iterable[Change], dispositions: Dispositions, own: Sequence[Closing] = ()
) -> list[Closing]:
    """The verdicts that the *changes* of one finding contain, and their ends, in order of time.

    Args:
        changes: all changes of the finding.
        dispositions: the meaning of dispositions.
        own: the verdicts on the same alert in Scoreback's collection; an analyst who reopens the
            finding withdraws those, too.
    """
    found: list[Closing] = []
    disposition, ended = "", False
    for change in sorted(changes, key=lambda one: (one.at, one.order)):
        now, over = disposition_id(change.disposition), dispositions.ended(change.status)
        reopened, said = ended and not over, now != disposition or (over and not ended)
        disposition, ended = now, over
        if reopened:
            found += _ends(change, found, () if change.is_ours else own)
        elif said and not change.is_ours:
            verdict = dispositions.verdict(now)
            if over or verdict is not Verdict.UNDETERMINED:
                found += _closed(change, verdict, found)
            else:  # the disposition was removed before anything was closed
                found += _ends(change, found, ())
    return found


def _closed(change: Change, verdict: Verdict, before: Sequence[Closing]) -> list[Closing]:
    if repeated(before, verdict.value, change.reviewer) is not None:
        return []
    at = next_time(before, change.at)
    return [
        Closing(verdict=verdict.value, labeller=change.reviewer, label_time=at, withdrawn=False)
    ]


def _ends(change: Change, before: Sequence[Closing], own: Sequence[Closing]) -> list[Closing]:
    """The ends of all verdicts that stand when *change* reopens the finding."""
    ours = [closing for closing in own if closing.label_time <= change.at]
    at = max(next_time(before, change.at), next_time(ours, change.at))
    stands = [before[n] for n in standing(before)] + [ours[n] for n in standing(ours)]
    return [
        Closing(verdict=one.verdict, labeller=one.labeller, label_time=at, withdrawn=True)
        for one in stands
    ]


def change_of(row: Mapping[str, Any], at: datetime, order: int, us: str) -> Change:
    """A row of the lookup of reviews as a change.

    A change by the user *us* with Scoreback's mark is Scoreback's, and its own collection has the
    verdict: an analyst who quotes the mark still counts as an analyst.
    """
    # The reviewer's column is called user or reviewer, depending on the version; an owner may be
    # missing.
    reviewer = str(row.get("reviewer") or row.get("user") or row.get("owner") or "unknown")
    comment = str(row.get("comment") or "")
    return Change(
        finding=str(row.get("rule_id") or ""),
        at=at,
        status=str(row.get("status") or ""),
        disposition=str(row.get("disposition") or ""),
        reviewer=reviewer,
        is_ours=reviewer == us and MARK in comment,
        order=order,
        comment=comment,
    )
