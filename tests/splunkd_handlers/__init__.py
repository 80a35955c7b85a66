"""Runs the REST handlers that an app declares, as splunkd would: each call in a process of its own.

What handlers import of Splunk's own Python are stand-ins of ours (`stand_ins/splunk`), which know
what the app's handlers use and no more. No real Splunk has confirmed them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SECONDS = 60  # that a handler may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to a handler, after splunkd has found out who asks."""

    method: str
    path: str  # behind /services, or behind /servicesNS/<owner>/<app>: /scoreback/verdict
    user: str
    session_key: str
    system_key: str  # of splunkd's own account
    uri: str  # of the splunkd that asks: https://127.0.0.1:8089
    capabilities: frozenset[str]
    query: Sequence[tuple[str, str]] = ()
    form: Sequence[tuple[str, str]] = ()
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entity of an answer, as feeds have it."""

    name: str
    content: Mapping[str, Any]
    acl: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a handler said: a *payload* of its own, or *entries* of a feed, or a *message*."""

    status: int
    payload: Any = None
    entries: tuple[Entry, ...] | None = None
    message: str = ""


@dataclass(frozen=True)
class Handlers:
    """The handlers of one app."""

    app: Path
    python: str = sys.executable
    authority: Path | None = None  # of splunkd's certificate, where it has one
    _restmap: RawConfigParser = field(init=False, repr=False)
    _web: RawConfigParser = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read what the app declares."""
        object.__setattr__(self, "_restmap", _conf(self.app / "default" / "restmap.conf"))
        object.__setattr__(self, "_web", _conf(self.app / "default" / "web.conf"))

    def exposed(self, method: str, path: str) -> bool:
        """Whether Splunk Web passes *method* on to *path*."""
        for name in self._web.sections():
            if not name.startswith("expose:"):
                continue
            pattern = re.escape(self._web[name]["pattern"]).replace(r"\*", "[^/]+")
            methods = self._web[name].get("methods", "GET").replace(" ", "").split(",")
            if re.fullmatch(pattern, path.strip("/")) and method in methods:
                return True
        return False

    def answer(self, call: Call) -> Reply | None:
        """Let a handler of the app answer *call*; None where none is for its path."""
        for name in self._restmap.sections():
            stanza = self._restmap[name]
            if name.startswith("script:") and _under(call.path, stanza["match"]):
                missing = _missing(stanza, call)
                return missing or self._persistent(stanza, call)
            if name.startswith("admin:"):
                members = stanza["members"].replace(" ", "").split(",")
                member, _, entity = call.path.strip("/").partition("/")
                if member in members and stanza.get("match", "/") == "/":
                    missing = _missing(stanza, call)
                    return missing or self._admin(member, entity, call)
        return None

    def _persistent(self, stanza: Mapping[str, str], call: Call) -> Reply:
        request = {
            "method": call.method,
            "rest_path": call.path,
            "query": [list(pair) for pair in call.query],
            "form": [list(pair) for pair in call.form],
            "payload": call.body if _on(stanza, "passPayload") else None,
            "server": {"rest_uri": call.uri},
            "session": {"user": call.user, "authtoken": call.session_key}
            if _on(stanza, "passSession")
            else {},
        }
        if _on(stanza, "passSystemAuth"):
            request["system_authtoken"] = call.system_key
        module, _, name = stanza["handler"].partition(".")
        told = self._run({"kind": "persistent", "module": module, "class": name}, request, call)
        return Reply(status=told["status"], payload=told["payload"])

    def _admin(self, member: str, entity: str, call: Call) -> Reply:
        stanza = self._restmap[f"admin_external:{member}"]
        action = _action(call.method, entity)
        if action not in stanza["handleractions"].replace(" ", "").split(","):
            return Reply(status=405, message=f"{member} does not {action}")
        given: dict[str, list[str]] = {}
        for key, value in (*call.query, *call.form):
            if key not in ("output_mode", "count", "name", "offset", "search", "sort_key"):
                given.setdefault(key, []).append(value)
        named = dict(call.form).get("name") if action == "create" else entity
        request = {"action": action, "name": named or None, "given": given, "user": call.user,
                   "app": self.app.name, "session_key": call.session_key}  # fmt: skip
        told = self._run({"kind": "admin", "script": stanza["handlerfile"]}, request, call)
        if "entries" not in told:
            return Reply(status=told["status"], message=told["message"])
        status = 201 if action == "create" else 200
        return Reply(status=status, entries=tuple(Entry(**entry) for entry in told["entries"]))

    def _run(self, handler: dict[str, str], request: dict[str, Any], call: Call) -> Any:  # noqa: ANN401
        with tempfile.TemporaryDirectory() as home:
            apps = Path(home) / "etc" / "apps"
            apps.mkdir(parents=True)
            app = apps / "scoreback"
            app.symlink_to(self.app.resolve())
            if self.authority is not None:
                (Path(home) / "etc" / "auth").mkdir()
                shutil.copy(self.authority, Path(home) / "etc" / "auth" / "cacert.pem")
            environment = {
                "PATH": os.environ["PATH"],
                "SPLUNK_HOME": home,
                "SPLUNKD_URI": call.uri,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONIOENCODING": "utf-8",
            }
            said = json.dumps({"handler": handler, "request": request, "bin": str(app / "bin")})
            done = subprocess.run(
                [self.python, str(HERE / "runner.py")], input=said, env=environment,
                capture_output=True, text=True, check=False, timeout=SECONDS,
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the handler {handler} failed:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])


class _Conf(RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr  # keys have capital letters


def _conf(path: Path) -> RawConfigParser:
    found = _Conf(delimiters=("=",), comment_prefixes=("#",), strict=True)
    found.read(path, "utf-8")
    return found


def _under(path: str, match: str) -> bool:
    return path == match or path.startswith(match.rstrip("/") + "/")


def _missing(stanza: Mapping[str, str], call: Call) -> Reply | None:
    needed = stanza.get(f"capability.{call.method.lower()}", stanza.get("capability", ""))
    if needed and needed not in call.capabilities:
        return Reply(status=403, message=f"{call.user} lacks the capability {needed}")
    return None


def _on(stanza: Mapping[str, str], key: str) -> bool:
    return stanza.get(key, "false").lower() in ("true", "1")


def _action(method: str, entity: str) -> str:
    if method == "GET":
        return "list"
    if method == "DELETE":
        return "remove"
    return "edit" if entity else "create"
