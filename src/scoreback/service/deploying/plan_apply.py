"""Plans changes in the SIEM and makes them: what a connection needs, and alert rules.

What somebody edited there by hand, or created under a name of ours, is shown and left alone until
they say that it may be taken over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from scoreback.deployment import AlertRule, Found, Resource, Standing
from scoreback.errors import SiemRefused
from scoreback.health import OWN
from scoreback.models.detector.spec import Detector
from scoreback.records import audit_rule_name, explore_rule_name
from scoreback.service.app import App
from scoreback.service.deploying.detector_resources import detector_resources
from scoreback.service.deploying.differences import (
    held_back_instead,
    not_delivered,
    not_read,
    overridden_keys,
    refused_overrides,
)
from scoreback.service.deploying.health_rules import health_rules
from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.native_models import pass_gate, why_not_native
from scoreback.service.deploying.reconcile import (
    OURS_TO_CHANGE,
    RULE,
    champions_rules,
    put,
    was_removed,
)
from scoreback.service.in_force.detector import in_force
from scoreback.service.state.audit import AuditEntry, record
from scoreback.service.state.deployed import note_deployed, note_removed
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import CONTROL, PATIENCE


class Action(StrEnum):
    """What `apply` does about an item, in the words of a table."""

    CREATE = "create"
    UPDATE = "update"
    NOTHING = "nothing"
    LATER = "later: the first document creates it"
    RESTORE = "restore, as somebody removed it"
    EDITED = "edited by hand"
    FOREIGN = "somebody else's"


_ACTIONS = {
    Standing.ABSENT: Action.CREATE,
    Standing.OUTDATED: Action.UPDATE,
    Standing.CURRENT: Action.NOTHING,
    Standing.AWAITED: Action.LATER,
    Standing.EDITED: Action.EDITED,
    Standing.FOREIGN: Action.FOREIGN,
}


_NOTHING_TO_DO = (Action.NOTHING, Action.LATER)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is wanted in the SIEM, and its state there."""

    wanted: AlertRule | Resource
    found: Found
    done: bool = False  # created or replaced just now
    removed: bool = False  # somebody removed it from the SIEM

    @property
    def kind(self) -> str:
        """What it is, in the SIEM's words."""
        return RULE if isinstance(self.wanted, AlertRule) else self.wanted.kind

    @property
    def action(self) -> Action:
        """What `apply` does about it."""
        if self.removed:
            return Action.RESTORE
        return _ACTIONS[self.found.standing]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a connection and some detectors need in the SIEM."""

    items: tuple[Item, ...]
    not_scoring: tuple[str, ...]  # detectors without a champion: no rule yet
    notes: tuple[str, ...] = ()  # what files ask for and is not in force, one sentence each

    @property
    def todo(self) -> tuple[Item, ...]:
        """The items that differ from what is wanted."""
        return tuple(i for i in self.items if not i.done and i.action not in _NOTHING_TO_DO)


def plan(app: App, detectors: Iterable[Detector]) -> Plan:
    """Compare the SIEM with what is wanted; changes nothing.

    Raises:
        ArtifactError: the champion of a detector is damaged.
        SiemUnavailable: the SIEM did not answer.
        SiemRefused: the place in the SIEM where all this belongs does not exist.
    """
    _require_place(app)
    items = [_item(app, resource) for resource in _resources(app)]
    not_scoring, notes = list[str](), list[str]()
    for detector in detectors:
        rules = champions_rules(app, detector)
        if not rules:
            not_scoring.append(detector.name)
            continue
        rule = rules[0]
        items += [_item(app, one) for one in detector_resources(app, detector, rule)]
        items += [_item(app, one) for one in rules]
        notes += overridden_keys(app, detector) + refused_overrides(app, detector)
        notes += why_not_native(app, detector, rule.version)
        if app.connector.rules is not None:
            notes += held_back_instead(app, detector)
            notes += not_delivered(in_force(app.state, detector).detector, rule)
            notes += not_read(detector, rule)
    items += [_item(app, rule) for rule in health_rules(app)]
    notes += [limit for item in items for limit in item.found.limits]
    return Plan(tuple(items), tuple(not_scoring), tuple(notes))


def apply(
    app: App, detectors: Iterable[Detector], *, take_over: bool, by: str, at: datetime
) -> Plan:
    """Create what is absent and update what is ours; a second call changes nothing.

    Args:
        app: the open workspace.
        detectors: the detectors whose rules are applied.
        take_over: also replace what was edited by hand or belongs to somebody else.
        by: who applies it, for the audit log.
        at: the time of the change.

    Raises:
        StateError: another process works on one of the detectors.
        SiemRefused: a privilege is missing; changes made before stand, and are in the audit log.
        ParityBroken: a model scores differently in the SIEM, so it does not go there.
    """
    _require_place(app)
    items = [_applied(app, resource, "", take_over, by, at) for resource in _resources(app)]
    not_scoring, detectors = [], list(detectors)
    for detector in detectors:
        # The lock keeps others from promoting another version between looking and applying.
        with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
            rules = champions_rules(app, detector)
            if not rules:
                not_scoring.append(detector.name)
            else:
                needed: list[AlertRule | Resource] = [
                    *detector_resources(app, detector, rules[0]),
                    *rules,
                ]
                items += [_applied(app, one, detector.name, take_over, by, at) for one in needed]
    follow_native(app, detectors, at=at, anew=True)
    with app.state.lock(OWN, CONTROL, wait=PATIENCE):
        items += [_applied(app, rule, "", take_over, by, at) for rule in health_rules(app)]
    return Plan(tuple(items), tuple(not_scoring))


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing of ours in the SIEM, and why it stays if it does."""

    kind: str
    name: str
    what: str | Resource
    stays: str = ""


