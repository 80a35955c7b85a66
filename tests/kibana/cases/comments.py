"""Comments of cases, and the alerts that are attached by them: ``/api/cases/{id}/comments``."""

from typing import Any

from starlette.responses import Response

from tests.kibana.cases import alerts as case_alerts
from tests.kibana.cases.store import MOST_ALERTS, Case, Cases
from tests.kibana.objects.store import Json
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.times import iso

router = Router()
_BASE = "/api/cases"
_READS, _WRITES = ("cases-read",), ("cases-all",)
_LONGEST_TEXT = 30_000


@router.on("POST", f"{_BASE}/{{case}}/comments", privileges=_WRITES)
def comment(call: Call) -> Response:
    """Write a comment, or attach alerts; the answer is the case."""
    given, cases = call.given(), call.kept(Cases)
    with call.simulator.lock:
        case = cases.get(call.parts["case"])
        if given.get("type") == "alert":
            _attached(call, case, given)
        elif given.get("type") == "user":
            text = given.get("comment")
            if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST_TEXT:
                raise Refusal(400, "The comment field cannot be an empty string.")
            kept: Json = {
                name: given[name] for name in ("type", "comment", "owner") if name in given
            }
            cases.comment(case, kept, iso(call.now), person(call))
        else:
            raise Refusal(400, f'Invalid value "{given.get("type")}" supplied to "type"')
        return call.answer(case.shown())


@router.on("PATCH", f"{_BASE}/{{case}}/comments", privileges=_WRITES)
def rewrite(call: Call) -> Response:
    """Change what a comment says."""
    given, cases = call.given(), call.kept(Cases)
    with call.simulator.lock:
        case = cases.get(call.parts["case"])
        found = case.comments.get(str(given.get("id")))
        if found is None:
            raise Refusal(404, f"This comment {given.get('id')} does not exist anymore.")
        if found.shown()["version"] != given.get("version"):
            raise Refusal(
                409,
                "This case has been updated. Please refresh before saving additional updates.",
            )
        cases.rewrite(found, str(given.get("comment", "")), iso(call.now), person(call))
        return call.answer(case.shown())


@router.on("GET", f"{_BASE}/{{case}}/comments/_find", privileges=_READS)
def find_comments(call: Call) -> Response:
    """A page of the comments of a case."""
    every = list(call.kept(Cases).get(call.parts["case"]).comments.values())
    if call.query.get("sortOrder", "desc") == "desc":
        every.reverse()
    page, size = call.number("page", 1, 1), call.number("perPage", 20)
    shown = [comment.shown() for comment in every[(page - 1) * size : page * size]]
    return call.answer({"comments": shown, "page": page, "per_page": size, "total": len(every)})


@router.on("GET", f"{_BASE}/{{case}}/comments/{{comment}}", privileges=_READS)
def one_comment(call: Call) -> Response:
    """One comment of a case."""
    found = call.kept(Cases).get(call.parts["case"]).comments.get(call.parts["comment"])
    if found is None:
        raise Refusal(404, f"Saved object [cases-comments/{call.parts['comment']}] not found")
    return call.answer(found.shown())


@router.on("DELETE", f"{_BASE}/{{case}}/comments/{{comment}}", privileges=_WRITES)
def delete_comment(call: Call) -> Response:
    """Remove a comment; alerts that it attached forget the case."""
    cases = call.kept(Cases)
    with call.simulator.lock:
        case = cases.get(call.parts["case"])
        found = case.comments.pop(call.parts["comment"], None)
        if found is None:
            raise Refusal(404, f"This comment {call.parts['comment']} does not exist anymore.")
        rest = case.alerts
        forget(call, case, {one: index for one, index in found.alerts if one not in rest})
        cases.touch(case, iso(call.now), person(call))
    return Response(status_code=204)


@router.on("GET", f"{_BASE}/{{case}}/alerts", privileges=_READS)
def alerts(call: Call) -> Response:
    """The alerts of a case."""
    case = call.kept(Cases).get(call.parts["case"])
    return call.answer(
        [{"id": one, "index": index, "attached_at": at} for one, (index, at) in case.alerts.items()]
    )


@router.on("GET", f"{_BASE}/alerts/{{alert}}", privileges=_READS)
def with_alert(call: Call) -> Response:
    """The cases of an alert; none is an empty list."""
    return call.answer(
        [
            {
                "id": case.id,
                "title": case.attributes["title"],
                "description": case.attributes["description"],
                "status": case.attributes["status"],
                "createdAt": case.attributes["created_at"],
                "totals": {
                    "alerts": len(case.alerts),
                    "userComments": case.shown(comments=False)["totalComment"],
                },
            }
            for case in call.kept(Cases).with_alert(call.parts["alert"])
        ]
    )


def person(call: Call) -> Json:
    """Who asks, as cases keep it."""
    return {
        "email": None,
        "full_name": None,
        "username": call.user.name,
        **({"profile_uid": call.profile} if call.profile else {}),
    }


def _attached(call: Call, case: Case, given: Json) -> None:
    ids, indices = _listed(given.get("alertId")), _listed(given.get("index"))
    rule = given.get("rule")
    if not ids or len(ids) != len(indices) or not isinstance(rule, dict):
        raise Refusal(400, "The alert ids and alert indices must be of the same length")
    there = case.alerts
    new = {one: index for one, index in zip(ids, indices, strict=True) if one not in there}
    if len(there) + len(new) > MOST_ALERTS:
        raise Refusal(
            400,
            f"Case has reached the maximum allowed number ({MOST_ALERTS}) of attached alerts.",
        )
    if not new:
        return
    case_alerts.attach(call.simulator.cluster, new, case.id)
    attributes = {
        "type": "alert",
        "alertId": list(new),
        "index": list(new.values()),
        "rule": {"id": rule.get("id"), "name": rule.get("name")},
        "owner": given.get("owner", case.attributes["owner"]),
    }
    call.kept(Cases).comment(case, attributes, iso(call.now), person(call))
    if case.syncs:
        status = case.attributes["status"]
        case_alerts.follow(call.simulator.cluster, new, status, None, iso(call.now))


def forget(call: Call, case: Case, alerts: dict[str, str]) -> None:
    """Take the case out of alerts, by their ids and indices."""
    if alerts:
        case_alerts.detach(call.simulator.cluster, alerts, case.id)


def _listed(value: Any) -> list[str]:  # noqa: ANN401
    if isinstance(value, str):
        return [value]
    return [str(one) for one in value] if isinstance(value, list) else []
