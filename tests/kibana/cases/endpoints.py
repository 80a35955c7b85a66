"""``/api/cases``: cases are opened, closed, commented on, and given alerts.

A closing reason (9.4) goes to the case's alerts and is not kept with the case itself.
"""

import json

from starlette.responses import Response

from tests.kibana import closing_reasons
from tests.kibana.cases import alerts as case_alerts
from tests.kibana.cases.comments import forget, person
from tests.kibana.cases.store import Case, Cases
from tests.kibana.objects.store import Json
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.times import iso, seconds_of

router = Router()
_BASE = "/api/cases"
_READS, _WRITES = ("cases-read",), ("cases-all",)
_OWNERS = ("cases", "observability", "securitySolution")
_SEVERITIES = ("low", "medium", "high", "critical")
_MOST_PATCHED, _LONGEST_TITLE = 100, 160
_MAKING = {
    *("title", "description", "tags", "connector", "settings", "owner", "assignees", "severity"),
    *("category", "customFields"),
}
_CHANGING = {*_MAKING, "id", "version", "status"}


@router.on("POST", _BASE, privileges=_WRITES)
def create(call: Call) -> Response:
    """Open one."""
    given = call.given()
    for name in ("title", "description", "tags", "connector", "settings", "owner"):
        if name not in given:
            raise Refusal(400, f'Invalid value "undefined" supplied to "{name}"')
    _checked(given, _MAKING)
    attributes: Json = {
        "assignees": [],
        "severity": "low",
        "category": None,
        "customFields": [],
        "observables": [],
        **given,
        "status": "open",
        "duration": None,
        "external_service": None,
        "created_at": iso(call.now),
        "created_by": person(call),
        "updated_at": None,
        "updated_by": None,
        "closed_at": None,
        "closed_by": None,
    }
    with call.simulator.lock:
        return call.answer(call.kept(Cases).create(attributes).shown())


@router.on("GET", f"{_BASE}/_find", privileges=_READS)
def find(call: Call) -> Response:
    """A page of them."""
    every = list(call.kept(Cases).all.values())
    found = [case for case in every if _fits(call, case)]
    found.sort(
        key=lambda case: str(case.attributes["created_at"]),
        reverse=call.query.get("sortOrder", "desc") == "desc",
    )
    page, size = call.number("page", 1, 1), call.number("perPage", 20)
    counts = {
        f"count_{status.replace('-', '_')}_cases": sum(
            case.attributes["status"] == status for case in every
        )
        for status in case_alerts.STATUSES
    }
    shown = [case.shown(comments=False) for case in found[(page - 1) * size : page * size]]
    return call.answer(
        {"cases": shown, "page": page, "per_page": size, "total": len(found), **counts}
    )


@router.on("GET", f"{_BASE}/{{case}}", privileges=_READS)
def one(call: Call) -> Response:
    """One, with its comments."""
    return call.answer(call.kept(Cases).get(call.parts["case"]).shown())


@router.on("PATCH", _BASE, privileges=_WRITES)
def update(call: Call) -> Response:
    """Change some; each has to show the newest version of its case."""
    changes = call.given().get("cases")
    if not isinstance(changes, list) or not 1 <= len(changes) <= _MOST_PATCHED:
        raise Refusal(
            400,
            "The length of the field cases is too long or too short: "
            f"1 to {_MOST_PATCHED} are allowed.",
        )
    known = _CHANGING | ({"closeReason"} if call.version.case_close_reason else set())
    for change in changes:
        _checked(change, known)
    named = json.dumps([{"id": one["id"], "version": one["version"]} for one in changes])
    with call.simulator.lock:
        try:
            return call.answer(_changed(call, changes))
        except Refusal as refused:
            refused.message = f"Failed to update case, ids: {named}: Error: {refused.message}"
            raise


@router.on("DELETE", _BASE, privileges=_WRITES)
def delete(call: Call) -> Response:
    """Remove some; their alerts forget them."""
    try:
        ids = json.loads(call.query.get("ids", ""))
    except ValueError:
        ids = call.lists.get("ids")
    if not ids:
        raise Refusal(
            400, "The length of the field ids is too short. Array must be of length >= 1."
        )
    cases = call.kept(Cases)
    with call.simulator.lock:
        for case in [cases.get(one) for one in ids]:
            forget(call, case, {one: index for one, (index, _) in case.alerts.items()})
            del cases.all[case.id]
    return Response(status_code=204)


