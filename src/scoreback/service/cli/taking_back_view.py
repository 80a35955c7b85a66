"""What a rollback did, or would do, in words and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict

from scoreback.service.cli import show
from scoreback.service.recalling.rollback import RolledBack
from scoreback.service.recalling.taken_back import TAG
from scoreback.service.state.recalls import RecalledAlert

_SHORT = 12  # characters of an alert's id
_NOT_TAKEN_BACK = {
    "both": "the version that scores again would also have raised",
    "touched": "an analyst touched",
    "undecided": "nobody can decide on, as their events are gone from the SIEM",
}


def as_json(done: RolledBack, act: str) -> dict[str, object]:
    """The champion as elsewhere in JSON, then what was rolled back, and the alerts."""
    return {
        **asdict(done.champion),
        "act": act,
        "rolled_back": done.bad,
        "went_on": done.went_on,
        "was_done": done.was_done,
        "tag": TAG,
        "counts": dict(done.choice.counts),
        "alerts": [asdict(one) for one in done.choice.alerts],
    }


def say(detector: str, done: RolledBack, act: str, *, most: int | None = None) -> None:
    """Print a sentence, and a row for each alert taken back, but at most *most* rows."""
    if done.was_done:
        show.say("This rollback was already done, but was interrupted before it could say so.")
    elif done.went_on:
        show.say("An earlier rollback was interrupted; this run finishes it.")
    alerts = done.choice.alerts
    name = done.champion.version
    if act == "undo":
        show.say(f"{name} of {detector} scores again; what the rollback did to alerts is undone.")
        return
    if act == "dry_run":
        show.say(f"{name} of {detector} would score again, in place of {done.bad}.")
    else:
        show.say(f"{name} of {detector} scores again, in place of {done.bad}.")
    if alerts:
        closes = any(one.closed_at for one in alerts)
        show.table(
            f"Alerts that {done.bad} alone raised",
            ("alert", "event", "entity", f"score by {done.bad}", f"score by {name}", "now"),
            [_row(one, act) for one in alerts[:most]],
            numbers="   rr",
        )
        if most is not None and len(alerts) > most:
            show.say(f"And {len(alerts) - most} more.")
        if act == "dry_run":
            show.say(
                f"These {len(alerts)} alerts would be tagged {TAG}; --close would also close them."
            )
        elif not closes:
            show.say(f"These alerts are tagged {TAG} and stay open.")
    else:
        show.say("No open alert is taken back.")
    _say_counts(done.choice.counts)


def _row(one: RecalledAlert, act: str) -> tuple[object, ...]:
    now = "closed" if one.closed_at else "tagged" if one.tagged else "open"
    if one.kept is not None:
        now = f"left: {one.kept}"
    return (
        one.alert_id[:_SHORT],
        f"{one.event_time:%Y-%m-%d %H:%M}",
        one.entity or "-",
        show.figure(one.score),
        show.figure(one.restored_score),
        "would be tagged" if act == "dry_run" else now,
    )


def _say_counts(counts: Mapping[str, int]) -> None:
    for name, why in _NOT_TAKEN_BACK.items():
        if counts.get(name):
            show.say(f"Left as they are: {counts[name]} that {why}.")
