"""Rolls a version back and takes back its alerts, crash-safe; can undo both.

First the previous version scores again, even within a run in progress: that waits for nothing.
Then the alerts of the bad version are listed, tagged and, where asked for, closed. Each step is
recorded (`scoreback.service.state.recalls`): after a kill at any point, the next call goes on.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from scoreback.errors import StateError
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.promotion import rollback as roll_version_back
from scoreback.service.deploying.promotion import undo_rollback as bring_version_back
from scoreback.service.deploying.reconcile import log_warning, reconcile
from scoreback.service.recalling.choosing import Choice, choose
from scoreback.service.recalling.taken_back import Warn, close_alerts, give_back_alerts, tag_alerts
from scoreback.service.state import recalls
from scoreback.service.state.recalls import Recall, Recalls
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import PATIENCE

_JOB = "recall"  # a lock: two rollbacks of one detector would mix up each other's alerts
_OPEN = (recalls.BEGUN, recalls.LISTED, recalls.CARRIED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The result of a rollback, done or planned."""

    champion: ModelVersion  # the version that scores after it
    bad: str
    choice: Choice  # its alerts as they are now
    went_on: bool = False  # it finished an interrupted rollback
    was_done: bool = False  # that rollback was complete, but nobody had been told


def would_roll_back(app: App, detector: Detector) -> RolledBack:
    """What `roll_back` would do now; changes nothing.

    Raises:
        StateError: there is no earlier champion.
    """
    broken = _broken_off(app, detector)
    if broken is not None and broken.stage in _OPEN:
        restored = Versions(app.state).get(detector.name, broken.restored)
        listed = _listed(app, broken)
        choice = listed or choose(app, detector, broken.bad, restored, broken.raised_from)
        was_done = broken.stage == recalls.CARRIED_OUT
        return RolledBack(
            champion=restored, bad=broken.bad, choice=choice, went_on=True, was_done=was_done
        )
    restored, bad, raised_from = _way_back(app, detector)
    choice = choose(app, detector, bad, restored, raised_from)
    return RolledBack(champion=restored, bad=bad, choice=choice)


def roll_back(
    app: App,
    detector: Detector,
    *,
    by: str,
    at: datetime,
    close: bool = False,
    warn: Warn = log_warning,
) -> RolledBack:
    """Let the previous version score again, then tag the alerts that only the bad one raised.

    An interrupted rollback is finished first, and nothing else is done then. It counts as
    interrupted until `told` is called: otherwise one that is killed at its very end, and asked for
    again, would lead one version further back.

    Args:
        app: the open workspace.
        detector: the detector with the bad champion.
        by: who rolls back, for the audit log.
        at: the time of the rollback.
        close: also close those alerts.
        warn: called with what could not be done.

    Raises:
        StateError: there is no earlier champion, or an undo was interrupted.
        ArtifactError: the earlier version's model is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
        SiemUnavailable: the SIEM did not answer; what was done stands, and the next call goes on.
    """
    with app.state.lock(detector.name, _JOB, wait=PATIENCE):
        broken = _broken_off(app, detector)
        if broken is not None and broken.stage == recalls.UNDOING:
            raise StateError(
                f"undoing the rollback of {broken.bad} of {detector.name!r} was interrupted",
                hint="finish it first: scoreback rollback FILE --undo",
            )
        if broken is None:
            restored, bad, raised_from = _way_back(app, detector)
            begin = partial(
                recalls.begin, siem=app.connector.name, detector=detector.name, bad=bad,
                restored=restored.version, at=at, actor=by, raised_from=raised_from, close=close,
            )  # fmt: skip
            roll_version_back(app, detector, by=by, at=at, warn=warn, beside=begin)
        else:
            _rule_follows(app, detector, at, warn)
        return _carried_out(app, detector, broken, at, warn)


def told(app: App, detector: Detector) -> None:
    """Record that whoever asked for the latest rollback knows that it is done.

    From then on, another rollback leads one version further back.
    """
    recall = Recalls(app.state).latest(detector.name)
    if recall is not None and recall.stage == recalls.CARRIED_OUT:
        Recalls(app.state).reach(recall, recalls.DONE)


