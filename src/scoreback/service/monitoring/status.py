"""What is wrong with a detector, if anything, judging by the figures of its other documents."""

from collections.abc import Mapping, Sequence

from scoreback.health import Condition, Figure, HealthDocument, Kind
from scoreback.service.in_force.paused import Paused
from scoreback.service.monitoring.subject import Subject

ENOUGH_ALERTS = 20  # that are old enough to be judged; fewer raise no concern
LEAST_LABELLED = 0.1  # share of them with a verdict; below it precision is unknown
WAITING = 7 * 86_400  # seconds; age of the oldest open alert
ENOUGH_LABELLED = 20  # alerts with a verdict that it takes to call a promise broken
READ_LAG = 6 * 3600  # seconds that events may wait to be read
FAR_OVER = 1.5  # times the budget, over a week
FAR_OVER_IN_A_DAY = 2.0  # times the budget, in the last 24 hours
FAILED_IN_A_ROW = 3  # failed runs

Figures = Mapping[str, Figure]

OK, ATTENTION, FAILING = "ok", "attention", "failing"


def status(
    subject: Subject,
    documents: Sequence[HealthDocument],
    paused: Paused | None = None,
    doubted: str | None = None,
) -> HealthDocument:
    """The status of *subject*, from its other *documents*, a pause, and verdicts in quarantine.

    A pause is temporary, so it needs attention; a detector that its file switches off does not.
    """
    by_kind = {d.kind: d.figures for d in documents if d.kind is not Kind.RUN}
    runs = [d for d in documents if d.kind is Kind.RUN]
    shadows = [d for d in documents if d.kind is Kind.GATE]
    why = {
        Condition.STALE: _stale(by_kind.get(Kind.FRESHNESS, {})),
        Condition.STARVED: _starved(by_kind.get(Kind.PRECISION, {}), by_kind.get(Kind.LABELS, {})),
        Condition.DRIFTING: str(by_kind.get(Kind.SCORES, {}).get("why", "")),
        Condition.OVER_BUDGET: _over_budget(by_kind.get(Kind.ALERTS, {})),
        Condition.FAILING: _failing(
            runs, by_kind.get(Kind.REFUSED, {}), by_kind.get(Kind.PRECISION, {})
        ),
        Condition.GATE_WAITING: _gate_waiting(shadows),
        Condition.QUARANTINED: doubted or "",
    }
    unusable = str(by_kind.get(Kind.VERSION, {}).get("unusable", ""))
    said = [text for text in (*why.values(), unusable) if text]
    off_by_file = paused is not None and paused.since is None
    state = FAILING if why[Condition.FAILING] else ATTENTION if said else OK
    if paused is not None:
        said.append(paused.in_words)
        state = state if off_by_file or state == FAILING else ATTENTION
    figures: dict[str, Figure | None] = {"state": state, "why": "; ".join(said) or None}
    figures |= {condition.value: float(bool(text)) for condition, text in why.items()}
    return subject.document(Kind.STATUS, figures)


def number(figures: Figures, name: str, default: float = 0.0) -> float:
    """The figure called *name*, or the *default* where it is unknown."""
    value = figures.get(name, default)
    return value if isinstance(value, int | float) else default


def _stale(fresh: Figures) -> str:
    lag, read = number(fresh, "event_lag"), number(fresh, "read_lag")
    if read > READ_LAG:
        return f"events have not been read for {_hours(read)}"
    if lag > number(fresh, "tolerated_lag"):
        return f"the newest event is {_hours(lag)} old"
    return ""


def _starved(precision: Figures, labels: Figures) -> str:
    alerts, share = number(precision, "alerts"), number(precision, "labelled_share")
    waiting = number(labels, "oldest_open") >= WAITING
    if waiting and alerts >= ENOUGH_ALERTS and share < LEAST_LABELLED:
        return f"{share:.0%} of {alerts:.0f} alerts have a verdict, so precision is unknown"
    return ""


def _over_budget(alerts: Figures) -> str:
    budget, share = number(alerts, "budget"), number(alerts, "share_of_budget")
    last = number(alerts, "last_day")
    if share > FAR_OVER:
        return f"{number(alerts, 'per_day'):.1f} alerts a day for a budget of {budget:,.14g}"
    if last > FAR_OVER_IN_A_DAY * budget:
        return f"{last:.0f} alerts in 24 hours for a budget of {budget:,.14g} a day"
    return ""


def _failing(runs: Sequence[HealthDocument], refused: Figures, precision: Figures) -> str:
    for run in runs:
        failed = number(run.figures, "failed_in_a_row")
        if failed >= FAILED_IN_A_ROW:
            return f"the last {failed:.0f} runs of {run.subject} failed: {run.figures.get('error')}"
    if number(refused, "last_day"):
        return f"the SIEM refused {number(refused, 'last_day'):.0f} documents in 24 hours"
    below = number(precision, "realised_high", 1.0) < number(precision, "promised_low")
    if below and number(precision, "labelled") >= ENOUGH_LABELLED:
        return (
            f"precision is {number(precision, 'realised'):.2f}, at most"
            f" {number(precision, 'realised_high'):.2f}; at least"
            f" {number(precision, 'promised_low'):.2f} was promised"
        )
    return ""


def _gate_waiting(shadows: Sequence[HealthDocument]) -> str:
    waiting = [d for d in shadows if number(d.figures, "awaits_approval")]
    return "; ".join(
        f"{d.subject} is better than {d.figures.get('against')} and waits for somebody to promote"
        " it"
        for d in waiting
    )


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
