"""Which versions of a detector were rolled back lately, and what became of their alerts."""

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.service.monitoring.subject import DAY, Subject
from scoreback.service.state import recalls
from scoreback.service.state.recalls import Recall, Recalls

WINDOW = 30 * DAY


def recalled(subject: Subject) -> list[HealthDocument]:
    """A document for each version that was rolled back in the last 30 days, by its last rollback.

    Until a rollback has listed its alerts, their numbers are unknown.
    """
    journal = Recalls(subject.app.state)
    latest = {one.bad: one for one in journal.since(subject.name, subject.now - WINDOW)}
    return [
        subject.document(Kind.RECALL, _figures(journal, one), subject=version)
        for version, one in latest.items()
        if one.at <= subject.now
    ]


def _figures(journal: Recalls, recall: Recall) -> dict[str, Figure | None]:
    figures: dict[str, Figure | None] = {
        "at": recall.at,
        "by": recall.actor,
        "restored": recall.restored,
        "undone": float(recall.stage in (recalls.UNDOING, recalls.UNDONE)),
    }
    if recall.stage == recalls.BEGUN:
        return figures
    alerts = journal.alerts(recall)
    return figures | {
        "alerts": recall.counts.get("raised"),
        "recalled": len(alerts),
        "touched": recall.counts.get("touched"),
        "tagged": sum(one.tagged for one in alerts),
        "closed": sum(one.closed_at is not None for one in alerts),
    }
