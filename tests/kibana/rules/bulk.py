"""``_bulk_action``: many rules at once, each of which may fail for itself.

Traps that are Kibana's: ``ids`` are object ids, never ``rule_id``; if one rule fails the answer is
500 though the others were changed; a dry run answers empty results; an edit that changes nothing is
``skipped``; in some versions enabling and disabling is refused even to a superuser.
"""

import copy
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call, Router, ndjson
from tests.kibana.rules import searching, transfer
from tests.kibana.rules.edits import EditFailed, edited
from tests.kibana.rules.endpoints import READS, RULES
from tests.kibana.rules.schema import Body, derived
from tests.kibana.rules.store import Rule, Rules

router = Router()
_ACTIONS = ("enable", "disable", "delete", "duplicate", "export", "edit", "run", "fill_gaps")
_MOST_IDS = 100
_DENIED = "USER_INSUFFICIENT_RULE_PRIVILEGES"


class _Failed(Exception):
    """One rule could not be acted on."""

    def __init__(self, message: str, code: str | None = None, status: int = 500) -> None:
        self.code, self.status = code, status
        super().__init__(message)


class _Outcome:
    """What became of each rule."""

    def __init__(self) -> None:
        self.updated: list[Body] = []
        self.created: list[Body] = []
        self.deleted: list[Body] = []
        self.skipped: list[Body] = []
        self.errors: dict[str, Body] = {}

    def failed(self, message: str, rule: Body, code: str | None, status: int) -> None:
        """Note a failure; those of the same message are told together."""
        error = self.errors.setdefault(
            message, {"message": message, "status_code": status, "rules": []}
        )
        if code is not None:
            error["err_code"] = code
        error["rules"].append(rule)

    def response(self, call: Call, *, dry: bool) -> Response:
        """The answer; 500 if anything failed."""
        failed = sum(len(error["rules"]) for error in self.errors.values())
        succeeded = len(self.updated) + len(self.created) + len(self.deleted)
        total = failed + succeeded + len(self.skipped)
        summary = {
            "failed": failed,
            "succeeded": succeeded,
            "skipped": len(self.skipped),
            "total": total,
        }
        results: dict[str, list[Body]] = {
            name: [] if dry else getattr(self, name)
            for name in ("updated", "created", "deleted", "skipped")
        }
        attributes: Body = {"results": results, "summary": summary}
        if not failed:
            body = {"success": True, "rules_count": total, "attributes": attributes}
            return call.answer(body)
        attributes["errors"] = list(self.errors.values())
        message = "Bulk edit partially failed" if succeeded else "Bulk edit failed"
        return call.answer({"message": message, "status_code": 500, "attributes": attributes}, 500)


@router.on("POST", f"{RULES}/_bulk_action", privileges=READS)
def act(call: Call) -> Response:
    """Act on the rules that ``ids`` or ``query`` select."""
    given, dry = call.given(), call.flag("dry_run")
    action = given.get("action")
    if action not in _ACTIONS or (action == "fill_gaps" and not call.version.gap_actions):
        names = " | ".join(f"'{name}'" for name in _ACTIONS)
        raise Refusal(400, f"[request body]: action: Invalid discriminator value. Expected {names}")
    ids, query = given.get("ids"), given.get("query")
    if ids is not None and len(ids) > _MOST_IDS:
        raise DetectionRefusal(400, f"More than {_MOST_IDS} ids sent for bulk edit action.")
    if ids is not None and query is not None:
        raise DetectionRefusal(
            400,
            "Both query and ids are sent. Define either ids or query in request payload.",
        )
    if action == "export":
        if dry:
            raise DetectionRefusal(400, "Export action doesn't support dry_run mode")
        rules = call.kept(Rules)
        chosen = [rules.by_id[one] for one in ids if one in rules.by_id] if ids is not None else (
            searching.selected(rules, query)
        )  # fmt: skip
        return ndjson(transfer.exported(call, chosen, []), "rules_export.ndjson")
    call.require("rules-all")
    if action == "edit" and not given.get("edit"):
        raise Refusal(400, "[request body]: edit: Array must contain at least 1 element(s)")
    with call.simulator.lock:
        return _acted(call, action, given, dry=dry)


