"""Endpoints about the server, its messages, apps, indexes and loggers."""

import json

from starlette.responses import Response

from tests.splunkd.atom import BUILD, Entry
from tests.splunkd.instance import App, Index
from tests.splunkd.messages import JSON, Refusal, answer, not_found
from tests.splunkd.routing import Call, Router
from tests.splunkd.spl.times import shown
from tests.splunkd.store import Event

router = Router()


@router.on("GET", "server/info", "server/info/server-info", without_login=False)
def _info(call: Call) -> Response:
    instance = call.instance
    content = {
        "activeLicenseGroup": "Enterprise",
        "build": BUILD,
        "cpu_arch": "x86_64",
        "guid": f"00000000-0000-0000-0000-{abs(hash(instance.name)) % 10**12:012d}",
        "isFree": False,
        "isTrial": False,
        "kvStoreStatus": "ready",
        "licenseState": "OK",
        "mode": "normal",
        "numberOfCores": 2,
        "os_name": "Linux",
        "product_type": instance.instance_type or "enterprise",
        "serverName": instance.name,
        "server_roles": instance.roles,
        "startup_time": 0,
        "version": instance.version,
    }
    if instance.instance_type:  # Splunk Enterprise has no such key
        content["instance_type"] = instance.instance_type
    entry = Entry("server-info", "server/info", content, owner="system", sharing="system",
                  namespaced=False, removable=False)  # fmt: skip
    return call.one(entry)


@router.on("GET", "server/settings", "server/settings/settings")
def _settings(call: Call) -> Response:
    content = {"serverName": call.instance.name, "host": call.instance.name,
               "mgmtHostPort": "8089", "kvStorePort": "8191", "SPLUNK_HOME": "/opt/splunk",
               "SPLUNK_DB": "/opt/splunk/var/lib/splunk"}  # fmt: skip
    return call.one(Entry("settings", "server/settings", content, namespaced=False))


@router.on("POST", "server/control/restart")
def _restart(call: Call) -> Response:
    call.require("restart_splunkd")
    return answer(
        200, [("INFO", "Restart was asked for; the simulator goes on.")], call.output_mode, {}
    )


@router.on("GET", "messages", "server/logger", "data/inputs/{kind}", "data/modular-inputs",
           "data/inputs", "deployment/client")  # fmt: skip
def _none(call: Call) -> Response:
    return call.page(call.path.rsplit("/", 1)[1], [])


@router.on("GET", "messages/{name}")
def _message(call: Call) -> Response:
    raise not_found(f"messages/{call.parts['name']}")


def _app_entry(app: App) -> Entry:
    content = {
        "author": "", "check_for_updates": True, "configured": True, "core": app.folder is None,
        "description": "", "disabled": False, "label": app.label, "show_in_nav": app.visible,
        "state_change_requires_restart": False, "version": app.version, "visible": app.visible,
    }  # fmt: skip
    return Entry(app.name, "apps/local", content, "system", removable=True)


@router.on("GET POST", "apps/local")
def _apps(call: Call) -> Response:
    instance = call.instance
    if call.method == "GET":
        return call.page("localapps", [_app_entry(app) for app in instance.apps()])
    call.require("edit_local_apps", "admin_all_objects")
    name = call.needed("name")
    if instance.app(name):
        raise Refusal(409, f"App {name} already exists")
    app = App(name, call.args.get("label", name), call.args.get("version", "1.0.0"), None)
    instance.add_app(app)
    return call.one(_app_entry(app), 201)


@router.on("GET POST DELETE", "apps/local/{name}")
def _app(call: Call) -> Response:
    app = call.instance.app(call.parts["name"])
    if app is None:
        raise not_found(f"apps/local/{call.parts['name']}")
    if call.method == "DELETE":
        call.require("edit_local_apps", "admin_all_objects")
        call.instance.remove_app(app.name)
        return call.page("localapps", [])
    return call.one(_app_entry(app))


def _index_entry(call: Call, index: Index) -> Entry:
    count, first, last = call.instance.store.totals().get(index.name, (0, 0.0, 0.0))
    content = {
        "currentDBSizeMB": 1, "datatype": "event", "disabled": index.disabled,
        "frozenTimePeriodInSecs": 188697600, "homePath": f"$SPLUNK_DB/{index.name}/db",
        "isInternal": index.name.startswith("_"), "maxTotalDataSizeMB": 500000,
        "totalEventCount": count, "minTime": shown(first) if count else "",
        "maxTime": shown(last) if count else "", "sync": 0, **(index.settings or {}),
    }  # fmt: skip
    return Entry(index.name, "data/indexes", content, index.app)


@router.on("GET POST", "data/indexes")
def _indexes(call: Call) -> Response:
    indexes = call.instance.indexes
    if call.method == "GET":
        return call.page("indexes", [_index_entry(call, index) for index in indexes.values()])
    call.require("indexes_edit", "edit_indexes")
    name = call.needed("name")
    if name in indexes:
        raise Refusal(409, f"Index name={name} already exists")
    if not name or name != name.lower() or not name.replace("_", "").replace("-", "").isalnum():
        raise Refusal(400, f"Invalid index name: {name}")
    kept = {k: v for k, v in call.args.items() if k not in ("name", "output_mode", "datatype")}
    indexes[name] = Index(name, call.writes_to[1], kept)
    return call.one(_index_entry(call, indexes[name]), 201)


@router.on("GET POST DELETE", "data/indexes/{name}")
def _index(call: Call) -> Response:
    name = call.parts["name"]
    index = call.instance.indexes.get(name)
    if index is None:
        raise not_found(f"data/indexes/{name}")
    if call.method == "DELETE":
        call.require("indexes_edit", "edit_indexes")
        del call.instance.indexes[name]
        call.instance.store.remove(name)
        return call.page("indexes", [])
    if call.method == "POST":
        call.require("indexes_edit", "edit_indexes")
        kept = {k: v for k, v in call.args.items() if k != "output_mode"}
        index.settings = {**(index.settings or {}), **kept}
    return call.one(_index_entry(call, index))


@router.on("POST", "data/indexes/{name}/disable", "data/indexes/{name}/enable")
def _switch_index(call: Call) -> Response:
    index = call.instance.indexes.get(call.parts["name"])
    if index is None:
        raise not_found(f"data/indexes/{call.parts['name']}")
    index.disabled = call.path.endswith("disable")
    return call.one(_index_entry(call, index))


@router.on("POST", "receivers/simple", "receivers/stream")
def _receive(call: Call) -> Response:
    query = call.query
    name = query.get("index", "main")
    if name not in call.instance.indexes:
        raise Refusal(400, f"supplied index '{name}' missing")
    text = call.body.decode(errors="replace")
    if not text:
        raise Refusal(400, "No data was sent.")
    now = call.instance.clock.now()
    host, source = query.get("host", "127.0.0.1"), query.get("source", "www")
    sourcetype = query.get("sourcetype", "web_event")
    call.instance.store.add([Event(name, now, host, source, sourcetype, text)])
    body = {"index": name, "bytes": len(call.body), "host": host, "source": source,
            "sourcetype": sourcetype}  # fmt: skip
    if call.output_mode.startswith("json"):
        return Response(json.dumps(body), media_type=JSON)
    cells = "".join(
        f'<field k="_{k}"><value><text>{v}</text></value></field>' for k, v in body.items()
    )
    parts = f"<results><result>{cells}</result></results>"
    return Response(f"<?xml version='1.0' encoding='UTF-8'?>\n<response>{parts}</response>",
                    media_type="text/xml; charset=UTF-8")  # fmt: skip
