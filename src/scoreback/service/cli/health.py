"""The command that shows how detectors are doing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scoreback.health import Figure, HealthDocument, Kind

    Figures = Mapping[Kind, Mapping[str, Figure]]


def health(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ],
    at: Annotated[
        str | None, typer.Option(help="As of this time (else now).", metavar="TIME")
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Show how detectors are doing: what `serve` writes to the SIEM every hour.

    Exits with 3 if one needs attention or does not score yet; docs/runbook says what to do.
    """
    from scoreback.health import Kind, fields_of
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.detectors.detector_files import sound_detectors
    from scoreback.service.monitoring.monitor import health_of

    detectors, wrong = sound_detectors(files)
    now = options.moment(at, "--at") or options.now()
    with looked_at(home, clock=options.now) as app:
        found = {d.name: health_of(app, d, now=now) for d in detectors.values()}
    if json:
        show.as_json(
            {name: [fields_of(document) for document in each] for name, each in found.items()}
        )
    elif found:
        _show(found)
    for error in {id(error): error for error in wrong.values()}.values():
        show.fail(error)
    if wrong and not detectors:
        raise typer.Exit(show.FAILED)
    states = [d.figures["state"] for each in found.values() for d in each if d.kind is Kind.STATUS]
    if wrong or len(states) < len(found) or any(state != "ok" for state in states):
        raise typer.Exit(show.PARTLY)


def _show(found: Mapping[str, Sequence[HealthDocument]]) -> None:
    """Print a row for each detector; if there is only one, also all of its figures."""
    rows = [_row(name, documents) for name, documents in found.items()]
    show.table("Health", _COLUMNS, rows, numbers="   rrrrr")
    from scoreback.health import Kind
    from scoreback.service.cli import health_lines

    for name, documents in found.items():
        for document in documents:
            why = document.figures.get("why")
            if document.kind is Kind.STATUS and why:
                show.say(f"{name}: {why}")
        health_lines.say(name, documents)
    if len(found) == 1:
        for documents in found.values():
            _show_all(documents)


_COLUMNS = (
    "detector", "version", "state", "precision (promised)", "labelled", "alerts a day (budget)",
    "score drift (PSI)", "newest event",
)  # fmt: skip


def _row(name: str, documents: Sequence[HealthDocument]) -> Sequence[object]:
    from scoreback.health import Kind

    if not documents:
        return (name, "-", "no version scores", *["-"] * (len(_COLUMNS) - 3))
    by_kind = {document.kind: document.figures for document in documents}
    precision, alerts = by_kind.get(Kind.PRECISION, {}), by_kind.get(Kind.ALERTS, {})
    fresh = by_kind.get(Kind.FRESHNESS, {})
    return (
        name,
        documents[0].version,
        by_kind[Kind.STATUS]["state"],
        f"{_figure(precision.get('realised'))} ({_figure(precision.get('promised'))})",
        _figure(precision.get("labelled_share")),
        f"{_figure(alerts.get('per_day'), 1)} ({_figure(alerts.get('budget'), 0)})",
        _figure(by_kind.get(Kind.SCORES, {}).get("psi")),
        _ago(fresh.get("event_lag")),
    )


def _show_all(documents: Sequence[HealthDocument]) -> None:
    from scoreback.health import Kind

    features = [d for d in documents if d.kind is Kind.FEATURE]
    rows = [
        (f"{d.kind}{f' of {d.subject}' if d.subject else ''}", name, _text(name, value))
        for d in documents
        if d.kind is not Kind.FEATURE
        for name, value in d.figures.items()
    ]
    if rows:
        show.table("Figures", ("about", "figure", "value"), rows, prose=("value",))
    names = ("psi", "usual_psi", "missing", "expected_missing", "unseen", "usual_unseen")
    if features:
        show.table(
            "Features, compared with training",
            ("feature", *(name.replace("_", " ") for name in names), "unusual"),
            [
                (d.subject, *(_figure(d.figures.get(n)) for n in names), d.figures.get("why", ""))
                for d in features
            ],
            numbers=" rrrrrr",
            prose=("unusual",),
        )


def _text(name: str, value: Figure) -> str:
    """A figure as text: times to the second, durations in their largest unit."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, str):
        return value
    if name in _LENGTHS:
        from scoreback.models.artifact.amounts import lasting

        return lasting(value)
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"


# Figures in seconds: see docs/health.md.
_LENGTHS = frozenset(
    ("event_lag", "read_lag", "tolerated_lag", "oldest_open", "label_lag", "age", "seconds",
     "scored_together", "scored_together_wanted")
)  # fmt: skip


def _figure(value: Figure | None, digits: int = 2) -> str:
    return show.figure(value if isinstance(value, int | float) else None, digits)


def _ago(seconds: Figure | None) -> str:
    if not isinstance(seconds, int | float):
        return "-"
    hours = seconds / 3600
    return f"{hours:.1f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
