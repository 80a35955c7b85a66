"""What would change in the SIEM, and changing it: what a connection needs, and alert rules.

What somebody edited there by hand, or made themselves under our name, is shown and left alone
until they say that it may be taken over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scoreback.deployment import AlertRule, Found, Resource, Standing
from scoreback.errors import SiemRefused
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.promotion import OURS_TO_CHANGE, PATIENCE, rule_of, stored_artifact
from scoreback.service.state.audit import AuditEntry, record
from scoreback.service.state.versions import Versions

RULE = "alert_rule"


class Action(StrEnum):
    """What `apply` does about something, in the words of a table."""

    CREATE = "create"
    UPDATE = "update"
    NOTHING = "nothing"
    EDITED = "edited by hand"
    FOREIGN = "somebody else's"


_ACTIONS = {
    Standing.ABSENT: Action.CREATE,
    Standing.OUTDATED: Action.UPDATE,
    Standing.CURRENT: Action.NOTHING,
    Standing.EDITED: Action.EDITED,
    Standing.FOREIGN: Action.FOREIGN,
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is wanted in the SIEM, and how it stands there."""

    wanted: AlertRule | Resource
    found: Found
    done: bool = False  # it was created or replaced just now

    @property
    def kind(self) -> str:
        """What it is, in the SIEM's words."""
        return RULE if isinstance(self.wanted, AlertRule) else self.wanted.kind

    @property
    def action(self) -> Action:
        """What `apply` does about it."""
        return _ACTIONS[self.found.standing]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a connection and some detectors want in the SIEM."""

    items: tuple[Item, ...]
    not_scoring: tuple[str, ...]  # detectors without a version that scores: no rule yet

    @property
    def todo(self) -> tuple[Item, ...]:
        """What does not stand as wanted."""
        return tuple(i for i in self.items if not i.done and i.action != Action.NOTHING)


def plan(app: App, detectors: Iterable[Detector]) -> Plan:
    """What stands how; changes nothing.

    Raises:
        ArtifactError: the champion of a detector is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    items = [_item(app, resource) for resource in app.connector.resources()]
    not_scoring = []
    for detector in detectors:
        rule = _rule(app, detector)
        if rule is None:
            not_scoring.append(detector.name)
        else:
            items.append(_item(app, rule))
    return Plan(tuple(items), tuple(not_scoring))


def apply(
    app: App, detectors: Iterable[Detector], *, take_over: bool, by: str, at: datetime
) -> Plan:
    """Create what is absent and bring up to date what is ours; again, and nothing changes.

    Args:
        app: the open workspace.
        detectors: whose rules.
        take_over: replace what was edited by hand or is somebody else's, too.
        by: who does it, for the audit log.
        at: when.

    Raises:
        StateError: another process works on one of the detectors.
        SiemRefused: a right is missing; what was changed before stands, and is in the audit log.
    """
    items = [
        _applied(app, resource, "", take_over, by, at) for resource in app.connector.resources()
    ]
    not_scoring = []
    for detector in detectors:
        # Under the lock nobody promotes another version between looking and applying.
        with app.state.lock(detector.name, wait=PATIENCE):
            rule = _rule(app, detector)
            if rule is None:
                not_scoring.append(detector.name)
            else:
                items.append(_applied(app, rule, detector.name, take_over, by, at))
    return Plan(tuple(items), tuple(not_scoring))


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing of ours in the SIEM, and why it stays, if it does."""

    kind: str
    name: str
    what: str | Resource
    stays: str = ""


def removable(
    app: App, detectors: Sequence[str], *, everything: bool, with_data: bool
) -> list[Removal]:
    """What `remove` would take out of the SIEM, in that order; changes nothing.

    Args:
        app: the open workspace.
        detectors: names of those whose rules go.
        everything: the rules of all detectors of the workspace go, then what the connection needs.
        with_data: also what holds data.
    """
    names = sorted({*detectors, *(Versions(app.state).detectors() if everything else ())})
    found = [_removable_rule(app, name) for name in names]
    if everything:
        found += [
            _removable_resource(app, resource, with_data)
            for resource in reversed(app.connector.resources())
        ]
    return [removal for removal in found if removal is not None]


def remove(app: App, removals: Iterable[Removal], *, by: str, at: datetime) -> list[Removal]:
    """Take each out of the SIEM, unless it stays; what the SIEM keeps is returned as staying.

    Raises:
        StateError: another process works on one of the detectors.
    """
    return [removal if removal.stays else _removed(app, removal, by, at) for removal in removals]


def _rule(app: App, detector: Detector) -> AlertRule | None:
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return None
    return rule_of(detector, champion, stored_artifact(app, detector.name, champion))


def _item(app: App, wanted: AlertRule | Resource) -> Item:
    return Item(wanted, app.connector.standing(wanted))


def _applied(
    app: App, wanted: AlertRule | Resource, detector: str, take_over: bool, by: str, at: datetime
) -> Item:
    item = _item(app, wanted)
    ours = item.found.standing in OURS_TO_CHANGE
    if item.action == Action.NOTHING or not (ours or take_over):
        return item
    app.connector.apply(wanted)
    action = "apply" if ours else "take_over"
    _log(app, action, item.kind, wanted.name, detector, by, at)
    return Item(wanted, item.found, done=True)


def _removable_rule(app: App, name: str) -> Removal | None:
    there = app.connector.current(name)
    if there is None:
        return None
    foreign = app.connector.standing(there).standing == Standing.FOREIGN
    return Removal(RULE, name, name, stays="it is somebody else's" if foreign else "")


def _removable_resource(app: App, resource: Resource, with_data: bool) -> Removal | None:
    standing = app.connector.standing(resource).standing
    if standing == Standing.ABSENT:
        return None
    stays = ""
    if standing == Standing.FOREIGN:
        stays = "it is somebody else's"
    elif resource.holds_data and not with_data:
        stays = "it holds data: --with-data removes it"
    return Removal(resource.kind, resource.name, resource, stays)


def _removed(app: App, removal: Removal, by: str, at: datetime) -> Removal:
    is_rule = isinstance(removal.what, str)
    detector = removal.name if is_rule else ""
    try:
        if is_rule:
            with app.state.lock(detector, wait=PATIENCE):
                app.connector.remove(removal.what)
        else:
            app.connector.remove(removal.what)
    except SiemRefused as error:  # a template that data still use, say: the rest can go
        return Removal(removal.kind, removal.name, removal.what, stays=error.message)
    _log(app, "remove", removal.kind, removal.name, detector, by, at)
    return removal


def _log(app: App, action: str, kind: str, name: str, detector: str, by: str, at: datetime) -> None:
    entry = AuditEntry(
        at=at,
        actor=by,
        action=action,
        detector=detector,
        detail={"connection": app.connector.name, "kind": kind, "name": name},
    )
    with app.state.database.writes() as connection:
        record(connection, entry)
