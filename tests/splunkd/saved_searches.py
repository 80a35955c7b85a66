"""Endpoints of saved searches."""

from starlette.responses import Response

from tests.splunkd import conf_endpoints
from tests.splunkd.conf_endpoints import Collection
from tests.splunkd.routing import Call, Router

router = Router()
SAVED = Collection(
    "saved/searches",
    "savedsearches",
    ("dispatch", "history", "suppress"),
    {
        "actions": "",
        "alert.digest_mode": "1",
        "alert.expires": "24h",
        "alert.severity": "3",
        "alert.suppress": "0",
        "alert.track": "0",
        "alert_comparator": "",
        "alert_condition": "",
        "alert_threshold": "",
        "alert_type": "always",
        "allow_skew": "0",
        "cron_schedule": "",
        "description": "",
        "dispatch.earliest_time": "",
        "dispatch.latest_time": "",
        "is_scheduled": "0",
        "is_visible": "1",
        "qualifiedSearch": "",
        "realtime_schedule": "1",
        "schedule_window": "0",
        "search": "",
    },
)
conf_endpoints.serve(SAVED, router)


def named(call: Call) -> str:
    """The saved search of a call."""
    return conf_endpoints.found(call, SAVED, call.parts["name"]).name


@router.on("GET", "saved/searches/{name}/history")
def _history(call: Call) -> Response:
    from tests.splunkd.atom import Entry

    name = named(call)
    jobs = [job for job in call.instance.jobs.all() if job.saved_search == name]
    entries = [
        Entry(job.sid, "search/jobs", job.content(call.instance.clock.now()), job.app, job.owner,
              namespaced=False)
        for job in jobs
    ]  # fmt: skip
    return call.page(name, entries)
