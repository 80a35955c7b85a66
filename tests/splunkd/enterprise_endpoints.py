"""Endpoints of Enterprise Security: notable_update, findings and investigations, version 2."""

import json
import uuid
from typing import Any

from starlette.responses import Response

from tests.splunkd import enterprise_security as es
from tests.splunkd.messages import JSON, Refusal
from tests.splunkd.routing import Call, Router
from tests.splunkd.scheduling.actions import stash
from tests.splunkd.spl import engine
from tests.splunkd.spl.times import Bounds, instant

router = Router()
_FINDINGS, _INVESTIGATIONS = "public/v2/findings", "public/v2/investigations"


def _there(call: Call) -> None:
    if not call.instance.enterprise_security:
        raise Refusal(404, "Not Found")


def _json(value: Any, status: int = 200) -> Response:  # noqa: ANN401
    return Response(json.dumps(value), status, media_type=JSON)


def _found(call: Call, ids: list[str]) -> list[str]:
    """Those of the findings that are there."""
    rows = engine.start(call.instance, "search index=notable | fields event_id").shown()
    known = {row.get("event_id") for row in rows}
    return [event_id for event_id in ids if event_id in known]


@router.on("POST", "notable_update")
def _update(call: Call) -> Response:
    _there(call)
    call.require("edit_notable_events")
    ids = [i for given in call.lists.get("ruleUIDs", []) for i in given.split(",") if i]
    if call.args.get("searchID"):
        job = call.instance.jobs.get(call.args["searchID"])
        ids += [str(row["event_id"]) for row in job.rows if "event_id" in row]
    if not ids:
        return _json({"success": False, "message": "No ruleUIDs or searchID were given"}, 400)
    status, disposition = call.args.get("status", ""), call.args.get("disposition", "")
    statuses = {r["status"] for r in call.instance.kv.documents(es.APP, "reviewstatuses")}
    if status and status not in statuses:
        return _json({"success": False, "message": f"The status {status} is not valid"}, 400)
    known = {r["disposition"] for r in call.instance.kv.documents(es.APP, "dispositions")}
    if disposition and disposition not in known:
        message = f"The disposition {disposition} is not valid"
        return _json({"success": False, "message": message}, 400)
    there = _found(call, ids)
    for event_id in there:
        es.review(
            call.instance, event_id, call.user.name, status=status, disposition=disposition,
            owner=call.args.get("newOwner", ""), urgency=call.args.get("urgency", ""),
            comment=call.args.get("comment", ""),
        )  # fmt: skip
    lost = len(ids) - len(there)
    return _json(
        {
            "success": bool(there),
            "message": f"{len(there)} event{'s' if len(there) != 1 else ''} updated successfully",
            "success_count": len(there),
            "failure_count": lost,
            "warnings": [],
            "details": {},
        }
    )


@router.on("GET POST", _FINDINGS)
def _findings(call: Call) -> Response:
    _there(call)
    if call.method == "POST":
        call.require("edit_notable_events")
        return _create_finding(call)
    search = "search index=notable | fields *"
    now = call.instance.clock.now()
    earliest, latest = call.args.get("earliest", ""), call.args.get("latest", "")
    bounds = Bounds(instant(earliest, now), instant(latest, now))
    rows = list(engine.start(call.instance, search, bounds=bounds).shown())
    offset, limit = call.number("offset", 0), call.number("limit", 100)
    items = [{"finding_id": row.get("event_id"), **row} for row in rows]
    return _json({"items": items[offset : offset + limit], "total": len(items)})


def _create_finding(call: Call) -> Response:
    given = _body(call)
    missing = [name for name in ("title", "security_domain") if not given.get(name)]
    if missing:
        raise Refusal(400, f"Missing required fields: {', '.join(missing)}")
    now = call.instance.clock.now()
    finding = f"{uuid.uuid4()}@@notable@@time{now:.0f}"
    fields = {str(k): str(v) for k, v in given.items()}
    fields |= {"event_id": finding, "rule_title": str(given["title"]), "search_name": "Manual"}
    call.instance.store.add([stash("notable", {**fields}, "Manual", call.instance.name, now)])
    return _json({"finding_id": finding, "_time": now, **given}, 201)


def _body(call: Call) -> dict[str, Any]:
    try:
        given = json.loads(call.body or b"{}")
    except json.JSONDecodeError:
        raise Refusal(400, "The body is not valid JSON") from None
    if not isinstance(given, dict):
        raise Refusal(400, "The body must be a JSON object")
    return given


@router.on("GET POST", _INVESTIGATIONS)
def _investigations(call: Call) -> Response:
    _there(call)
    kept, now = call.instance.investigations, call.instance.clock.now()
    if call.method == "POST":
        call.require("edit_notable_events")
        given = _body(call)
        if not given.get("name"):
            raise Refusal(400, "Missing required fields: name")
        made = {
            "investigation_guid": str(uuid.uuid4()),
            "investigation_id": f"ES-{len(kept) + 1:05d}",
            "status": "1",
            "disposition": "disposition:6",
            "owner": "unassigned",
            "create_time": now,
            "update_time": now,
            "findings": [],
            **given,
        }
        kept.append(made)
        return _json(made, 201)
    first = instant(call.args.get("create_time_min", ""), now)
    last = instant(call.args.get("create_time_max", ""), now)
    rows = [
        row
        for row in kept
        if (first is None or row["create_time"] >= first)
        and (last is None or row["create_time"] <= last)
    ]
    offset, limit = call.number("offset", 0), call.number("limit", 100)
    return _json(rows[offset : offset + limit])


@router.on("GET POST", f"{_INVESTIGATIONS}/{{name}}")
def _investigation(call: Call) -> Response:
    _there(call)
    wanted = call.parts["name"]
    for row in call.instance.investigations:
        if wanted in (row["investigation_guid"], row["investigation_id"]):
            if call.method == "POST":
                call.require("edit_notable_events")
                row |= {**_body(call), "update_time": call.instance.clock.now()}
            return _json(row)
    raise Refusal(404, f"Investigation not found: {wanted}")


@router.on("POST", f"{_INVESTIGATIONS}/{{name}}/findings")
def _add_findings(call: Call) -> Response:
    _there(call)
    call.require("edit_notable_events")
    given = _body(call).get("finding_ids", [])
    for row in call.instance.investigations:
        if call.parts["name"] in (row["investigation_guid"], row["investigation_id"]):
            row["findings"] += [{"finding_id": each} for each in given]
            row["update_time"] = call.instance.clock.now()
            return _json(row)
    raise Refusal(404, f"Investigation not found: {call.parts['name']}")