def _checked(given: Json, known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise Refusal(400, f'invalid keys "{",".join(unknown)}"')
    allowed: dict[str, tuple[str, ...]] = {
        "owner": _OWNERS,
        "severity": _SEVERITIES,
        "status": tuple(case_alerts.STATUSES),
    }
    for name, values in allowed.items():
        if name in given and given[name] not in values:
            raise Refusal(400, f'Invalid value "{given[name]}" supplied to "{name}"')
    if len(str(given.get("title", ""))) > _LONGEST_TITLE:
        raise Refusal(
            400,
            f"The length of the title is too long. The maximum length is {_LONGEST_TITLE}.",
        )
    settings = given.get("settings", {"syncAlerts": True})
    if not isinstance(settings, dict) or not isinstance(settings.get("syncAlerts"), bool):
        raise Refusal(400, 'Invalid value "undefined" supplied to "settings,syncAlerts"')


def _fits(call: Call, case: Case) -> bool:
    has = case.attributes
    for name in ("status", "severity", "owner", "category"):
        wanted = call.lists.get(name)
        if wanted and has[name] not in wanted:
            return False
    tags = call.lists.get("tags")
    if tags and not set(tags) & set(has["tags"]):
        return False
    for name, sign in (("from", 1), ("to", -1)):
        if name in call.query:
            apart = seconds_of(has["created_at"]) - seconds_of(call.query[name])
            if apart * sign < 0:
                return False
    search = call.query.get("search", "").lower().strip("*")
    return search in f"{has['title']} {has['description']}".lower()


def _changed(call: Call, changes: list[Json]) -> list[Json]:
    cases = call.kept(Cases)
    absent = [one["id"] for one in changes if one["id"] not in cases.all]
    if absent:
        raise Refusal(
            404,
            f"These cases {', '.join(absent)} do not exist. Please check you have the correct ids.",
        )
    stale = [
        one["id"] for one in changes if cases.all[one["id"]].shown()["version"] != one["version"]
    ]
    if stale:
        raise Refusal(
            409,
            f"These cases {', '.join(stale)} have been updated. "
            "Please refresh before saving additional updates.",
        )
    wanted = [(cases.all[one["id"]], _different(cases.all[one["id"]], one)) for one in changes]
    if not any(different for _, different in wanted):
        raise Refusal(406, "All update fields are identical to current version.")
    reasons = [
        _reason(call, case, change) for (case, _), change in zip(wanted, changes, strict=True)
    ]
    shown = []
    for (case, different), reason in zip(wanted, reasons, strict=True):
        if different:
            synced = _written(call, case, different, reason)
            summary = {"updateSummary": {"syncedAlertCount": synced}} if synced else {}
            shown.append({**case.shown(comments=False), **summary})
    return shown


def _different(case: Case, change: Json) -> Json:
    return {
        name: value
        for name, value in change.items()
        if name not in ("id", "version", "closeReason") and case.attributes.get(name) != value
    }


def _reason(call: Call, case: Case, change: Json) -> str | None:
    """The closing reason of a change, if it may be given."""
    reason = change.get("closeReason")
    if reason is None:
        return None
    settings: Json = change.get("settings") or case.attributes["settings"]
    if not settings["syncAlerts"]:
        raise Refusal(
            400, f"Cannot provide a close reason for case {case.id} when sync alerts is disabled."
        )
    if not closing_reasons.known(call, str(reason)):
        raise Refusal(400, f'Invalid close reason: "{reason}"')
    return str(reason)


def _written(call: Call, case: Case, different: Json, reason: str | None) -> int:
    """Change a case and what follows it; return how many alerts followed."""
    now, by = iso(call.now), person(call)
    synced, before = case.syncs, case.attributes["status"]
    status = str(different.get("status", before))
    if status != before:
        closed = status == "closed"
        opened = seconds_of(case.attributes["created_at"])
        different |= {
            "closed_at": now if closed else None,
            "closed_by": by if closed else None,
            "duration": max(0, round(call.now - opened)) if closed else None,
        }
    call.kept(Cases).touch(case, now, by, **different)
    turned_on = case.syncs and not synced
    if not (turned_on or (synced and status != before)):
        return 0
    alerts = {one: index for one, (index, _) in case.alerts.items()}
    return case_alerts.follow(call.simulator.cluster, alerts, status, reason, now)
