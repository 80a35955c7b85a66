"""Endpoints of the KV store."""

import json
from typing import Any

from starlette.responses import Response

from tests.splunkd import conf_endpoints
from tests.splunkd.confs import NOBODY, SYSTEM
from tests.splunkd.kv.query import Document, applies, keys_of, ordered, parsed, projected
from tests.splunkd.messages import JSON, Refusal
from tests.splunkd.routing import Call, Router

router = Router()
_COLLECTIONS = conf_endpoints.Collection("storage/collections/config", "collections")
_DATA = "storage/collections/data/{collection}"


@router.on("POST", "storage/collections/config")
def _create(call: Call) -> Response:
    if call.owner not in (NOBODY, "-"):
        raise Refusal(400, "Owner must be 'nobody' to create a collection")
    if call.app in ("-", SYSTEM):
        raise Refusal(400, "An app is needed to create a collection")
    _check_fields(call)
    stanza = conf_endpoints.create(call, _COLLECTIONS)
    return call.one(conf_endpoints.entry(stanza, _COLLECTIONS), 201)


def _check_fields(call: Call) -> None:
    for key, value in call.args.items():
        if key.startswith("accelerated_fields."):
            try:
                json.loads(value)
            except json.JSONDecodeError:
                raise Refusal(400, f"Invalid JSON in {key}") from None


conf_endpoints.serve(_COLLECTIONS, router)


@router.on("GET", "kvstore/status")
def _status(call: Call) -> Response:
    from tests.splunkd.atom import Entry

    off = call.instance.faults.take("kv_off", call.method, call.path)
    status = "failed" if off else "ready"
    content = {"current": {"status": status, "storageEngine": "simulator"}}
    return call.one(Entry("status", "kvstore/status", content, namespaced=False))


def _home(call: Call) -> tuple[str, str, str]:
    """App, collection and user of a call; refuses when the store is off."""
    if call.instance.faults.take("kv_off", call.method, call.path):
        raise Refusal(503, "KV Store is initializing. Please try again later.")
    app, owner = call.app, call.owner
    name = call.parts["collection"]
    call.instance.kv.settings(app, name)
    return app, name, NOBODY if owner == "-" else owner


def _json(value: Any, status: int = 200) -> Response:  # noqa: ANN401
    return Response(json.dumps(value), status, media_type=JSON)


def _body(call: Call) -> Any:  # noqa: ANN401
    try:
        return json.loads(call.body or b"{}")
    except json.JSONDecodeError:
        raise Refusal(400, "JSON in the request is invalid.") from None


def _document(value: Any) -> Document:  # noqa: ANN401
    if not isinstance(value, dict):
        raise Refusal(400, "JSON in the request is invalid. A document must be an object.")
    return value


def _limit(call: Call, name: str, otherwise: int) -> int:
    return int(call.instance.confs.value("limits", "kvstore", name, str(otherwise)))


def _found(call: Call, given: dict[str, Any]) -> list[Document]:
    app, name, user = _home(call)
    query = given.get("query", {})
    query = parsed(query if isinstance(query, str) else json.dumps(query))
    kv, keys = call.instance.kv, keys_of(query)
    if keys is None:
        rows = [row for row in kv.documents(app, name, user) if applies(query, row)]
    else:
        there = (kv.get(app, name, key, user) for key in keys)
        rows = [row for row in there if row is not None]
    rows = ordered(rows, str(given.get("sort", "")))
    skip = int(given.get("skip") or 0)
    limit = int(given.get("limit") or 0)
    most = _limit(call, "max_rows_per_query", 50000)
    rows = rows[skip : skip + (min(limit, most) if limit else most)]
    return [projected(row, str(given.get("fields", ""))) for row in rows]


@router.on("GET", _DATA)
def _query(call: Call) -> Response:
    return _json(_found(call, dict(call.query)))


@router.on("POST", _DATA)
def _insert(call: Call) -> Response:
    app, name, user = _home(call)
    document = _document(_body(call))
    key = document.get("_key")
    if key is not None and call.instance.kv.get(app, name, str(key), user) is not None:
        raise Refusal(409, "A document with the same key and user already exists.")
    return _json({"_key": call.instance.kv.put(app, name, document, user)}, 201)


@router.on("DELETE", _DATA)
def _delete_where(call: Call) -> Response:
    app, name, user = _home(call)
    call.instance.kv.remove_where(app, name, parsed(call.query.get("query", "")), user)
    return _json({})


@router.on("POST", f"{_DATA}/batch_save")
def _batch_save(call: Call) -> Response:
    app, name, user = _home(call)
    documents = _body(call)
    if not isinstance(documents, list):
        raise Refusal(400, "JSON in the request is invalid. An array of documents is needed.")
    most = _limit(call, "max_documents_per_batch_save", 1000)
    over = call.instance.faults.take("kv_over_limit", call.method, call.path)
    if len(documents) > most or over:
        raise Refusal(
            400,
            "Request exceeds API limits - see limits.conf for details. (Too many documents for a "
            f"single batch save, max_documents_per_batch_save={most})",
        )
    size = _limit(call, "max_size_per_batch_save_mb", 50)
    if len(call.body) > size * 1024 * 1024:
        raise Refusal(
            400,
            "Request exceeds API limits - see limits.conf for details. (Batch save is too large, "
            f"max_size_per_batch_save_mb={size})",
        )
    kv = call.instance.kv
    return _json([kv.put(app, name, _document(document), user) for document in documents])


@router.on("POST", f"{_DATA}/batch_find")
def _batch_find(call: Call) -> Response:
    queries = _body(call)
    if not isinstance(queries, list):
        raise Refusal(400, "JSON in the request is invalid. An array of queries is needed.")
    return _json([_found(call, _document(query)) for query in queries])


@router.on("GET", f"{_DATA}/{{key}}")
def _read(call: Call) -> Response:
    app, name, user = _home(call)
    document = call.instance.kv.get(app, name, call.parts["key"], user)
    if document is None:
        raise Refusal(404, "Could not find object.")
    return _json(document)


@router.on("POST", f"{_DATA}/{{key}}")
def _replace(call: Call) -> Response:
    app, name, user = _home(call)
    key = call.parts["key"]
    if call.instance.kv.get(app, name, key, user) is None:
        raise Refusal(404, "Could not find object.")
    kv = call.instance.kv
    return _json({"_key": kv.put(app, name, {**_document(_body(call)), "_key": key}, user)})


@router.on("DELETE", f"{_DATA}/{{key}}")
def _delete(call: Call) -> Response:
    app, name, user = _home(call)
    if not call.instance.kv.remove(app, name, call.parts["key"], user):
        raise Refusal(404, "Could not find object.")
    return _json({})
