"""Endpoints on configuration: configs/conf-*, properties, and collections named after a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from tests.splunkd.atom import Entry, Feed
from tests.splunkd.confs import NOBODY, Change, Stanza
from tests.splunkd.messages import XML, Refusal, not_found
from tests.splunkd.routing import Call, Router

router = Router()
NOT_VALUES = {"name", "output_mode", "count", "offset", "f", "sort_key", "sort_dir"}
_FLAGS = {"disabled", "enableSched", "is_visible", "alert.suppress", "alert.track"}


@dataclass(frozen=True)
class Collection:
    """A collection of entities that are the stanzas of one file."""

    endpoint: str
    conf: str
    links: tuple[str, ...] = ()
    defaults: Mapping[str, Any] | None = None
    reads: Callable[[dict[str, Any]], dict[str, Any]] = lambda values: values
    """From what the file says to what the endpoint says."""
    writes: Callable[[dict[str, str], dict[str, str]], dict[str, str]] = lambda values, _: values
    """From what is posted, and what the file said before, to what it says."""


def entry(stanza: Stanza, collection: Collection) -> Entry:
    """A stanza as an entity."""
    values = {**(collection.defaults or {}), **collection.reads(dict(stanza.values))}
    values.setdefault("disabled", "0")
    for flag in _FLAGS & values.keys():
        values[flag] = str(values[flag]).lower() in ("1", "true", "t", "yes")
    values |= {"eai:appName": stanza.app, "eai:userName": stanza.owner}
    return Entry(
        stanza.name,
        collection.endpoint,
        values,
        stanza.app,
        stanza.owner,
        stanza.sharing,
        stanza.perms,
        ("disable" if not values["disabled"] else "enable", *collection.links),
        removable=not stanza.shipped,
    )


def listed(call: Call, collection: Collection) -> list[Entry]:
    """The entities that a call's namespace shows."""
    stanzas = call.instance.confs.stanzas(collection.conf, *context(call))
    return [entry(s, collection) for s in stanzas if s.name != "default"]


def context(call: Call) -> tuple[str, str]:
    """Owner and app that a call looks from."""
    return (call.user.name if call.owner == NOBODY and call.app == "-" else call.owner), call.app


def found(call: Call, collection: Collection, name: str) -> Stanza:
    """The stanza that a call names."""
    stanza = call.instance.confs.get(collection.conf, name, *context(call))
    if stanza is None:
        raise not_found(f"{collection.endpoint}/{name}")
    return stanza


def values_of(
    call: Call, collection: Collection, before: dict[str, str] | None = None
) -> dict[str, str]:
    """What a call wants to set."""
    return collection.writes(
        {
            key: value
            for key, value in call.args.items()
            if key not in NOT_VALUES and not key.startswith("eai:")
        },
        before or {},
    )


def create(call: Call, collection: Collection) -> Stanza:
    """Make a stanza; 409 if the namespace has one of that name."""
    name = call.needed("name").strip()
    if not name:
        raise Refusal(400, "Argument 'name' must not be empty.")
    owner, app = call.writes_to
    if call.instance.app(app) is None:
        raise Refusal(404, f"Application does not exist: {app}")
    there = call.instance.confs.get(collection.conf, name, owner, app)
    if there is not None and (there.owner, there.app) == (owner, app):
        raise Refusal(409, f"Unable to create: an object with name={name} already exists")
    sharing = "app" if owner == NOBODY else "user"
    change = Change(collection.conf, name, app, owner, values_of(call, collection), sharing)
    return _written(call, change)


def update(call: Call, collection: Collection, name: str) -> Stanza:
    """Change values of a stanza."""
    stanza = found(call, collection, name)
    values = values_of(call, collection, stanza.values)
    app = stanza.app if call.app in ("-", stanza.app) else call.app
    change = Change(collection.conf, name, app, stanza.owner, values, stanza.sharing)
    if app != stanza.app:  # written where the request was sent to, over what it saw
        app_own = Change(collection.conf, name, app, NOBODY, stanza.values | values)
        return _written(call, app_own)
    return _written(call, change)


def remove(call: Call, collection: Collection, name: str) -> None:
    """Remove a stanza that no app brought."""
    stanza = found(call, collection, name)
    if stanza.shipped:
        raise Refusal(
            400, f"Cannot remove object {name}: it is defined in the default folder of its app"
        )
    change = Change(collection.conf, name, stanza.app, stanza.owner, None)
    call.instance.confs.write(change)


def _written(call: Call, change: Change) -> Stanza:
    stanza = call.instance.confs.write(change)
    if stanza is None:
        raise not_found(change.name)
    return stanza


def set_acl(call: Call, collection: Collection, name: str) -> Stanza:
    """Change who may read and write, and how far an entity is shared."""
    stanza = found(call, collection, name)
    sharing = call.needed("sharing")
    if sharing not in ("user", "app", "global", "system"):
        raise Refusal(400, f"Invalid sharing value: {sharing}")
    perms = {
        kind: call.args[f"perms.{kind}"].split(",") if call.args[f"perms.{kind}"] else []
        for kind in ("read", "write")
        if f"perms.{kind}" in call.args
    } or stanza.perms
    owner = NOBODY if sharing in ("app", "global") else call.args.get("owner", stanza.owner)
    if owner != stanza.owner:
        going = Change(collection.conf, name, stanza.app, stanza.owner, None)
        call.instance.confs.write(going)
    change = Change(collection.conf, name, stanza.app, owner, stanza.local, sharing, perms)
    return _written(call, change)


