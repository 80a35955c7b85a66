"""Tags, closes and restores the alerts that a rollback takes back, and records each step.

An alert that an analyst touched meanwhile is left alone, even if it was listed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from scoreback.connectors.doors import AlertsDoor
from scoreback.errors import SiemRefused
from scoreback.records import Alert, Verdict
from scoreback.service.app import App
from scoreback.service.recalling.choosing import is_untouched, still_there
from scoreback.service.state import own_closures
from scoreback.service.state.own_closures import OwnClosure
from scoreback.service.state.recalls import Recall, RecalledAlert, Recalls

TAG = "scoreback-recalled"
LABELLER = "scoreback"
VERDICT = Verdict.UNDETERMINED  # it says nothing about the event, in any SIEM
AT_ONCE = 500  # alerts tagged between two records of it

Warn = Callable[[str], None]


def tag_alerts(app: App, door: AlertsDoor, recall: Recall) -> None:
    """Tag what is listed and not tagged yet, unless an analyst was quicker."""
    journal = Recalls(app.state)
    left = [one for one in journal.alerts(recall) if not one.tagged and one.kept is None]
    if not left:
        return
    now = still_there(door, recall.detector, recall.bad)
    free = _free(app, recall, left, now)
    for start in range(0, len(free), AT_ONCE):
        some = free[start : start + AT_ONCE]
        door.tag(some, TAG)
        journal.note(recall, some, tagged=True)


def close_alerts(app: App, door: AlertsDoor, recall: Recall, at: datetime, warn: Warn) -> None:
    """Close what is tagged and not closed yet; our own closings become no labels."""
    journal = Recalls(app.state)
    left = [one for one in journal.alerts(recall) if one.tagged and one.closed_at is None]
    if not left:
        return
    now = still_there(door, recall.detector, recall.bad)
    ours = _closed_here(app, recall, left, now)
    free = _free(app, recall, [one for one in left if one.alert_id not in ours], now)
    for name in [*ours, *free]:
        intended = at if name not in ours else (now[name].closed_at or at)
        _remember(app, recall, name, intended)
        try:
            closed = door.close(name, VERDICT, labeller=LABELLER, at=intended)
        except SiemRefused as error:
            journal.note(recall, [name], kept=f"it could not be closed: {error.message}")
            warn(f"alert {name} stays open: {error.message}")
            continue
        _remember(app, recall, name, closed.closed_at or intended)
        journal.note(recall, [name], closed_at=closed.closed_at or intended)


def give_back_alerts(app: App, door: AlertsDoor, recall: Recall, at: datetime, warn: Warn) -> None:
    """Reopen what we closed, unless somebody closed it otherwise since; remove the tags."""
    journal = Recalls(app.state)
    alerts = journal.alerts(recall)
    now = still_there(door, recall.detector, recall.bad) if alerts else {}
    for name in _closed_here(app, recall, alerts, now):
        door.reopen(name, at=at)
        journal.note(recall, [name], reopened=True, closed_at=None)
    for one in alerts:
        if one.closed_at is None or one.reopened:
            continue
        there = now.get(one.alert_id)
        if there is not None and there.verdict is None:  # reopened before an interruption
            journal.note(recall, [one.alert_id], reopened=True, closed_at=None)
        elif there is not None and not _closed_by_us(there):
            warn(f"alert {one.alert_id} stays closed: an analyst has judged it since")
    # Whatever was recorded: an interrupted call may have tagged some already.
    tagged = [one.alert_id for one in alerts if one.tagged or one.kept is None]
    for start in range(0, len(tagged), AT_ONCE):
        some = tagged[start : start + AT_ONCE]
        door.untag(some, TAG)
        journal.note(recall, some, tagged=False)


def _free(
    app: App, recall: Recall, wanted: Sequence[RecalledAlert], now: Mapping[str, Alert]
) -> list[str]:
    """Ids of those of *wanted* that are there and untouched; records why the others are not."""
    journal = Recalls(app.state)
    gone = [one.alert_id for one in wanted if one.alert_id not in now]
    journal.note(recall, gone, kept="the SIEM no longer has it")
    there = [one.alert_id for one in wanted if one.alert_id in now]
    reopened = journal.reopened(recall.detector)
    taken = [name for name in there if not is_untouched(now[name], reopened)]
    journal.note(recall, taken, kept="an analyst closed it first")
    return [name for name in there if name not in set(taken)]


def _closed_here(
    app: App, recall: Recall, alerts: Sequence[RecalledAlert], now: Mapping[str, Alert]
) -> list[str]:
    """Ids of those of *alerts* that are as we closed them, whether or not that was recorded."""
    begun = {one.alert_id for one in own_closures.own_closures(app.state, recall.connection)}
    ids = [one.alert_id for one in alerts if one.alert_id in begun and one.alert_id in now]
    return [name for name in ids if _closed_by_us(now[name])]


def _closed_by_us(alert: Alert) -> bool:
    return (alert.verdict, alert.labeller) == (VERDICT, LABELLER)


def _remember(app: App, recall: Recall, alert_id: str, at: datetime) -> None:
    one = OwnClosure(connection=recall.connection, alert_id=alert_id, verdict=VERDICT, closed_at=at)
    own_closures.record(app.state, [one])
