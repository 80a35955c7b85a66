"""A simulator of the paths of Splunk Web that an app's own pages need, in front of a splunkd.

It logs people in, serves the app's pages and files, and passes calls on to splunkd under
``/<language>/splunkd/__raw/``: only to what the app exposes, and changes only together with the key
that stands in a cookie of its own. No real Splunk Web has confirmed it.
"""

import html
import json
import mimetypes
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.splunkd_handlers import Handlers

LANGUAGE = "en-US"
RAW = "/splunkd/__raw"
_SCRIPT = "text/javascript; charset=utf-8"
_READS = ("GET", "HEAD", "OPTIONS")


class Web:
    """Splunk Web for one app, as an ASGI application."""

    def __init__(self, splunkd: ASGIApp, app: Path) -> None:
        """Serve the built *app* in front of *splunkd*."""
        self._splunkd = splunkd
        self._app = app
        self._handlers = Handlers(app)
        self._users: dict[str, str] = {}  # by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        page = _Page(request, self._users)
        root, _, path = scope["path"].lstrip("/").partition("/")
        if root != LANGUAGE:
            response: Response = RedirectResponse(f"/{LANGUAGE}{scope['path']}{_asked(request)}")
        elif ("/" + path).startswith(RAW + "/"):
            await self._passed_on(page, ("/" + path).removeprefix(RAW), receive, send)
            return
        elif path == "account/login":
            response = await self._log_in(page, await request.body())
        elif path.startswith("config"):
            response = Response(f"window.$C = {json.dumps(page.config)};", media_type=_SCRIPT)
        elif path.startswith("i18ncatalog"):
            response = Response("", media_type=_SCRIPT)
        elif path.startswith("static/"):
            response = self._file(re.sub(r"^static/(@[^/]+/)?", "", path))
        else:
            response = self._view(page, path)
        await response(scope, receive, send)

    async def _passed_on(self, page: "_Page", path: str, receive: Receive, send: Send) -> None:
        """Let splunkd answer what a page asks it."""
        scope = page.request.scope
        refused = self._refused(page, path)
        if refused is not None:
            await refused(scope, receive, send)
            return
        key = f"Splunk {page.session}".encode()
        kept = [(n, v) for n, v in scope["headers"] if n not in (b"cookie", b"authorization")]
        inner = {**scope, "path": path, "raw_path": quote(path, safe="/%:*").encode(),
                 "headers": [*kept, (b"authorization", key)]}  # fmt: skip
        await self._splunkd(inner, receive, send)

    def _refused(self, page: "_Page", path: str) -> Response | None:
        method = page.request.method
        if not page.session:
            return _json(
                {"messages": [{"type": "WARN", "text": "call not properly authenticated"}]}, 401
            )
        if method not in _READS and page.request.headers.get("x-splunk-form-key") != page.form_key:
            text = "Splunk cannot authenticate the request. CSRF validation failed."
            return _json({"messages": [{"type": "ERROR", "text": text}]}, 401)
        own = re.fullmatch(r"/services(?:NS/[^/]+/[^/]+)?/(scoreback[^?]*)", path)
        if own and not self._handlers.exposed(method, own[1]):
            return _json({"messages": [{"type": "ERROR", "text": "Not Found"}]}, 404)
        return None

    async def _log_in(self, page: "_Page", body: bytes) -> Response:
        asked = dict(parse_qsl(page.request.url.query))
        to = asked.get("return_to", f"/{LANGUAGE}/app/{self._app.name}/configuration")
        if page.request.method != "POST":
            return Response(_LOGIN.format(to=html.escape(to)), media_type="text/html")
        form = dict(parse_qsl(body.decode()))
        session = await _session(self._splunkd, page.request.scope, form)
        if session is None:
            return Response(_LOGIN.format(to=html.escape(to)), 401, media_type="text/html")
        self._users[session] = form["username"]
        response = RedirectResponse(form.get("return_to") or to, 303)
        response.set_cookie(f"splunkd_{page.port}", session, httponly=True, samesite="lax")
        response.set_cookie(f"splunkweb_csrf_token_{page.port}", secrets.token_hex(16))
        return response

    def _view(self, page: "_Page", path: str) -> Response:
        named = re.fullmatch(r"app/([^/]+)/(\w+)", path)
        if named is None or named[1] != self._app.name:
            return Response("Page not found", 404)
        if not page.session:
            to = urlencode({"return_to": page.request.url.path + _asked(page.request)})
            return RedirectResponse(f"/{LANGUAGE}/account/login?{to}", 303)
        file = self._app / "default" / "data" / "ui" / "views" / f"{named[2]}.xml"
        if not file.is_file():
            return Response("Page not found", 404)
        view = ET.fromstring(file.read_text())  # noqa: S314 - the app's own file
        template = view.attrib.get("template", "").removeprefix(f"{self._app.name}:/")
        if view.attrib.get("type") != "html" or not template:
            return Response("the simulator draws only pages of the app's own", 501)
        shown = self._app / "appserver" / template
        return Response(shown.read_bytes(), media_type="text/html; charset=utf-8")

    def _file(self, path: str) -> Response:
        if path == "js/i18n.js":
            return Response(_I18N, media_type=_SCRIPT)
        static = (self._app / "appserver" / "static").resolve()
        file = (static / path.removeprefix(f"app/{self._app.name}/")).resolve()
        if not path.startswith(f"app/{self._app.name}/") or not file.is_file():
            return Response("File not found", 404)
        if not file.is_relative_to(static):
            return Response("File not found", 404)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), media_type=kind)


