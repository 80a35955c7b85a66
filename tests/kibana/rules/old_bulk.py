"""``_bulk_create``, ``_bulk_update`` and ``_bulk_delete``, which 9.0 took away.

The answer is 200 with a list: a rule for each that went well, an error for each that did not.
"""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.rules.endpoints import RULES, WRITES, kept
from tests.kibana.rules.schema import Body, needs_one_id
from tests.kibana.rules.store import Rules
from tests.kibana.versions import Version

router = Router()


def _has_them(version: Version) -> bool:
    return version.old_bulk_routes


def _each(call: Call, act: Callable[[Rules, Body], Body]) -> Response:
    given = call.json()
    if not isinstance(given, list):
        raise Refusal(400, "[request body]: Expected array")
    results: list[Any] = []
    for one in given:
        try:
            with call.simulator.lock:
                results.append(act(call.kept(Rules), one))
        except DetectionRefusal as refused:
            results.append(
                {
                    **{name: one[name] for name in ("id", "rule_id") if name in one},
                    "error": {"status_code": refused.status, "message": refused.message},
                }
            )
    return call.answer(results)


@router.on("POST", f"{RULES}/_bulk_create", privileges=WRITES, when=_has_them)
def create(call: Call) -> Response:
    """Make rules."""
    return _each(
        call, lambda rules, one: rules.create(kept(call, one), call.user, call.now).shown()
    )


@router.on("PUT PATCH", f"{RULES}/_bulk_update", privileges=WRITES, when=_has_them)
def update(call: Call) -> Response:
    """Replace or patch rules."""

    def act(rules: Rules, one: Body) -> Body:
        needs_one_id(one)
        rule = rules.named(one)
        if call.method == "PUT":
            rules.replace(rule, kept(call, one), call.user, call.now)
        else:
            kind = str(rule.body["type"])
            rules.patch(rule, kept(call, one, known_type=kind), call.user, call.now)
        return rule.shown()

    return _each(call, act)


@router.on("DELETE POST", f"{RULES}/_bulk_delete", privileges=WRITES, when=_has_them)
def remove(call: Call) -> Response:
    """Remove rules."""

    def act(rules: Rules, one: Body) -> Body:
        needs_one_id(one)
        rule = rules.named(one)
        rules.remove(rule)
        return rule.shown()

    return _each(call, act)
