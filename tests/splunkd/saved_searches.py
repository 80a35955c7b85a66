"""Endpoints of saved searches, and how the file's names differ from those of the endpoint."""

from typing import Any

from starlette.responses import Response

from tests.splunkd import conf_endpoints
from tests.splunkd.atom import Entry
from tests.splunkd.conf_endpoints import Collection
from tests.splunkd.confs import Change, Stanza
from tests.splunkd.job_endpoints import sid_answer
from tests.splunkd.messages import Refusal
from tests.splunkd.routing import Call, Router
from tests.splunkd.scheduling import cron_times
from tests.splunkd.scheduling.dispatch import dispatched, is_on
from tests.splunkd.spl.times import instant, shown

router = Router()
_RENAMED = {
    "enableSched": "is_scheduled",
    "counttype": "alert_type",
    "relation": "alert_comparator",
    "quantity": "alert_threshold",
}
_BUILT_IN = ("email", "script", "summary_index", "populate_lookup", "rss", "lookup", "logevent")
_DEFAULTS = {
    "actions": "",
    "alert.digest_mode": True,
    "alert.expires": "24h",
    "alert.severity": "3",
    "alert.suppress": False,
    "alert.suppress.period": "",
    "alert.suppress.fields": "",
    "alert.track": False,
    "alert_comparator": "",
    "alert_condition": "",
    "alert_threshold": "",
    "alert_type": "always",
    "allow_skew": "0",
    "cron_schedule": "",
    "description": "",
    "dispatch.buckets": "0",
    "dispatch.earliest_time": "",
    "dispatch.latest_time": "",
    "dispatch.index_earliest": "",
    "dispatch.index_latest": "",
    "dispatch.ttl": "2p",
    "is_scheduled": False,
    "is_visible": True,
    "max_concurrent": "1",
    "qualifiedSearch": "",
    "realtime_schedule": True,
    "run_on_startup": False,
    "schedule_window": "0",
    "search": "",
    "triggered_alert_count": 0,
} | {f"action.{name}": False for name in _BUILT_IN}


def _read(values: dict[str, Any]) -> dict[str, Any]:
    made = {_RENAMED.get(key, key): value for key, value in values.items()}
    switches = ("is_scheduled", "alert.suppress", "alert.track", "alert.digest_mode", "is_visible",
                "realtime_schedule")  # fmt: skip
    made |= {key: is_on(made[key]) for key in switches if key in made}
    for key in list(made):
        if key.startswith("action.") and key.count(".") == 1:
            made[key] = is_on(made[key])
    made["actions"] = ", ".join(actions_of(values))
    made["qualifiedSearch"] = f"search {made.get('search', '')}"
    return made


def actions_of(values: dict[str, Any]) -> list[str]:
    """The actions that are switched on; how the search's content is marked is none of them."""
    return sorted(
        key.removeprefix("action.")
        for key, value in values.items()
        if key.startswith("action.") and key.count(".") == 1 and is_on(value)
    )


