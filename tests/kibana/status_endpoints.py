"""``/api/status``: the version, and whether Elasticsearch answers."""

from typing import Any

from starlette.responses import Response

from tests.kibana.accounts import Principal
from tests.kibana.routing import Call, Router

router = Router()
NOBODY = Principal("")
ANONYMOUS = ("/api/status",)
"""Paths that are answered without a login."""


@router.on("GET", "/api/status")
def status(call: Call) -> Response:
    """503 where Elasticsearch does not answer; without a login nothing but the level."""
    up = call.simulator.cluster.answers()
    level = "available" if up else "critical"
    overall = {
        "level": level,
        "summary": "All services and plugins are available"
        if up
        else "Unable to retrieve version information from Elasticsearch nodes.",
    }
    code = 200 if up else 503
    if call.user is NOBODY:
        return call.answer({"status": {"overall": {"level": level}}}, code)
    number = call.version.number
    body: dict[str, Any] = {
        "name": "kibana-simulator",
        "uuid": "5b2de169-2785-441b-ae8c-186a1936b17d",
        "version": {
            "number": number,
            "build_hash": "0" * 40,
            "build_number": 100000,
            "build_snapshot": False,
            "build_flavor": "traditional",
        },
        "status": {
            "overall": overall,
            "core": {"elasticsearch": overall, "savedObjects": overall},
            "plugins": {},
        },
        "metrics": {},
    }
    return call.answer(body, code)
