"""What the review of one finding tells: verdicts, and when they were taken back.

Each row of the review repeats the whole state of the finding, so only what changed is somebody's
word: a comment on a finding that another closed is not a verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoreback.connectors.closings import Closing, next_time, repeated, standing
from scoreback.connectors.splunk.labels.dispositions import Dispositions, disposition_id
from scoreback.records import Verdict

MARK = "[scoreback]"  # in the comment of a change that we made


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the review: the finding's state from then on."""

    finding: str
    at: datetime
    status: str
    disposition: str
    reviewer: str
    is_ours: bool = False  # we made it, through this connection
    order: int = 0  # among those of one time
    comment: str = ""


def told(
    changes: Iterable[Change], dispositions: Dispositions, own: Sequence[Closing] = ()
) -> list[Closing]:
    """The verdicts of one finding that its *changes* tell, and their ends, in order of time.

    Args:
        changes: all of them.
        dispositions: what they mean.
        own: the verdicts on the same alert that our own collection tells; an analyst who reopens
            the finding takes those back, too.
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
            else:  # the disposition was taken away before anything was closed
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
    """The ends of all verdicts that stand when *change* opens the finding again."""
    ours = [closing for closing in own if closing.label_time <= change.at]
    at = max(next_time(before, change.at), next_time(ours, change.at))
    stands = [before[n] for n in standing(before)] + [ours[n] for n in standing(ours)]
    return [
        Closing(verdict=one.verdict, labeller=one.labeller, label_time=at, withdrawn=True)
        for one in stands
    ]


def change_of(row: Mapping[str, Any], at: datetime, order: int, us: str) -> Change:
    """A row of the lookup of reviews as a change.

    One by the user *us* that bears our mark is ours, and our own collection tells of it: an analyst
    who quotes the mark still speaks for themselves.
    """
    # Who reviewed is called user or reviewer, by version; an owner need not have.
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