def _write(values: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    there = {new: old for old, new in _RENAMED.items()}
    made = {there.get(key, key): value for key, value in values.items()}
    listed = made.pop("actions", None)
    if listed is not None:  # these are on, and all others off
        on = {name.strip() for name in listed.split(",") if name.strip()}
        made |= {f"action.{name}": str(int(name in on)) for name in {*actions_of(before), *on}}
    return made


SAVED = Collection(
    "saved/searches",
    "savedsearches",
    ("dispatch", "history", "suppress", "acknowledge", "scheduled_times"),
    _DEFAULTS,
    _read,
    _write,
)


def _entry(call: Call, stanza: Stanza) -> Entry:
    entry = conf_endpoints.entry(stanza, SAVED)
    content = dict(entry.content)
    cron = str(content["cron_schedule"])
    if cron and content["is_scheduled"] and not content["disabled"]:
        after = cron_times.after(cron, call.instance.clock.now())
        content["next_scheduled_time"] = shown(after)
    content["triggered_alert_count"] = len(call.instance.alerts.of(stanza.name))
    return Entry(entry.name, entry.endpoint, content, entry.app, entry.owner, entry.sharing,
                 entry.perms, entry.links, entry.removable)  # fmt: skip


def named(call: Call) -> Stanza:
    """The saved search of a call."""
    return conf_endpoints.found(call, SAVED, call.parts["name"])


@router.on("GET", "saved/searches")
def _list(call: Call) -> Response:
    stanzas = call.instance.confs.stanzas("savedsearches", *conf_endpoints.context(call))
    entries = [_entry(call, stanza) for stanza in stanzas if stanza.name != "default"]
    return call.page("savedsearch", entries)


@router.on("POST", "saved/searches")
def _create(call: Call) -> Response:
    if "search" not in call.args or not call.args["search"].strip():
        raise Refusal(400, "Cannot create saved search: search is empty.")
    _check(call)
    return call.one(_entry(call, conf_endpoints.create(call, SAVED)), 201)


def _check(call: Call) -> None:
    cron = call.args.get("cron_schedule", "")
    if cron and not cron_times.valid(cron):
        raise Refusal(400, f"Invalid cron_schedule='{cron}'")
    if is_on(call.args.get("is_scheduled", "0")):
        call.require("schedule_search")


@router.on("GET POST DELETE", "saved/searches/{name}")
def _one(call: Call) -> Response:
    if call.method == "DELETE":
        conf_endpoints.remove(call, SAVED, call.parts["name"])
        return _list(call)
    if call.method == "GET":
        return call.one(_entry(call, named(call)))
    _check(call)
    return call.one(_entry(call, conf_endpoints.update(call, SAVED, call.parts["name"])))


@router.on("GET", "saved/searches/{name}/history")
def _history(call: Call) -> Response:
    name = named(call).name
    now = call.instance.clock.now()
    entries = [
        Entry(job.sid, "search/jobs", job.content(now), job.app, job.owner, namespaced=False)
        for job in call.instance.jobs.all()
        if job.saved_search == name
    ]
    return call.page(name, entries)


@router.on("POST", "saved/searches/{name}/dispatch")
def _dispatch(call: Call) -> Response:
    call.require("search")
    given = {
        key.removeprefix("dispatch."): value
        for key, value in call.args.items()
        if key.startswith("dispatch.")
    }
    job = dispatched(call.instance, named(call), call.instance.clock.now(), call.user.name, given)
    return sid_answer(call, job.sid)


@router.on("GET POST", "saved/searches/{name}/suppress")
def _suppress(call: Call) -> Response:
    stanza, alerts = named(call), call.instance.alerts
    if call.method == "POST":
        alerts.suppress(stanza.name, float(call.args.get("expiration", "0")))
    left = alerts.suppressed_for(stanza.name)
    content = {"suppressed": left > 0, "expiration": f"{left:.0f}", "suppressionKey": ""}
    return call.one(Entry(stanza.name, "saved/searches", content, stanza.app, stanza.owner))


@router.on("POST", "saved/searches/{name}/acknowledge")
def _acknowledge(call: Call) -> Response:
    stanza = named(call)
    call.instance.alerts.suppress(stanza.name, 0)
    return call.one(_entry(call, stanza))


@router.on("GET", "saved/searches/{name}/scheduled_times")
def _times(call: Call) -> Response:
    stanza, now = named(call), call.instance.clock.now()
    first = instant(call.args.get("earliest_time", "now"), now) or now
    last = instant(call.args.get("latest_time", "+1h"), now) or now
    cron = stanza.values.get("cron_schedule", "")
    times = [int(t) for t in cron_times.between(cron, first, last)] if cron else []
    content = {"scheduled_times": times}
    return call.one(Entry(stanza.name, "saved/searches", content, stanza.app, stanza.owner))


@router.on("GET POST", "saved/searches/{name}/acl")
def _acl(call: Call) -> Response:
    name = call.parts["name"]
    stanza = conf_endpoints.set_acl(call, SAVED, name) if call.method == "POST" else named(call)
    return call.one(_entry(call, stanza))


@router.on("POST", "saved/searches/{name}/enable", "saved/searches/{name}/disable")
def _switch(call: Call) -> Response:
    stanza = named(call)
    disabled = {"disabled": str(int(call.path.endswith("disable")))}
    change = Change("savedsearches", stanza.name, stanza.app, stanza.owner, disabled)
    return call.one(_entry(call, call.instance.confs.write(change) or stanza))


@router.on("GET", "saved/searches/_new")
def _new(call: Call) -> Response:
    return call.page("savedsearch", [])