def _acted(call: Call, action: str, given: Body, *, dry: bool) -> Response:
    rules, outcome = call.kept(Rules), _Outcome()
    chosen: list[Rule] = []
    if given.get("ids") is not None:
        for one in given["ids"]:
            if one in rules.by_id:
                chosen.append(rules.by_id[one])
            else:
                outcome.failed("Rule not found", {"id": one}, None, 500)
    else:
        chosen = searching.selected(rules, given.get("query"))
    acts: dict[str, Callable[[Rule], None]] = {
        "enable": lambda rule: _toggle(call, rule, outcome, on=True, dry=dry),
        "disable": lambda rule: _toggle(call, rule, outcome, on=False, dry=dry),
        "delete": lambda rule: _delete(rules, rule, outcome, dry=dry),
        "duplicate": lambda rule: _duplicate(call, rules, rule, outcome, dry=dry),
        "edit": lambda rule: _edit(call, rules, rule, given["edit"], outcome, dry=dry),
        "run": lambda rule: _run(call, rule, outcome, "run"),
        "fill_gaps": lambda rule: _run(call, rule, outcome, "fill gaps for"),
    }
    for rule in chosen:
        named = {"id": rule.id, "name": rule.body["name"]}
        fault = call.simulator.faults.take(
            "bulk_fails", call.method, call.path, rule_id=rule.rule_id
        )
        if fault is not None:
            outcome.failed(str(fault.get("text", "something went wrong")), named, None, 500)
            continue
        try:
            acts[action](rule)
        except _Failed as failed:
            outcome.failed(str(failed), named, failed.code, failed.status)
    return outcome.response(call, dry=dry)


def _toggle(call: Call, rule: Rule, outcome: _Outcome, *, on: bool, dry: bool) -> None:
    if not call.version.toggle_by_patch:
        word = "enable" if on else "disable"
        raise _Failed(f"User does not have permission to {word} rules", _DENIED)
    if not dry and rule.body["enabled"] is not on:
        whole = {**copy.deepcopy(rule.body), "enabled": on}
        call.kept(Rules).change(rule, whole, rule.run_as, call.now)
    outcome.updated.append(rule.shown())


def _delete(rules: Rules, rule: Rule, outcome: _Outcome, *, dry: bool) -> None:
    outcome.deleted.append(rule.shown())
    if not dry:
        rules.remove(rule)


def _duplicate(call: Call, rules: Rules, rule: Rule, outcome: _Outcome, *, dry: bool) -> None:
    body = copy.deepcopy(rule.body)
    for name in ("id", "rule_id", "version", "revision"):
        body.pop(name, None)
    fields = [{"name": f["name"], "type": f["type"]} for f in body["required_fields"]]
    body |= {
        "name": f"{body['name']} [Duplicate]",
        "enabled": False,
        "required_fields": fields,
    }
    if dry:
        outcome.created.append(rule.shown())
        return
    outcome.created.append(rules.create(body, call.user, call.now).shown())


def _edit(
    call: Call, rules: Rules, rule: Rule, edits: list[Any], outcome: _Outcome, *, dry: bool
) -> None:
    try:
        body = edited(copy.deepcopy(rule.body), edits, platinum=call.simulator.platinum)
    except EditFailed as wrong:
        raise _Failed(str(wrong)) from wrong
    if body == rule.body:
        skipped = {"id": rule.id, "name": rule.body["name"], "skip_reason": "RULE_NOT_MODIFIED"}
        outcome.skipped.append(skipped)
        return
    if not dry:
        fields = [{"name": f["name"], "type": f["type"]} for f in body["required_fields"]]
        whole = {**body, "required_fields": fields}
        rules.change(rule, {**whole, **derived(whole)}, call.user, call.now)
    outcome.updated.append(rule.shown())


def _run(call: Call, rule: Rule, outcome: _Outcome, word: str) -> None:
    if not call.version.toggle_by_patch:
        raise _Failed(f"User does not have permission to {word} rules", _DENIED)
    if not rule.body["enabled"]:
        raise _Failed("Cannot schedule manual rule run for a disabled rule", "MANUAL_RULE_RUN_"
                      "DISABLED_RULE")  # fmt: skip
    rule.next_run = call.now
    outcome.updated.append(rule.shown())
