"""What can go wrong between a client and Elasticsearch, one function for each.

A fault takes a request and the way on to the server, and gives the reply that the client gets. Give
it to a proxy: ``proxy.add(refuses(429, retry_after=2), method="POST", path="_bulk", times=3)``.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from threading import Event
from typing import Any

PRODUCT_HEADER = "x-elastic-product"
_TYPES = {
    401: "security_exception",
    403: "security_exception",
    404: "index_not_found_exception",
    413: "content_too_long_exception",
    429: "es_rejected_execution_exception",
    503: "cluster_block_exception",
}


class Reset(Exception):
    """The client's connection is to be reset instead of answered."""


@dataclass(frozen=True)
class Request:
    """What the client sent; names of headers are in small letters."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    stopping: Event = field(repr=False, default_factory=Event)
    """Set when the proxy stops, so that nobody waits for a slow fault."""

    @property
    def content(self) -> bytes:
        """The body, decompressed."""
        return _decompressed(self.headers, self.body)

    @property
    def lines(self) -> list[Any]:
        """The body's JSON documents: one, or those of a bulk request."""
        return [json.loads(line) for line in self.content.splitlines() if line.strip()]


@dataclass(frozen=True)
class Reply:
    """What the client gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    cut_at: int | None = None
    """Reset the connection after so many bytes of the body."""

    @property
    def document(self) -> dict[str, Any]:
        """The body, decompressed and decoded."""
        document: dict[str, Any] = json.loads(_decompressed(self.headers, self.body))
        return document

    def with_document(self, document: object) -> "Reply":
        """The same reply with another body."""
        kept = {
            name: value
            for name, value in self.headers.items()
            if name not in {"content-encoding", "content-length"}
        }
        return replace(self, headers=kept, body=json.dumps(document).encode())


Forward = Callable[[Request], Reply]
Fault = Callable[[Request, Forward], Reply]


def refuses(status: int, *, retry_after: int | None = None, reason: str = "by a test") -> Fault:
    """An error from Elasticsearch, or from what stands before it; the server sees nothing."""
    error = {"type": _TYPES.get(status, "exception"), "reason": reason}
    body = json.dumps({"error": {"root_cause": [error], **error}, "status": status}).encode()
    headers = {"content-type": "application/json", PRODUCT_HEADER: "Elasticsearch"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return lambda _request, _forward: Reply(status, headers, body)


def delays(seconds: float) -> Fault:
    """The server gets the request only after so long."""

    def fault(request: Request, forward: Forward) -> Reply:
        request.stopping.wait(seconds)
        return forward(request)

    return fault


def resets(*, after_server: bool = False) -> Fault:
    """The connection is reset before the server sees the request, or after it has acted on it."""

    def fault(request: Request, forward: Forward) -> Reply:
        if after_server:
            forward(request)
        raise Reset

    return fault


def cuts_body(share: float = 0.5) -> Fault:
    """The connection is reset when so much of the answer's body has arrived."""

    def fault(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        return replace(reply, cut_at=int(len(reply.body) * share))

    return fault


def claims_version(number: str, **more: str) -> Fault:
    """``GET /`` says another version; *more* are keys beside it, as ``distribution``."""

    def edit(document: dict[str, Any]) -> dict[str, Any]:
        version = {**document["version"], "number": number, **more}
        return {**document, "version": version}

    return edits(edit)


def drops_product_header() -> Fault:
    """The answer lacks what official clients know Elasticsearch by, as one from OpenSearch does."""

    def fault(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        kept = {name: value for name, value in reply.headers.items() if name != PRODUCT_HEADER}
        return replace(reply, headers=kept)

    return fault


def edits(edit: Callable[[dict[str, Any]], object]) -> Fault:
    """The answer's JSON document is changed on its way."""

    def fault(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        return reply.with_document(edit(reply.document))

    return fault


def rejects_items(positions: Iterable[int], *, status: int = 429) -> Fault:
    """The items of a bulk request at these *positions* are refused, and the server never sees them.

    The answer names each at its place, as one of a server with a full write queue does.
    """
    refused = frozenset(positions)
    error = {"type": _TYPES.get(status, "exception"), "reason": "by a test"}

    def fault(request: Request, forward: Forward) -> Reply:
        actions = _bulk_actions(request.content)
        passed = b"".join(text for at, (_, text) in enumerate(actions) if at not in refused)
        if passed:
            headers = {k: v for k, v in request.headers.items() if k != "content-encoding"}
            reply = forward(replace(request, headers=headers, body=passed))
            if reply.status != HTTPStatus.OK:
                return reply
        else:
            headers = {"content-type": "application/json", PRODUCT_HEADER: "Elasticsearch"}
            reply = Reply(HTTPStatus.OK, headers, b'{"took":0,"errors":false,"items":[]}')
        document = reply.document
        answered = iter(document["items"])
        items = []
        for at, (action, _) in enumerate(actions):
            if at in refused:
                [(verb, said)] = action.items()
                item = {"_index": said.get("_index"), "_id": said.get("_id"), "status": status}
                items.append({verb: {**item, "error": error}})
            else:
                items.append(next(answered))
        errors = document["errors"] or any(at < len(actions) for at in refused)
        return reply.with_document({**document, "errors": errors, "items": items})

    return fault


def _bulk_actions(body: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Each action of a bulk body with all its lines."""
    lines = iter(body.splitlines(keepends=True))
    actions = []
    for line in lines:
        action = json.loads(line)
        text = line if "delete" in action else line + next(lines)
        actions.append((action, text))
    return actions


def _decompressed(headers: Mapping[str, str], body: bytes) -> bytes:
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