def removable(
    app: App, detectors: Sequence[str], *, everything: bool, with_data: bool
) -> list[Removal]:
    """What `remove` would delete from the SIEM, in that order; changes nothing.

    Args:
        app: the open workspace.
        detectors: names of the detectors whose rules go.
        everything: the rules of all detectors of the workspace go, then what the connection needs.
        with_data: also remove what holds data.
    """
    names = sorted({*detectors, *(Versions(app.state).detectors() if everything else ())})
    of_health = [rule.name for rule in health_rules(app)] if everything else []
    beside = [rule(name) for rule in (audit_rule_name, explore_rule_name) for name in names]
    found = [_removable_rule(app, name) for name in [*names, *beside, *of_health]]
    found += [
        _removable_resource(app, resource, with_data)
        for resource in reversed([*_resources(app), *_made(app)])
        if everything or resource.detector in names
    ]
    return [removal for removal in found if removal is not None]


def remove(app: App, removals: Iterable[Removal], *, by: str, at: datetime) -> list[Removal]:
    """Remove each from the SIEM unless it stays; return as staying what the SIEM did not let go.

    Raises:
        StateError: another process works on one of the detectors.
    """
    return [removal if removal.stays else _removed(app, removal, by, at) for removal in removals]


def _require_place(app: App) -> None:
    if app.connector.resources is not None:
        app.connector.resources.require_place()


def _resources(app: App) -> Sequence[Resource]:
    door = app.connector.resources
    return () if door is None else door.wanted()


def _made(app: App) -> Sequence[Resource]:
    door = app.connector.resources
    return () if door is None else door.made()


def _item(app: App, wanted: AlertRule | Resource) -> Item:
    found = _standing(app, wanted)
    kind = RULE if isinstance(wanted, AlertRule) else wanted.kind
    return Item(wanted, found, removed=was_removed(app, kind, wanted.name, found))


def _standing(app: App, wanted: AlertRule | Resource) -> Found:
    """The state of *wanted* in the SIEM; current where the SIEM has no door for such things."""
    rules, resources = app.connector.rules, app.connector.resources
    if isinstance(wanted, AlertRule):
        return _NONE if rules is None else rules.standing(wanted)
    return _NONE if resources is None else resources.standing(wanted)


_NONE = Found(standing=Standing.CURRENT)


def _applied(
    app: App, wanted: AlertRule | Resource, detector: str, take_over: bool, by: str, at: datetime
) -> Item:
    item = _item(app, wanted)
    ours = item.found.standing in OURS_TO_CHANGE
    if item.action in _NOTHING_TO_DO or not (ours or take_over):
        return item
    if isinstance(wanted, AlertRule):
        put(app, wanted, at)
    elif app.connector.resources is not None:
        pass_gate(app, wanted)
        app.connector.resources.apply(wanted)
        note_deployed(app.state, app.connector.name, wanted.kind, wanted.name, at)
    action = "apply" if ours else "take_over"
    _log(app, action, item.kind, wanted.name, detector, by, at)
    return replace(item, done=True)


def _removable_rule(app: App, name: str) -> Removal | None:
    door = app.connector.rules
    there = None if door is None else door.current(name)
    if door is None or there is None:
        return None
    foreign = door.standing(there).standing == Standing.FOREIGN
    return Removal(RULE, name, name, stays="it is somebody else's" if foreign else "")


def _removable_resource(app: App, resource: Resource, with_data: bool) -> Removal | None:
    standing = _standing(app, resource).standing
    if standing in (Standing.ABSENT, Standing.AWAITED):
        return None
    stays = ""
    if standing == Standing.FOREIGN:
        stays = "it is somebody else's"
    elif resource.holds_data and not with_data:
        stays = "it holds data: --with-data removes it"
    return Removal(resource.kind, resource.name, resource, stays)


def _removed(app: App, removal: Removal, by: str, at: datetime) -> Removal:
    rules, resources = app.connector.rules, app.connector.resources
    detector = removal.name if isinstance(removal.what, str) else removal.what.detector
    try:
        if isinstance(removal.what, str):
            with app.state.lock(detector, CONTROL, wait=PATIENCE):
                if rules is not None:
                    rules.remove(removal.what)
        elif resources is not None:
            resources.remove(removal.what)
    except SiemRefused as error:  # say, a template that data still use: the others can go
        return Removal(removal.kind, removal.name, removal.what, stays=error.message)
    if isinstance(removal.what, Resource):  # a removed rule stays out until `apply`
        note_removed(app.state, app.connector.name, removal.kind, removal.name)
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