def undo(
    app: App, detector: Detector, *, by: str, at: datetime, warn: Warn = log_warning
) -> RolledBack:
    """Let the version that was rolled back last score again, and restore its alerts.

    Raises:
        StateError: nothing was rolled back, or another version was promoted since.
    """
    with app.state.lock(detector.name, _JOB, wait=PATIENCE):
        journal = Recalls(app.state)
        recall = journal.latest(detector.name)
        champion = Versions(app.state).champion(detector.name)
        if recall is None or recall.stage in (recalls.UNDONE, recalls.ABANDONED):
            undone = recall is not None and recall.stage == recalls.UNDONE
            which = f": the rollback of {recall.bad} is already undone" if recall and undone else ""
            raise StateError(
                f"no rollback of {detector.name!r} can be undone{which}",
                hint="list the versions with: scoreback versions",
            )
        if recall.stage != recalls.UNDOING:
            if champion is None or champion.version != recall.restored:
                scores = "none" if champion is None else champion.version
                raise StateError(
                    f"the rollback of {recall.bad} of {detector.name!r} cannot be undone: {scores}"
                    f" scores by now, not {recall.restored}",
                    hint=f"let it score with: scoreback promote FILE {recall.bad}",
                )
            undoing = partial(recalls.reach, recall=recall, stage=recalls.UNDOING)
            bring_version_back(app, detector, recall.bad, by=by, at=at, beside=undoing, warn=warn)
        else:
            _rule_follows(app, detector, at, warn)
        if app.connector.alerts is not None:
            give_back_alerts(app, app.connector.alerts, recall, at, warn)
        journal.reach(recall, recalls.UNDONE)
        champion = Versions(app.state).get(detector.name, recall.bad)
        choice = _listed(app, recall) or Choice(alerts=(), counts=recall.counts)
    return RolledBack(champion=champion, bad=recall.restored, choice=choice)


def _rule_follows(app: App, detector: Detector, at: datetime, warn: Warn) -> None:
    """Make the SIEM follow the champion: an interrupted rollback may not have got that far."""
    reconcile(app, detector, at=at, warn=warn)
    follow_native(app, [detector], at=at, warn=warn)


def _way_back(app: App, detector: Detector) -> tuple[ModelVersion, str, datetime | None]:
    """The version that a rollback leads to, the bad one, and since when its alerts are its own."""
    versions = Versions(app.state)
    restored, reign = versions.earlier(detector.name), versions.reign(detector.name)
    if reign is None:
        raise StateError(f"no version of {detector.name!r} scores", hint="promote one")
    raised_from = None if reign.first else reign.since
    undone = Recalls(app.state).latest(detector.name)
    if reign.goes_on and undone is not None:  # what it raised before that rollback is its own, too
        raised_from = undone.raised_from
    return restored, reign.version, raised_from


def _broken_off(app: App, detector: Detector) -> Recall | None:
    """The unfinished recall, unless another version has taken over since."""
    journal = Recalls(app.state)
    recall = journal.latest(detector.name)
    if recall is None or recall.stage not in (*_OPEN, recalls.UNDOING):
        return None
    champion = Versions(app.state).champion(detector.name)
    scoring = recall.bad if recall.stage == recalls.UNDOING else recall.restored
    if champion is None or champion.version != scoring:
        return None
    return recall if recall.connection == app.connector.name else None


def _listed(app: App, recall: Recall) -> Choice | None:
    """The alerts listed for *recall*; None before they are listed."""
    if recall.stage == recalls.BEGUN:
        return None
    return Choice(alerts=tuple(Recalls(app.state).alerts(recall)), counts=recall.counts)


def _carried_out(
    app: App, detector: Detector, broken: Recall | None, at: datetime, warn: Warn
) -> RolledBack:
    journal = Recalls(app.state)
    recall = broken or journal.latest(detector.name)
    if recall is None:
        raise StateError(f"no rollback of {detector.name!r} was started", hint="try it again")
    restored = Versions(app.state).get(detector.name, recall.restored)
    if recall.stage == recalls.BEGUN:
        chosen = choose(app, detector, recall.bad, restored, recall.raised_from)
        journal.list(recall, chosen.alerts, chosen.counts)
        recall = replace(recall, stage=recalls.LISTED, counts=chosen.counts)
    door, was_done = app.connector.alerts, recall.stage == recalls.CARRIED_OUT
    if door is not None and not was_done:
        tag_alerts(app, door, recall)
        if recall.close:
            close_alerts(app, door, recall, at, warn)
    journal.reach(recall, recalls.CARRIED_OUT)
    return RolledBack(
        champion=restored,
        bad=recall.bad,
        choice=Choice(alerts=tuple(journal.alerts(recall)), counts=recall.counts),
        went_on=broken is not None,
        was_done=was_done,
    )
