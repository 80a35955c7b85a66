"""Endpoints of search jobs, version 1 and 2."""

import json

from starlette.responses import Response

from tests.splunkd import atom, results
from tests.splunkd.atom import Entry
from tests.splunkd.jobs import Job
from tests.splunkd.messages import JSON, XML, Refusal, answer
from tests.splunkd.routing import Call, Router
from tests.splunkd.spl import engine, tokens
from tests.splunkd.spl.engine import Shown
from tests.splunkd.spl.knowledge import Knowledge
from tests.splunkd.spl.values import SearchRefused

router = Router()
_V1, _V2 = "search/jobs", "search/v2/jobs"


def _entry(call: Call, job: Job) -> Entry:
    endpoint = _V2 if "/v2/" in call.path else _V1
    links = ("search.log", "events", "results", "results_preview", "timeline", "summary", "control")
    return Entry(
        job.sid if call.output_mode.startswith("json") else job.search,
        endpoint,
        job.content(call.instance.clock.now()),
        job.app,
        job.owner,
        "global",
        links=links,
        namespaced=False,
        published=job.created,
    )


@router.on("POST", _V1, _V2)
def _create(call: Call) -> Response:
    call.require("search")
    search = call.needed("search")
    instance = call.instance
    if instance.faults.take("search_quota", call.method, call.path):
        raise Refusal(
            503,
            "Search not executed: The maximum number of concurrent historical searches on this "
            "instance has been reached.",
            "FATAL",
        )
    mode = call.args.get("exec_mode", "normal")
    if mode not in ("normal", "blocking", "oneshot"):
        raise Refusal(400, f"Invalid value for exec_mode: {mode}", "FATAL")
    app = call.app if call.app != "-" else "search"
    sid = call.args.get("id", "")
    if sid and any(job.sid == sid for job in instance.jobs.all()):
        raise Refusal(400, f"A job with the sid '{sid}' exists already.", "FATAL")
    job = instance.jobs.run(
        search,
        owner=call.user.name,
        app=app,
        bounds=instance.jobs.bounds(dict(call.args), instance.clock.now()),
        sid=sid,
        label=call.args.get("label", ""),
        ttl=call.number("timeout", 600),
    )
    if instance.faults.take("queue_jobs", call.method, call.path):
        job.state = "QUEUED"
    if mode == "oneshot":
        instance.jobs.remove(job.sid)
        return results.page(job, _part(call, job), call.output_mode, call.number("offset", 0))
    return sid_answer(call, job.sid)


def sid_answer(call: Call, sid: str, status: int = 201) -> Response:
    """The id of a search that was started."""
    if call.output_mode.startswith("json"):
        return Response(f'{{"sid":"{sid}"}}', status, media_type=JSON)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<response>\n  <sid>{sid}</sid>\n</response>\n'
    return Response(body, status, media_type=XML)


@router.on("GET", _V1, _V2)
def _list(call: Call) -> Response:
    wanted = call.lists.get("id")
    jobs = call.instance.jobs.all()
    if wanted:
        jobs = [job for job in jobs if job.sid in wanted]
    count, offset = call.number("count", 0), call.number("offset", 0)
    shown = jobs[offset:] if count <= 0 else jobs[offset : offset + count]
    entries = [_entry(call, job) for job in shown]
    return call.feed(atom.Feed("jobs", entries, len(jobs), count or len(jobs), offset))


@router.on("GET", f"{_V1}/{{sid}}", f"{_V2}/{{sid}}")
def _read(call: Call) -> Response:
    job = call.instance.jobs.get(call.parts["sid"])
    entry = _entry(call, job)
    if call.output_mode.startswith("json"):
        return call.feed(atom.Feed("jobs", [entry]))
    body = '<?xml version="1.0" encoding="UTF-8"?>\n' + atom.entry_xml(entry, call.origin, True)
    return Response(body, media_type=XML)


@router.on("POST", f"{_V1}/{{sid}}", f"{_V2}/{{sid}}")
def _change(call: Call) -> Response:
    call.instance.jobs.get(call.parts["sid"])
    return answer(200, [], call.output_mode, {})


