"""The management port and the collector as ASGI applications."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.splunkd import (
    app_handlers,
    auth_endpoints,
    cluster,
    conf_endpoints,
    control,
    enterprise_endpoints,
    export,
    fired_alerts,
    job_endpoints,
    passwords,
    routing,
    saved_searches,
    server_endpoints,
    time_endpoints,
)
from tests.splunkd.accounts import User
from tests.splunkd.hec import CODES, Hec, HecRefusal, HecRequest
from tests.splunkd.instance import Instance
from tests.splunkd.kv import endpoints as kv_endpoints
from tests.splunkd.messages import JSON, Refusal, answer
from tests.splunkd.routing import Call
from tests.splunkd.simulator import Simulator

ROUTES = [
    route
    for topic in (
        export,
        job_endpoints,
        auth_endpoints,
        server_endpoints,
        time_endpoints,
        passwords,
        saved_searches,
        kv_endpoints,
        cluster,
        fired_alerts,
        enterprise_endpoints,
        conf_endpoints,
    )
    for route in topic.router.routes
]
_NOBODY = User("", "", [])


class Disconnect(Exception):
    """The connection is closed without an answer."""


async def served(
    scope: Scope, receive: Receive, send: Send, answer: Callable[[Request, bytes], Response]
) -> None:
    """Answer one request as splunkd does, or break its connection."""
    if scope["type"] != "http":
        return
    request = Request(scope, receive)
    try:
        body = await request.body()
        response = await run_in_threadpool(answer, request, body)
        response.headers["Connection"] = "Keep-Alive"  # the SDK reads no body without it
        response.headers["Server"] = "Splunkd"
        await response(scope, receive, send)
    except (Disconnect, export.Broken):
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is None:
            raise
        transport.abort()
        await asyncio.sleep(0)  # let the server see that nobody is there


class Management:
    """What answers on a management port."""

    def __init__(self, instance: Instance, simulator: Simulator) -> None:
        self._instance = instance
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await served(scope, receive, send, self._answered)

    def _answered(self, request: Request, body: bytes) -> Response:
        path = request.scope["raw_path"].decode()
        if path.startswith("/simulator/"):
            return control.answered(self._simulator, self._instance, request.method, path, body)
        query = _lists(request.url.query)
        form = _form(request.headers, body)
        lists = {**query, **form}
        mode = (lists.get("output_mode") or ["xml"])[-1]
        try:
            self._fail(request.method, path)
            return self._handled(request, path, query, lists, body)
        except Refusal as refusal:
            headers = {"WWW-Authenticate": 'Basic realm="/splunk"'} if refusal.status == 401 else {}
            headers |= refusal.headers
            mode = mode if "storage/collections/data" not in path else "json"
            return answer(refusal.status, [(refusal.kind, refusal.text)], mode, headers)

    def _fail(self, method: str, path: str) -> None:
        if self._instance.down:
            raise Disconnect
        self._simulator.cluster.catch_up(self._instance)
        faults = self._instance.faults
        if faults.take("disconnect", method, path):
            raise Disconnect
        if faults.take("expire_sessions", method, path):
            self._instance.accounts.expire_sessions()
        fault = faults.take("refuse", method, path)
        if fault:
            status = int(fault.get("status", 503))
            refusal = Refusal(status, fault.get("text", None))
            if fault.get("retry_after", None) is not None:
                refusal.headers["Retry-After"] = str(fault.get("retry_after", 1))
            raise refusal

    def _handled(
        self,
        request: Request,
        path: str,
        query: Mapping[str, list[str]],
        lists: Mapping[str, list[str]],
        body: bytes,
    ) -> Response:
        place = routing.place(path)
        if place is None:
            raise Refusal(404, "Not Found")
        authorization = request.headers.get("authorization", "")
        user = self._instance.accounts.user_of(authorization, request.cookies.items())
        route = routing.find(ROUTES, request.method, place.parts)
        if user is None and not (route and route[0].without_login):
            raise Refusal(
                401,
                "Unauthorized"
                if authorization or request.cookies
                else "call not properly authenticated",
                "ERROR" if authorization else "WARN",
            )
        origin = f"{request.url.scheme}://{request.url.netloc}{path}"
        call = Call(
            self._instance,
            request.method,
            path,
            place.owner,
            place.app,
            route[1] if route else {},
            {name: values[-1] for name, values in lists.items()},
            lists,
            {name: values[-1] for name, values in query.items()},
            request.headers,
            body,
            origin,
            user or _NOBODY,
            authorization.partition(" ")[2],
        )
        if route is None:
            return app_handlers.answer(call, place.parts)
        return route[0].handler(call)


def _lists(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _form(headers: Headers, body: bytes) -> dict[str, list[str]]:
    kind = headers.get("content-type", "application/x-www-form-urlencoded").split(";")[0]
    if kind != "application/x-www-form-urlencoded" or not body:
        return {}
    try:
        return _lists(body.decode())
    except UnicodeDecodeError:
        return {}


class Collector:
    """What answers on the collector's port."""

    def __init__(self, hec: Hec, instance: Instance) -> None:
        self._hec = hec
        self._instance = instance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await served(scope, receive, send, self._answered)

    def _answered(self, request: Request, body: bytes) -> Response:
        path = request.scope["raw_path"].decode().rstrip("/")
        kind = path.removeprefix("/services/collector")
        query = {name: values[-1] for name, values in _lists(request.url.query).items()}
        faults = self._instance.faults
        fault = faults.take("refuse", request.method, path)
        if fault:
            text = json.dumps({"text": str(fault.get("text", "refused")), "code": 9})
            return Response(text, int(fault.get("status", 503)), media_type=JSON)
        if faults.take("disconnect", request.method, path):
            raise Disconnect
        if not path.startswith("/services/collector"):
            return Response(
                '{"text":"The requested URL was not found on this server.","code":404}',
                404,
                media_type=JSON,
            )
        try:
            health = kind in ("/health", "/health/1.0")
            if request.method != ("GET" if health else "POST"):
                return Response(
                    '{"text":"The requested URL was not found on this server.","code":404}',
                    405,
                    media_type=JSON,
                )
            authorization = request.headers.get("authorization", "")
            if health:
                if authorization or "token" in query:
                    self._hec.known(authorization, query, health=True)
                self._hec.health(path, query.get("ack", "") in ("1", "true"))
            if request.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            token = self._hec.known(authorization, query)
            channel = request.headers.get("x-splunk-request-channel", query.get("channel", ""))
            client = request.client.host if request.client else ""
            asked = HecRequest(token, channel, query, body, client)
            if kind in ("", "/event", "/event/1.0"):
                said = self._hec.events(asked, path)
            elif kind in ("/raw", "/raw/1.0"):
                said = self._hec.raw(asked, path)
            elif kind == "/ack":
                said = self._hec.acknowledged(asked, path)
            else:
                return Response('{"text":"Not Found","code":404}', 404, media_type=JSON)
            return Response(json.dumps(said), media_type=JSON)
        except HecRefusal as refusal:
            status, text = CODES[refusal.code]
            said = {"text": text, "code": refusal.code, **refusal.more}
            return Response(json.dumps(said), status, media_type=JSON)