def serve(collection: Collection, router: Router, writes: tuple[str, ...] = ()) -> None:
    """Routes of a collection: list, create, read, update, remove, acl, enable and disable."""
    base = collection.endpoint

    @router.on("GET", base)
    def _list(call: Call) -> Response:
        return call.page(base, listed(call, collection))

    @router.on("POST", base)
    def _create(call: Call) -> Response:
        if writes:
            call.require(*writes)
        return call.one(entry(create(call, collection), collection), 201)

    @router.on("GET POST", f"{base}/_new", f"{base}/_reload")
    def _new(call: Call) -> Response:
        return call.feed(Feed(base, []))

    @router.on("GET", f"{base}/{{name}}")
    def _read(call: Call) -> Response:
        return call.one(entry(found(call, collection, call.parts["name"]), collection))

    @router.on("POST", f"{base}/{{name}}")
    def _update(call: Call) -> Response:
        if writes:
            call.require(*writes)
        return call.one(entry(update(call, collection, call.parts["name"]), collection))

    @router.on("DELETE", f"{base}/{{name}}")
    def _remove(call: Call) -> Response:
        if writes:
            call.require(*writes)
        remove(call, collection, call.parts["name"])
        return call.page(base, listed(call, collection))

    @router.on("GET POST", f"{base}/{{name}}/acl")
    def _acl(call: Call) -> Response:
        name = call.parts["name"]
        changing = call.method == "POST"
        stanza = (set_acl if changing else found)(call, collection, name)
        return call.one(entry(stanza, collection))

    @router.on("POST", f"{base}/{{name}}/enable", f"{base}/{{name}}/disable")
    def _switch(call: Call) -> Response:
        stanza = found(call, collection, call.parts["name"])
        disabled = {"disabled": str(int(call.path.endswith("disable")))}
        change = Change(collection.conf, stanza.name, stanza.app, stanza.owner, disabled)
        return call.one(entry(_written(call, change), collection))


def _any_conf(call: Call) -> Collection:
    conf = call.parts["conf"]
    if conf not in call.instance.confs.files():
        raise not_found(f"configs/conf-{conf}")
    return Collection(f"configs/conf-{conf}", conf)


@router.on("GET", "configs/conf-{conf}")
def _conf(call: Call) -> Response:
    collection = _any_conf(call)
    return call.page(collection.endpoint, listed(call, collection))


@router.on("POST", "configs/conf-{conf}")
def _conf_create(call: Call) -> Response:
    collection = Collection(f"configs/conf-{call.parts['conf']}", call.parts["conf"])
    return call.one(entry(create(call, collection), collection), 201)


@router.on("GET POST DELETE", "configs/conf-{conf}/{name}")
def _stanza(call: Call) -> Response:
    collection, name = _any_conf(call), call.parts["name"]
    if call.method == "DELETE":
        remove(call, collection, name)
        return call.page(collection.endpoint, listed(call, collection))
    stanza = (update if call.method == "POST" else found)(call, collection, name)
    return call.one(entry(stanza, collection))


@router.on("GET POST", "configs/conf-{conf}/{name}/acl")
def _stanza_acl(call: Call) -> Response:
    collection, name = _any_conf(call), call.parts["name"]
    stanza = (set_acl if call.method == "POST" else found)(call, collection, name)
    return call.one(entry(stanza, collection))


@router.on("GET", "properties")
def _properties(call: Call) -> Response:
    files = [Entry(name, "properties", {}) for name in call.instance.confs.files()]
    return call.page("properties", files)


@router.on("POST", "properties")
def _add_file(call: Call) -> Response:
    call.instance.confs.add_file(call.args.get("__conf") or call.needed("name"))
    return Response(status_code=201, media_type=XML)


@router.on("GET", "properties/{conf}")
def _property_stanzas(call: Call) -> Response:
    collection = _any_conf(call)
    stanzas = call.instance.confs.stanzas(collection.conf, *context(call))
    return call.page("properties", [Entry(s.name, f"properties/{s.conf}", {}) for s in stanzas])


@router.on("GET POST", "properties/{conf}/{name}")
def _property_values(call: Call) -> Response:
    collection, name = _any_conf(call), call.parts["name"]
    if call.method == "POST":
        update(call, collection, name)
        return Response(status_code=200, media_type=XML)
    stanza = found(call, collection, name)
    where = f"properties/{collection.conf}/{quote(name, safe='')}"
    return call.page("properties", [Entry(k, where, {"": v}) for k, v in stanza.values.items()])


@router.on("GET", "properties/{conf}/{name}/{key}")
def _property(call: Call) -> Response:
    stanza = found(call, _any_conf(call), call.parts["name"])
    if call.parts["key"] not in stanza.values:
        raise not_found(f"properties/{stanza.conf}/{stanza.name}/{call.parts['key']}")
    return Response(stanza.values[call.parts["key"]], media_type="text/plain; charset=UTF-8")