@router.on("DELETE", f"{_V1}/{{sid}}", f"{_V2}/{{sid}}")
def _cancel(call: Call) -> Response:
    call.instance.jobs.get(call.parts["sid"])
    call.instance.jobs.remove(call.parts["sid"])
    return answer(200, [("INFO", "Search job cancelled.")], call.output_mode, {})


@router.on("POST", f"{_V1}/{{sid}}/control", f"{_V2}/{{sid}}/control")
def _control(call: Call) -> Response:
    job = call.instance.jobs.get(call.parts["sid"])
    action = call.needed("action")
    now = call.instance.clock.now()
    match action:
        case "cancel":
            call.instance.jobs.remove(job.sid)
            return answer(200, [("INFO", "Search job cancelled.")], call.output_mode, {})
        case "pause":
            job.state = "PAUSED"
        case "unpause" | "finalize":
            job.state = "DONE"
        case "touch":
            job.touched = now
        case "setttl":
            job.ttl, job.touched = call.number("ttl", job.ttl), now
        case "setpriority":
            job.priority = call.number("priority", job.priority)
        case "enablepreview" | "disablepreview" | "save" | "unsave":
            pass
        case _:
            raise Refusal(400, f"Invalid control action: {action}", "FATAL")
    return answer(200, [("INFO", f"Search job {action} succeeded.")], call.output_mode, {})


_RESULTS = ("results", "events", "results_preview")


@router.on("GET POST", *(f"{base}/{{sid}}/{kind}" for base in (_V1, _V2) for kind in _RESULTS))
def _results(call: Call) -> Response:
    job = call.instance.jobs.get(call.parts["sid"])
    kind = call.path.rstrip("/").rsplit("/", 1)[1]
    if "/v2/" in call.path and call.args.get("search"):
        raise Refusal(400, "The search parameter is not supported by this endpoint.", "FATAL")
    if job.state not in ("DONE", "FAILED", "PAUSED"):
        return Response(status_code=204)
    if kind == "events" and job.transformed:
        return results.page(Job(job.sid, "", "", "", 0, job.bounds), [], call.output_mode, 0)
    offset = call.number("offset", 0)
    return results.page(job, _part(call, job), call.output_mode, offset)


def _part(call: Call, job: Job) -> list[Shown]:
    """The rows that were asked for, not more than splunkd gives at once."""
    most = int(call.instance.confs.value("limits", "restapi", "maxresultrows", "50000"))
    count, offset = call.number("count", 100), call.number("offset", 0)
    rows = job.rows[offset:]
    wanted = call.lists.get("f")
    rows = rows[: min(count, most) if count > 0 else most]
    if wanted:
        rows = [{k: v for k, v in row.items() if k in wanted} for row in rows]
    return rows


@router.on(
    "GET",
    *(f"{b}/{{sid}}/{kind}" for b in (_V1, _V2) for kind in ("summary", "timeline", "search.log")),
)
def _about(call: Call) -> Response:
    job = call.instance.jobs.get(call.parts["sid"])
    if call.path.endswith("search.log"):
        return Response(f"simulator: {job.search}\n", media_type="text/plain; charset=UTF-8")
    kind = call.path.rsplit("/", 1)[1]
    body = f"<?xml version='1.0' encoding='UTF-8'?>\n<{kind} c='0' cursor='0'>\n</{kind}>\n"
    return Response(body, media_type=XML)


@router.on("GET POST", "search/parser", "search/v2/parser")
def _parser(call: Call) -> Response:
    app = call.app if call.app != "-" else "search"
    knowledge = Knowledge(call.instance, call.user.name, app, call.instance.clock.now())
    try:
        pipeline = tokens.commands(knowledge.expanded(call.needed("q")))
    except SearchRefused as refused:
        raise Refusal(400, str(refused), "FATAL") from refused
    for name, _ in pipeline:
        if not engine.known(knowledge, name):
            raise Refusal(400, f"Unknown search command '{name}'.", "FATAL")
    listed = [{"command": name, "rawargs": given, "args": given} for name, given in pipeline]
    if call.output_mode.startswith("json"):
        return Response(json.dumps({"commands": listed, "messages": []}), media_type=JSON)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<response xmlns:s="http://dev.splunk.com/ns/rest">'
        f"{atom.value_xml({'commands': listed})}</response>"
    )
    return Response(body, media_type=XML)
