"""The rules of a space, in memory: made, changed, removed, with Kibana's counting of revisions."""

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.kibana import times
from tests.kibana.accounts import Principal
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.rules.schema import Body, completed, derived

_OWN = ("id", "rule_id", "revision", "immutable", "rule_source", "created_at", "created_by")
_NO_REVISION = ("enabled", "updated_at", "updated_by", "revision")
"""A change of these alone is no new revision."""


@dataclass
class Rule:
    """A rule, what Kibana keeps beside it, and how its runs went."""

    body: Body
    run_as: Principal
    """Who made or last changed it: its runs have that one's privileges."""
    previous_start: float | None = None
    next_run: float | None = None
    """When it is due; None while it is disabled."""
    summary: Body | None = None
    """Of the last run, as the API shows it."""
    history: list[Body] = field(default_factory=list)
    """Every run: ``at``, ``status``, ``message``, ``created``, ``suppressed``, ``gap``."""
    groups: list[Body] = field(default_factory=list)
    """Groups that alerts were suppressed by, and until when; in later runs they are left out."""
    muted: bool = False
    snoozed: list[Body] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The object's id, which Kibana gives."""
        return str(self.body["id"])

    @property
    def rule_id(self) -> str:
        """The id that its author gave."""
        return str(self.body["rule_id"])

    def shown(self) -> Body:
        """As the API answers it."""
        shown = copy.deepcopy(self.body)
        if self.summary is not None:
            shown["execution_summary"] = copy.deepcopy(self.summary)
        return shown


class Rules:
    """The rules of a space, by object id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Rule] = {}

    def found(self, rule_id: str | None = None, object_id: str | None = None) -> Rule | None:
        """The rule with one of the ids."""
        if object_id is not None:
            return self.by_id.get(object_id)
        return next((rule for rule in self.by_id.values() if rule.rule_id == rule_id), None)

    def named(self, given: Body) -> Rule:
        """The rule that a request names by ``id`` or ``rule_id``.

        Raises:
            DetectionRefusal: There is none (404).
        """
        object_id, rule_id = given.get("id"), given.get("rule_id")
        rule = self.found(rule_id, object_id)
        if rule is None:
            said = f'id: "{object_id}"' if object_id is not None else f'rule_id: "{rule_id}"'
            raise DetectionRefusal(404, f"{said} not found")
        return rule

    def create(self, body: Body, user: Principal, now: float) -> Rule:
        """Keep a new rule.

        Raises:
            DetectionRefusal: Its ``rule_id`` is taken (409).
        """
        rule_id = body.get("rule_id") or str(uuid.uuid4())
        if self.found(rule_id) is not None:
            raise DetectionRefusal(409, f'rule_id: "{rule_id}" already exists')
        moment = times.iso(now)
        given = {key: value for key, value in body.items() if key != "id"}
        whole = completed({**given, "rule_id": rule_id}) | {
            "id": str(uuid.uuid4()),
            "immutable": False,
            "rule_source": {"type": "internal"},
            "revision": 0,
            "created_at": moment,
            "created_by": user.username,
            "updated_at": moment,
            "updated_by": user.username,
        }
        rule = Rule(whole, user, next_run=now if whole["enabled"] else None)
        self.by_id[rule.id] = rule
        return rule

    def replace(self, rule: Rule, body: Body, user: Principal, now: float) -> None:
        """What PUT does: fields that are not given go back to their defaults, but for a few."""
        whole = completed(body)
        whole["enabled"] = body.get("enabled", rule.body["enabled"])
        whole["version"] = body.get("version", rule.body["version"])
        self.change(rule, whole, user, now)

    def patch(self, rule: Rule, body: Body, user: Principal, now: float) -> None:
        """What PATCH does: only the given fields change."""
        given = {key: value for key, value in body.items() if key not in ("id", "throttle")}
        whole = {**rule.body, **given}
        whole["required_fields"] = [
            {"name": one["name"], "type": one["type"]} for one in whole["required_fields"]
        ]
        if given.get("type", rule.body["type"]) != rule.body["type"]:
            whole = completed(whole)
        self.change(rule, {**whole, **derived(whole)}, user, now)

    def change(self, rule: Rule, whole: Body, user: Principal, now: float) -> None:
        """Take over a whole new body; who does it is whom the rule runs as from now on."""
        before = rule.body
        after = {**whole, **{name: before[name] for name in _OWN}}
        if _content(after) != _content(before):
            after["revision"] = before["revision"] + 1
        after["updated_at"], after["updated_by"] = times.iso(now), user.username
        rule.body, rule.run_as = after, user
        if not after["enabled"]:
            rule.next_run = None
        elif not before["enabled"]:
            rule.next_run, rule.previous_start = now, None

    def remove(self, rule: Rule) -> None:
        """Remove a rule; its alerts stay."""
        del self.by_id[rule.id]


def _content(body: Body) -> Any:  # noqa: ANN401
    return {key: value for key, value in body.items() if key not in _NO_REVISION}
