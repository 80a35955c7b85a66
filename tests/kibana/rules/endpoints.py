"""``/api/detection_engine/rules``: a rule is made, read, replaced, patched, removed, found."""

import json
from collections.abc import Callable
from typing import TypeVar

from starlette.responses import Response

from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.rules import searching
from tests.kibana.rules.checks import Report
from tests.kibana.rules.schema import Body, checked, needs_one_id, refuse_unfit
from tests.kibana.rules.store import Rule, Rules

router = Router()
RULES = "/api/detection_engine/rules"
READS, WRITES = ("rules-read",), ("rules-all",)
_MOST_AT_ONCE = 10_000
T = TypeVar("T")


def kept(call: Call, body: Body, *, known_type: str | None = None) -> Body:
    """What Kibana takes of a request body.

    Raises:
        Refusal: The body is wrong (400).
    """
    report = Report()
    cleaned = checked(body, call.version, report, known_type=known_type)
    report.refuse()
    call.simulator.stripped += [(call.path, name) for name in report.stripped]
    refuse_unfit(cleaned)
    return cleaned


def locked(call: Call, act: Callable[[Rules], T]) -> T:
    """Do something with the space's rules that nobody else comes between."""
    with call.simulator.lock:
        return act(call.kept(Rules))


@router.on("POST", RULES, privileges=WRITES)
def create(call: Call) -> Response:
    """Make a rule."""
    body = kept(call, call.given())
    rule = locked(call, lambda rules: rules.create(body, call.user, call.now))
    return call.answer(rule.shown())


@router.on("GET", RULES, privileges=READS)
def read(call: Call) -> Response:
    """The rule that ``id`` or ``rule_id`` names."""
    needs_one_id(dict(call.query))
    return call.answer(locked(call, lambda rules: rules.named(dict(call.query)).shown()))


@router.on("PUT", RULES, privileges=WRITES)
def replace(call: Call) -> Response:
    """Replace a rule: what is not given goes back to its default."""
    given = call.given()
    body = kept(call, given)
    needs_one_id(given)

    def act(rules: Rules) -> Body:
        rule = rules.named(body)
        rules.replace(rule, body, call.user, call.now)
        return rule.shown()

    return call.answer(locked(call, act))


@router.on("PATCH", RULES, privileges=READS)
def patch(call: Call) -> Response:
    """Change some fields of a rule."""
    given = call.given()
    needs_one_id(given)
    call.require(*WRITES)

    def act(rules: Rules) -> Body:
        rule = rules.named(given)
        body = kept(call, given, known_type=str(rule.body["type"]))
        if body.get("enabled") is not None and not call.version.toggle_by_patch:
            raise DetectionRefusal(
                403,
                "The current user does not have the permissions to edit the following fields: "
                "enabled",
            )
        rules.patch(rule, body, call.user, call.now)
        return rule.shown()

    return call.answer(locked(call, act))


@router.on("DELETE", RULES, privileges=WRITES)
def remove(call: Call) -> Response:
    """Remove a rule, and answer what it was."""
    needs_one_id(dict(call.query))

    def act(rules: Rules) -> Rule:
        rule = rules.named(dict(call.query))
        rules.remove(rule)
        return rule

    return call.answer(locked(call, act).shown())


@router.on("GET", f"{RULES}/_find", privileges=READS)
def find(call: Call) -> Response:
    """A page of rules."""
    page, size = call.number("page", 1, 1), call.number("per_page", 20)
    if page * size > _MOST_AT_ONCE:
        raise DetectionRefusal(400, "The number of rules to be found is limited to 10000")
    query = call.query.get("filter")

    def act(rules: Rules) -> list[Rule]:
        return searching.ordered(
            searching.selected(rules, query),
            call.query.get("sort_field"),
            call.query.get("sort_order"),
        )

    rules = locked(call, act)
    shown = rules[(page - 1) * size : page * size]
    names = [name for given in call.lists.get("fields", ()) for name in _listed(given)]
    data = [rule.shown() for rule in shown]
    if names:
        data = [{k: v for k, v in rule.items() if k in {*names, "id", "rule_id"}} for rule in data]
    return call.answer({"page": page, "perPage": size, "total": len(rules), "data": data})


@router.on("GET", "/api/detection_engine/tags", privileges=READS)
def tags(call: Call) -> Response:
    """The tags of all rules."""
    rules = call.kept(Rules).by_id.values()
    return call.answer(sorted({tag for rule in rules for tag in rule.body["tags"]}))


def _listed(given: str) -> list[str]:
    if not given.startswith("["):
        return given.split(",")
    try:
        return list(json.loads(given))
    except ValueError as wrong:
        raise Refusal(400, "[request query]: fields: Expected array") from wrong
