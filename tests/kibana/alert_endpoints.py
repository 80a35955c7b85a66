"""``/api/detection_engine/signals``: alerts are searched, closed, tagged and assigned.

As in Kibana's source: a status is written only where it changes (closing a closed alert with a
reason keeps the old reason), reopening takes the reason away, and the user is a profile's id, which
only people at a browser have: a request with a password or an API key leaves none. ``search``
passes on the fields that its schema has, and ``search_after`` is not one of them.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tests.kibana import alert_updates, alerts_index, closing_reasons
from tests.kibana.alert_updates import Edit, Update
from tests.kibana.cluster import ClusterError
from tests.kibana.refusals import DetectionRefusal, Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.times import iso

router = Router()
STATUSES = ("open", "closed", "acknowledged", "in-progress")
_BASE = "/api/detection_engine/signals"
_PASSED_ON = (
    *("query", "aggs", "_source", "fields", "track_total_hits", "size", "runtime_mappings"),
    "sort",
)
STATUS = "kibana.alert.workflow_status"
REASON = "kibana.alert.workflow_reason"
USER = "kibana.alert.workflow_user"
UPDATED = "kibana.alert.workflow_status_updated_at"
_TAGS = "kibana.alert.workflow_tags"
_ASSIGNEES = "kibana.alert.workflow_assignee_ids"


@router.on("POST", f"{_BASE}/search", privileges=("securitySolution",))
def search(call: Call) -> Response:
    """An Elasticsearch search of the space's alerts."""
    given = call.given()
    _strip(call, given, *_PASSED_ON, "include_attacks")
    _allowed(call, "read")
    body = {name: given[name] for name in _PASSED_ON if name in given}
    if not body.keys() - {"runtime_mappings"}:
        raise DetectionRefusal(400, '"value" must have at least 1 children')
    path = f"/{alerts_index.alias(call.space)}/_search?ignore_unavailable=true"
    try:
        return call.answer(call.simulator.cluster.asked("POST", path, body))
    except ClusterError as refused:
        raise DetectionRefusal(refused.status, str(refused)) from refused


@router.on("POST", f"{_BASE}/status", privileges=("alerts-all",))
def status(call: Call) -> Response:
    """Open, acknowledge or close alerts, by their ids or by a query."""
    given = call.given()
    if "runtime_fields" in given:
        raise DetectionRefusal(400, "runtime_fields need Painless, which a core node has not")
    _strip(call, given, "signal_ids", "query", "conflicts", "status", "reason")
    if given.get("status") not in STATUSES:
        expected = " | ".join(f"'{one}'" for one in STATUSES)
        raise Refusal(
            400,
            f"[request body]: status: Invalid enum value. Expected {expected}, "
            f"received '{given.get('status')}'",
        )
    if "signal_ids" in given:
        query = {"terms": {"_id": _ids(given, "signal_ids")}}
        proceed = False
    elif isinstance(given.get("query"), dict):
        query = given["query"]
        proceed = _conflicts(given) == "proceed"
    else:
        raise Refusal(400, "[request body]: signal_ids: Required, query: Required")
    reason = closing_reasons.checked(call, given)
    wanted = given["status"]
    now = iso(call.now)

    def script(source: Mapping[str, Any]) -> Edit:
        edit = Edit()
        if source.get(STATUS) not in (None, wanted):
            edit.set(STATUS, wanted)
            edit.set(USER, call.profile)
            edit.set(UPDATED, now)
            if reason is not None:
                edit.set(REASON, reason)
            elif REASON in source:
                edit.remove(REASON)
        return edit

    return _updated(call, query, (STATUS, REASON), script, proceed=proceed)


@router.on("POST", f"{_BASE}/tags", privileges=("alerts-all",))
def tags(call: Call) -> Response:
    """Add tags to alerts, and take some away."""
    given = call.given()
    _strip(call, given, "ids", "tags")
    add, remove = _lists(given, "tags", "tags_to_add", "tags_to_remove")
    if not given.get("ids"):
        raise DetectionRefusal(400, "No alert ids were provided")
    both = [one for one in add if one in remove]
    if both:
        raise DetectionRefusal(
            400,
            f"Duplicate tags {_shown(both)} were found in the tags_to_add and tags_to_remove "
            "parameters.",
        )
    query = {"terms": {"_id": _ids(given, "ids")}}
    return _updated(call, query, (_TAGS,), _members(_TAGS, add, remove))


