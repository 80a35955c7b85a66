"""``rules/preview``: what a rule would have raised, into an index of its own."""

import time
import uuid

from starlette.responses import Response

from tests.kibana import alerts_index, times
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.rules.endpoints import READS, RULES, kept
from tests.kibana.rules.schema import completed
from tests.kibana.rules.store import Rule
from tests.kibana.runner.outcome import Run, preview_alias
from tests.kibana.runner.running import execute

router = Router()
_MOST_RUNS = 1440


@router.on("POST", f"{RULES}/preview", privileges=READS)
def preview(call: Call) -> Response:
    """Run a rule that is not kept, as often as asked, up to a time."""
    given = call.given()
    count, until = given.get("invocationCount"), given.get("timeframeEnd")
    if not isinstance(count, int) or not isinstance(until, str):
        raise Refusal(400, "[request body]: invocationCount: Required, timeframeEnd: Required")
    rule_fields = {
        name: value
        for name, value in given.items()
        if name not in ("invocationCount", "timeframeEnd")
    }
    body = kept(call, rule_fields)
    preview_id = str(uuid.uuid4())
    if not 0 < count <= _MOST_RUNS:
        text = "Invalid invocation count"
        return call.answer({"logs": [{"errors": [text], "warnings": [], "duration": 0}]}, 200)
    moment = times.iso(call.now)
    whole = completed({"rule_id": preview_id, **body}) | {
        "id": preview_id,
        "enabled": True,
        "immutable": False,
        "revision": 0,
        "created_at": moment,
        "created_by": "preview-created-by",
        "updated_at": moment,
        "updated_by": "preview-updated-by",
    }
    rule = Rule(whole, call.user)
    _make_index(call)
    logs = []
    interval, end = times.duration(whole["interval"]), times.seconds_of(until)
    previous = None
    for number in range(count):
        begun = time.monotonic()
        started = end - interval * (count - 1 - number)
        run = Run(call.simulator, call.space, rule, started, preview_alias(call.space))
        execute(run, previous)
        previous = started
        logs.append(
            {
                "errors": run.errors,
                "warnings": run.warnings,
                "startedAt": times.iso(started),
                "duration": int((time.monotonic() - begun) * 1000),
            }
        )
    return call.answer({"previewId": preview_id, "logs": logs, "isAborted": False})


def _make_index(call: Call) -> None:
    cluster, alias = call.simulator.cluster, preview_alias(call.space)
    if cluster.asked("GET", f"/_alias/{alias}", absent=(404,)):
        return
    body = {
        "settings": {
            "index": {
                "hidden": True,
                "number_of_replicas": 0,
                "mapping": {"ignore_malformed": True, "total_fields": {"limit": 2500}},
            }
        },
        "mappings": alerts_index.mapping(alerts_index.release(call.version.line)),
        "aliases": {alias: {"is_write_index": True, "is_hidden": True}},
    }
    cluster.asked("PUT", f"/.internal{alias}-000001", body, absent=(400,))
