"""``/api/alerting/rule``: the same rules as the alerting framework sees them: muted, snoozed.

Snoozing and muting keep actions back. Alerts are written all the same.
"""

import uuid
from typing import Any

from starlette.responses import Response

from tests.kibana import times
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.rules.store import Rule, Rules

router = Router()
_RULE = "/api/alerting/rule/{id}"


def _found(call: Call) -> Rule:
    rule = call.kept(Rules).found(object_id=call.parts["id"])
    if rule is None:
        raise Refusal(404, f"Saved object [alert/{call.parts['id']}] not found")
    return rule


@router.on("GET", _RULE, privileges=("rules-read",))
def read(call: Call) -> Response:
    """The rule with its schedules of silence."""
    rule = _found(call)
    shown: dict[str, Any] = {
        "id": rule.id,
        "name": rule.body["name"],
        "tags": rule.body["tags"],
        "enabled": rule.body["enabled"],
        "consumer": "siem",
        "rule_type_id": f"siem.{rule.body['type']}Rule",
        "schedule": {"interval": rule.body["interval"]},
        "params": rule.body,
        "revision": rule.body["revision"],
        "mute_all": rule.muted,
        "muted_alert_ids": [],
        "snooze_schedule": rule.snoozed,
        "api_key_owner": rule.run_as.username,
        "api_key_created_by_user": rule.run_as.key_id is not None,
    }
    return call.answer(shown)


@router.on("POST", f"{_RULE}/_mute_all", privileges=("rules-all",))
def mute(call: Call) -> Response:
    """Keep all actions back."""
    _found(call).muted = True
    return Response(status_code=204)


@router.on("POST", f"{_RULE}/_unmute_all", privileges=("rules-all",))
def unmute(call: Call) -> Response:
    """Let actions be taken again."""
    rule = _found(call)
    rule.muted, rule.snoozed = False, []
    return Response(status_code=204)


@router.on("POST", f"{_RULE}/snooze_schedule", privileges=("rules-all",))
def snooze(call: Call) -> Response:
    """Keep actions back for a time."""
    rule = _found(call)
    custom = (call.given().get("schedule") or {}).get("custom") or {}
    try:
        start = times.seconds_of(custom["start"])
        length = times.duration(custom["duration"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise Refusal(400, "[request body.schedule.custom]: invalid schedule") from wrong
    schedule = {"id": str(uuid.uuid4()), "custom": custom}
    rule.snoozed.append({"id": schedule["id"], "from": start, "until": start + length})
    return call.answer({"schedule": schedule})


@router.on("DELETE", f"{_RULE}/snooze_schedule/{{schedule}}", privileges=("rules-all",))
def unsnooze(call: Call) -> Response:
    """Forget a schedule of silence."""
    rule = _found(call)
    rule.snoozed = [one for one in rule.snoozed if one["id"] != call.parts["schedule"]]
    return Response(status_code=204)


def silent(rule: Rule, now: float) -> bool:
    """Whether a rule's actions are kept back now."""
    return rule.muted or any(one["from"] <= now < one["until"] for one in rule.snoozed)