@router.on("POST", f"{_BASE}/assignees", privileges=("alerts-all",))
def assignees(call: Call) -> Response:
    """Assign alerts to users, by their profiles' ids, and take them away from some."""
    given = call.given()
    _strip(call, given, "ids", "assignees")
    add, remove = _lists(given, "assignees", "add", "remove")
    both = [one for one in add if one in remove]
    if both:
        raise DetectionRefusal(
            400,
            f"Duplicate assignees {_shown(both)} were found in the add and remove parameters.",
        )
    query = {"terms": {"_id": _ids(given, "ids")}}
    return _updated(call, query, (_ASSIGNEES,), _members(_ASSIGNEES, add, remove))


@router.on("POST", "/api/detection_engine/index", privileges=("securitySolution",))
def make_index(call: Call) -> Response:
    """Make the alerts index of the space, if there is none."""
    alerts_index.make(call.simulator.cluster, call.space, call.version.line)
    return call.answer({"acknowledged": True})


@router.on("GET", "/api/detection_engine/index", privileges=("securitySolution",))
def which_index(call: Call) -> Response:
    """The name of the alerts index of the space."""
    name = alerts_index.alias(call.space)
    if call.simulator.cluster.asked("GET", f"/_alias/{name}", absent=(404,)) is None:
        raise DetectionRefusal(404, "index for this space does not exist")
    return call.answer({"name": name, "index_mapping_outdated": False})


def _members(field: str, add: list[str], remove: list[str]) -> alert_updates.Script:
    def script(source: Mapping[str, Any]) -> Edit:
        before = source.get(field)
        kept = [one for one in before or () if one not in remove]
        after = [*kept, *(one for one in add if one not in kept)]
        edit = Edit()
        if after != before:
            edit.set(field, after)
        return edit

    return script


def _updated(
    call: Call,
    query: dict[str, Any],
    reads: tuple[str, ...],
    script: alert_updates.Script,
    *,
    proceed: bool = False,
) -> Response:
    _allowed(call, "read", "write", "maintenance")
    fault = call.simulator.faults.take("alert_conflict", call.method, call.path)
    stolen = int(fault.get("alerts", 1)) if fault else 0
    update = Update(
        index=alerts_index.alias(call.space),
        query={"bool": {"filter": query}},
        reads=reads,
        script=script,
        proceed=proceed,
    )
    try:
        code, answer = alert_updates.run(call.simulator.cluster, update, stolen=stolen)
    except ClusterError as refused:
        raise DetectionRefusal(refused.status, str(refused)) from refused
    if code != 200:
        raise DetectionRefusal(code, alert_updates.reason_of(answer))
    return call.answer(answer)


def _strip(call: Call, given: Mapping[str, Any], *known: str) -> None:
    """Note the fields that Kibana leaves out without a word."""
    call.simulator.stripped.extend((call.path, name) for name in given if name not in known)


def _allowed(call: Call, *needed: str) -> None:
    """Elasticsearch's own refusal: Kibana asks it as the user, whose index privileges count.

    Documents are written to the index behind the alias, so writing needs the privilege there, too.
    """
    alias, behind = alerts_index.alias(call.space), alerts_index.backing(call.space)
    for privilege in needed:
        places = [alias, behind] if privilege == "write" else [alias]
        lacking = [one for one in places if not call.user.may(one, privilege)]
        if lacking:
            raise DetectionRefusal(
                403,
                f"security_exception\n\tRoot causes:\n\t\tsecurity_exception: "
                f"action is unauthorized for [{call.user.name}] on indices [{','.join(lacking)}], "
                f"this action is granted by the index privileges [{privilege},all]",
            )


def _ids(given: Mapping[str, Any], name: str) -> list[str]:
    ids = given.get(name)
    if not isinstance(ids, list) or not ids:
        raise Refusal(400, f"[request body]: {name}: Array must contain at least 1 element(s)")
    for number, one in enumerate(ids):
        if not isinstance(one, str) or not one.strip():
            raise Refusal(400, f"[request body]: {name}.{number}: No empty strings allowed")
    return ids


def _lists(given: Mapping[str, Any], name: str, *keys: str) -> list[list[str]]:
    """The lists of texts below *name*, all of which have to be there."""
    inner = given.get(name)
    found = []
    for key in keys:
        value = inner.get(key) if isinstance(inner, dict) else None
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise Refusal(400, f"[request body]: {name}.{key}: Required")
        found.append(list(dict.fromkeys(value)))
    return found


def _conflicts(given: Mapping[str, Any]) -> str:
    value = given.get("conflicts", "abort")
    if value not in ("abort", "proceed"):
        raise Refusal(
            400,
            "[request body]: conflicts: Invalid enum value. Expected 'abort' | 'proceed', "
            f"received '{value}'",
        )
    return str(value)


def _shown(values: list[str]) -> str:
    return "[" + ",".join(f'"{one}"' for one in values) + "]"