class _Page:
    """A request with what Splunk Web knows of it."""

    def __init__(self, request: Request, users: Mapping[str, str]) -> None:
        self.request = request
        self._users = users
        self.port = request.url.port or 8000

    @property
    def session(self) -> str:
        return self.request.cookies.get(f"splunkd_{self.port}", "")

    @property
    def user(self) -> str:
        return self._users.get(self.session, "")

    @property
    def form_key(self) -> str:
        return self.request.cookies.get(f"splunkweb_csrf_token_{self.port}", "")

    @property
    def config(self) -> Mapping[str, object]:
        return {
            "LOCALE": LANGUAGE, "MRSPARKLE_ROOT_PATH": "", "MRSPARKLE_PORT_NUMBER": self.port,
            "SPLUNKD_PATH": f"/{LANGUAGE}{RAW}", "BUILD_NUMBER": "0", "VERSION_LABEL": "simulator",
            "USERNAME": self.user, "SERVER_TIMEZONE_OFFSET": 0,
            "SERVER_ZONEINFO": "Y0 NW 55 54 43;",  # UTC, as Splunk writes a zone
        }  # fmt: skip


async def _session(splunkd: ASGIApp, scope: Scope, form: Mapping[str, str]) -> str | None:
    """The key of a new session, if splunkd takes the password."""
    named = {name: form.get(name, "") for name in ("username", "password")}
    body = urlencode({**named, "output_mode": "json"}).encode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(body)),
        "host": "127.0.0.1",
    }
    path = "/services/auth/login"
    inner = {
        **scope,
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await splunkd(inner, receive, send)
    if sent[0]["status"] != 200:
        return None
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return str(json.loads(content)["sessionKey"])


def _asked(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _json(content: object, status: int) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


_LOGIN = """<!DOCTYPE html><html lang="en"><head><title>Login (simulator)</title></head><body>
<form method="post"><input type="hidden" name="return_to" value="{to}"/>
<label>Username <input name="username"/></label>
<label>Password <input name="password" type="password"/></label>
<button type="submit">Sign in</button></form></body></html>
"""
_I18N = """window._ = window.gettext = function (text) { return text; };
window.ungettext = window.ngettext = function (one, many, n) { return n === 1 ? one : many; };
"""
