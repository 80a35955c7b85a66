"""``_import`` and ``_export``: rules with their exception lists, as lines of JSON.

An import answers 200 even where each rule failed: ``success`` and ``errors`` tell. Rules that were
taken are counted and not listed.
"""

import json
from collections import Counter
from typing import Any

from starlette.responses import Response

from tests.kibana.exceptions.store import Lists
from tests.kibana.exceptions.transfer import exported_lists, imported_lists
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.routing import Call, Router, ndjson
from tests.kibana.rules.checks import Report
from tests.kibana.rules.endpoints import READS, RULES, WRITES
from tests.kibana.rules.schema import Body, checked, refuse_unfit
from tests.kibana.rules.store import Rule, Rules

router = Router()
_NOT_SENT = ("execution_summary",)
_FROM_SERVER = {
    "created_at", "created_by", "updated_at", "updated_by", "revision", "immutable",
    "rule_source", "execution_summary",
}  # fmt: skip


@router.on("POST", f"{RULES}/_export", privileges=READS)
def export(call: Call) -> Response:
    """The rules that the body names by ``rule_id``, or all."""
    name = call.query.get("file_name", "export.ndjson")
    rules, missing = call.kept(Rules), []
    chosen = list(rules.by_id.values())
    if call.body and (objects := call.given().get("objects")) is not None:
        chosen = []
        for one in objects:
            rule = rules.found(one["rule_id"])
            if rule is None:
                missing.append(one["rule_id"])
            else:
                chosen.append(rule)
    lines = exported(call, chosen, missing)
    return ndjson(lines[:-1] if call.flag("exclude_export_details") else lines, name)


def exported(call: Call, chosen: list[Rule], missing: list[str]) -> list[Body]:
    """The lines of an export; the last one counts the others."""
    rules = [
        {key: value for key, value in rule.shown().items() if key not in _NOT_SENT}
        for rule in chosen
    ]
    lists, items = exported_lists(call, [ref for rule in rules for ref in rule["exceptions_list"]])
    return [
        *rules,
        *lists,
        *items,
        {
            "exported_count": len(rules) + len(lists) + len(items),
            "exported_rules_count": len(rules),
            "missing_rules": [{"rule_id": rule_id} for rule_id in missing],
            "missing_rules_count": len(missing),
            "exported_exception_list_count": len(lists),
            "exported_exception_list_item_count": len(items),
            "missing_exception_list_item_count": 0,
            "missing_exception_list_items": [],
            "missing_exception_lists": [],
            "missing_exception_lists_count": 0,
            "exported_action_connector_count": 0,
            "missing_action_connection_count": 0,
            "missing_action_connections": [],
            "excluded_action_connection_count": 0,
            "excluded_action_connections": [],
        },
    ]


@router.on("POST", f"{RULES}/_import", privileges=WRITES, largest=10_485_760)
def take(call: Call) -> Response:
    """Take rules and exception lists out of a file."""
    name, content = call.file()
    if not name.endswith(".ndjson"):
        raise DetectionRefusal(400, f"Invalid file extension .{name.rpartition('.')[2]}")
    found = _sorted(content)
    with call.simulator.lock:
        listed, list_errors = imported_lists(
            call, found.lists, found.items, overwrite=call.flag("overwrite_exceptions")
        )
        errors = found.errors + _duplicates(found.rules)
        taken, more = _imported(call, found.rules, overwrite=call.flag("overwrite"))
    errors += more
    return call.answer(
        {
            "success": not errors,
            "success_count": taken,
            "rules_count": len(found.rules) + len(found.errors),
            "errors": errors,
            "exceptions_errors": list_errors,
            "exceptions_success": not list_errors,
            "exceptions_success_count": listed,
            "action_connectors_success": True,
            "action_connectors_success_count": 0,
            "action_connectors_errors": [],
            "action_connectors_warnings": [],
        }
    )


class _Found:
    """What the lines of a file are."""

    def __init__(self) -> None:
        self.rules: list[Body] = []
        self.lists: list[Body] = []
        self.items: list[Body] = []
        self.errors: list[Body] = []


def _sorted(content: bytes) -> _Found:
    found = _Found()
    for line in content.decode(errors="replace").splitlines():
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as wrong:
            found.errors.append(_error(None, 400, str(wrong)))
            continue
        if not isinstance(one, dict) or "exported_count" in one:
            continue
        if "item_id" in one:
            found.items.append(one)
        elif "list_id" in one:
            found.lists.append(one)
        elif one.get("type") == "action" and "attributes" in one:
            continue  # connectors are not simulated
        else:
            found.rules.append(one)
    return found


def _duplicates(rules: list[Body]) -> list[Body]:
    """Rules that the file has twice: the last one is taken, and Kibana complains."""
    counted = Counter(rule.get("rule_id") for rule in rules if rule.get("rule_id"))
    return [
        _error(rule_id, 400, f'More than one rule with rule-id: "{rule_id}" found')
        for rule_id, count in counted.items()
        if count > 1
    ]


def _error(rule_id: Any, status: int, message: str) -> Body:  # noqa: ANN401
    return {
        "rule_id": rule_id or "(unknown id)",
        "error": {"status_code": status, "message": message},
    }


def _imported(call: Call, given: list[Body], *, overwrite: bool) -> tuple[int, list[Body]]:
    """How many rules were taken, and what was wrong with the others."""
    latest = {rule.get("rule_id") or id(rule): rule for rule in given}
    errors: list[Body] = []
    taken = 0
    stops = call.simulator.faults.take("import_stops", call.method, call.path)
    for one in latest.values():
        if stops is not None and taken >= int(stops.get("rules", 1)):
            raise DetectionRefusal(500, "Internal Server Error")
        try:
            errors += _take(call, one, overwrite=overwrite)
        except DetectionRefusal as refused:
            errors.append(_error(one.get("rule_id"), refused.status, str(refused.message)))
            continue
        taken += 1
    return taken, errors


def _take(call: Call, given: Body, *, overwrite: bool) -> list[Body]:
    """Take one rule; what was amiss with it though it was taken."""
    report = Report()
    if not given.get("rule_id"):
        report.wrong("rule_id", "Required")
    fields = {key: value for key, value in given.items() if key not in _FROM_SERVER}
    if isinstance(fields.get("required_fields"), list):
        fields["required_fields"] = [
            {key: value for key, value in one.items() if key != "ecs"}
            for one in fields["required_fields"]
        ]
    body = checked(fields, call.version, report)
    if report.errors:
        raise DetectionRefusal(400, report.message())
    call.simulator.stripped += [(call.path, name) for name in report.stripped]
    refuse_unfit(body)
    rules, lists = call.kept(Rules), call.kept(Lists)
    errors = []
    for reference in list(body.get("exceptions_list") or ()):
        if lists.found(reference["list_id"]) is None:
            body["exceptions_list"].remove(reference)
            errors.append(
                _error(
                    given["rule_id"],
                    400,
                    f'Rule with rule_id: "{given["rule_id"]}" references a non existent exception '
                    f'list of list_id: "{reference["list_id"]}". Reference has been removed.',
                )
            )
    rule = rules.found(body["rule_id"])
    if rule is None:
        rules.create(body, call.user, call.now)
    elif overwrite:
        rules.replace(rule, body, call.user, call.now)
    else:
        raise DetectionRefusal(409, f'rule_id: "{body["rule_id"]}" already exists')
    return errors
