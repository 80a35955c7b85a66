"""The simulator as an ASGI application: faults, login, headers, space, route, privileges."""

import asyncio
import time
import traceback
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.kibana import control, routing
from tests.kibana.cluster import ClusterError
from tests.kibana.endpoints import ROUTES
from tests.kibana.refusals import Refusal, not_found
from tests.kibana.routing import Call
from tests.kibana.simulator import Simulator
from tests.kibana.status_endpoints import ANONYMOUS, NOBODY

_READS = ("GET", "HEAD", "OPTIONS")
_LOGIN = 'Basic realm="Authorization Required"'


class Disconnect(Exception):
    """The connection is closed without an answer."""


class Application:
    """What answers on the simulator's port."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as Kibana does, or break its connection."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
            response = await run_in_threadpool(self._answered, request, body)
            response.headers["kbn-name"] = "kibana-simulator"
            response.headers["kbn-license-sig"] = self._simulator.options.license
            await response(scope, receive, send)
        except Disconnect:
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            if transport is None:
                raise
            transport.abort()
            await asyncio.sleep(0)  # let the server see that nobody is there

    def _answered(self, request: Request, body: bytes) -> Response:
        raw = request.scope["raw_path"].decode()
        if raw.startswith("/simulator/"):
            return control.answered(self._simulator, request.method, raw, body)
        space, parts = routing.split(raw)
        path = "/" + "/".join(parts)
        try:
            before = self._fault(request.method, path, body)
            if before is not None:
                return before
            answer = self._handled(request, space, path, parts, body)
        except Refusal as refusal:
            return refusal.response()
        except ClusterError as refused:
            return Refusal(refused.status, str(refused)).response()
        except Disconnect:
            raise
        except Exception:  # noqa: BLE001 - a mistake of the simulator's own is to be seen
            traceback.print_exc()
            return Refusal(
                500, "An internal server error occurred. Check Kibana server logs."
            ).response()
        if self._simulator.faults.take("answer_lost", request.method, path):
            raise Disconnect
        return answer

    def _fault(self, method: str, path: str, body: bytes) -> Response | None:
        faults = self._simulator.faults
        slow = faults.take("slow", method, path)
        if slow:
            time.sleep(float(slow.get("seconds", 1.0)))
        if faults.take("kibana_down", method, path):
            return Response("Kibana server is not ready yet", 503, {"Retry-After": "30"})
        if faults.take("disconnect", method, path):
            raise Disconnect
        limited = faults.take("rate_limit", method, path)
        if limited:
            refusal = Refusal(429, "Too Many Requests")
            refusal.headers["Retry-After"] = str(limited.get("retry_after", 1))
            raise refusal
        large = faults.peek("too_large", method, path)
        exceeds = large is not None and len(body) > int(large.get("bytes", 0))
        if large is not None and exceeds and faults.take("too_large", method, path):
            raise _too_large(int(large.get("bytes", 0)))
        if method not in _READS and faults.take("conflict", method, path):
            raise Refusal(409, "version conflict, required seqNo and primary term do not match")
        fault = faults.take("refuse", method, path)
        if fault:
            status, text = int(fault.get("status", 503)), str(fault.get("text", "refused"))
            if fault.get("html", False):
                page = f"<html><body><h1>{text}</h1></body></html>"
                return Response(page, status, media_type="text/html")
            raise Refusal(status, text)
        return None

    def _handled(
        self, request: Request, space: str, path: str, parts: list[str], body: bytes
    ) -> Response:
        simulator, method = self._simulator, request.method
        authorization = request.headers.get("authorization")
        user = simulator.accounts.known(authorization)
        if user is None and (authorization is not None or path not in ANONYMOUS):
            raise _unauthorized(authorization)
        if method not in _READS and "kbn-xsrf" not in request.headers:
            raise Refusal(400, "Request must contain a kbn-xsrf header.")
        if (
            path.startswith("/internal/")
            and simulator.version.internal_routes_refused
            and "x-elastic-internal-origin" not in request.headers
        ):
            raise Refusal(
                400,
                f"uri [{path}] with method [{method.lower()}] exists but is not available with the "
                "current configuration",
            )
        found = routing.find(ROUTES, simulator.version, method, parts)
        if found is None:
            raise not_found()
        route, named = found
        if len(body) > route.largest:
            raise _too_large(route.largest)
        lists: dict[str, list[str]] = {}
        for name, value in parse_qsl(request.url.query, keep_blank_values=True):
            lists.setdefault(name, []).append(value)
        call = Call(
            simulator,
            method,
            path,
            space,
            named,
            {name: values[-1] for name, values in lists.items()},
            lists,
            request.headers,
            body,
            user or NOBODY,
        )
        call.require(*route.privileges)
        return route.handler(call)


def _too_large(most: int) -> Refusal:
    return Refusal(413, f"Payload content length greater than maximum allowed: {most}")


def _unauthorized(authorization: str | None) -> Refusal:
    scheme = (authorization or "").partition(" ")[0].lower()
    if authorization is None:
        text = "Unauthorized"
    elif scheme == "apikey":
        text = (
            "[security_exception\n\tRoot causes:\n\t\tsecurity_exception: unable to authenticate "
            "with provided credentials and anonymous access is not allowed for this request]"
        )
    else:
        text = (
            "[security_exception\n\tRoot causes:\n\t\tsecurity_exception: unable to authenticate "
            "user for REST request [/_security/_authenticate]]"
        )
    refusal = Refusal(401, text)
    refusal.headers["WWW-Authenticate"] = _LOGIN
    return refusal
