"""Health documents in words: shadows, versions rolled back and missed attacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.service.cli import show

Figures = Mapping[str, Figure]

_NOT_IN_WHY = ("waiting", "unusable")  # outcomes that their reason does not mention


def say(detector: str, documents: Sequence[HealthDocument]) -> None:
    """Print a sentence for each shadow, rollback and estimate of *detector*."""
    for sentence in sentences(documents):
        show.say(f"{detector}: {sentence}")


def sentences(documents: Sequence[HealthDocument]) -> Iterator[str]:
    """The sentences about *documents*, in their order."""
    for one in documents:
        if one.kind is Kind.PRECISION and "missed_attacks" in one.figures:
            yield _missed(one.figures)
        elif one.kind is Kind.GATE:
            yield _gate(one.subject, one.figures)
        elif one.kind is Kind.RECALL:
            yield _recall(one.subject, one.figures)


def _missed(figures: Figures) -> str:
    low, high = (_count(figures.get(f"missed_attacks_{end}")) for end in ("low", "high"))
    found = (
        f"about {_count(figures.get('missed_attacks'))} attacks raised no alert ({low} to"
        f" {high}), estimated from {_count(figures.get('audits_judged'))} judged audits"
    )
    why = figures.get("recall_why")
    return f"{found}; {why}" if why else found


def _gate(version: str, figures: Figures) -> str:
    outcome = str(figures.get("outcome"))
    state = f"{outcome}: " if outcome in _NOT_IN_WHY else ""
    said = f"{version} beside {figures.get('against')}: {state}{figures.get('why')}"
    by, at = figures.get("decided_by"), figures.get("decided_at")
    return said if by is None else f"{said}; decided by {by}, {_moment(at)}"


def _recall(version: str, figures: Figures) -> str:
    undone = "; this rollback was undone" if figures.get("undone") else ""
    said = (
        f"{figures.get('by')} rolled {version} back to {figures.get('restored')},"
        f" {_moment(figures.get('at'))}"
    )
    if "recalled" not in figures:
        return f"{said}; its alerts are not listed yet{undone}"
    raised, alone, tagged, closed = (
        _count(figures.get(name)) for name in ("alerts", "recalled", "tagged", "closed")
    )
    return (
        f"{said}: {alone} of {raised} alerts taken back, {tagged} tagged, {closed} closed{undone}"
    )


def _count(value: Figure | None) -> str:
    return f"{value:.0f}" if isinstance(value, int | float) else "-"


def _moment(value: Figure | None) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else "-"
