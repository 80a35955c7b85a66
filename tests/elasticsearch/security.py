"""A simulator of Elasticsearch's security before the core node, which has none.

It keeps to the documented shapes of ``/_security`` for users with a password and API keys, and lets
a request through only if the key's role has what `tests.elasticsearch.rights` says that the call
needs. What the real server would decide is not confirmed by it.
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.elasticsearch.faults import PRODUCT_HEADER, Forward, Reply, Request
from tests.elasticsearch.proxy import Proxy
from tests.elasticsearch.rights import CLUSTER, Need, has, lacking, needs

USER, PASSWORD = "elastic", "changeme"
EVERYTHING: Mapping[str, Any] = {
    "cluster": ["all"],
    "indices": [{"names": ["*"], "privileges": ["all"]}],
}
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60}


@dataclass
class _Key:
    name: str
    key_id: str
    secret: str
    role: Mapping[str, Any]
    expires: float | None
    body: Mapping[str, Any]

    @property
    def encoded(self) -> str:
        return base64.b64encode(f"{self.key_id}:{self.secret}".encode()).decode()


@dataclass
class Security:
    """Stands before the node as a fault of its proxy."""

    keys: dict[str, _Key] = field(default_factory=dict)
    refused: list[tuple[str, str, list[Need]]] = field(default_factory=list)
    """Requests that a key may not make, with what it lacks."""

    def before(self, proxy: Proxy) -> None:
        """Ask for credentials at *proxy* from now on."""
        proxy.add(self.answer, times=None)

    def add_key(self, body: Mapping[str, Any]) -> str:
        """Make the key that the body of ``POST /_security/api_key`` asks for; its encoded form."""
        roles = (body.get("role_descriptors") or {"all": EVERYTHING}).values()
        role = {
            "cluster": [one for role in roles for one in role.get("cluster", ())],
            "indices": [one for role in roles for one in role.get("indices", ())],
            "applications": [one for role in roles for one in role.get("applications", ())],
        }
        expires = body.get("expiration")
        at = None if expires is None else time.time() + int(expires[:-1]) * _SECONDS[expires[-1]]
        key = _Key(body["name"], secrets.token_hex(10), secrets.token_urlsafe(16), role, at, body)
        self.keys[key.key_id] = key
        return key.encoded

    def add_known(self, encoded: str, body: Mapping[str, Any]) -> None:
        """Know a key that was made elsewhere, as Kibana and its cluster know the same keys."""
        made = self.keys.pop(_id(self.add_key(body)))
        made.key_id, _, made.secret = base64.b64decode(encoded).decode().partition(":")
        self.keys[made.key_id] = made

    def answer(self, request: Request, forward: Forward) -> Reply:
        """What the client gets."""
        role, key = self._known(request.headers.get("authorization", ""))
        if role is None:
            return _refusal(401, "unable to authenticate with provided credentials")
        path = urlsplit(request.path).path
        if path.startswith("/_security/"):
            return self._own(request, path, role, key)
        missing = lacking(role, needs(request.method, request.path, request.content))
        if missing:
            self.refused.append((request.method, request.path, missing))
            said = ", ".join(f"{one.privilege} on [{one.index}]" for one in missing)
            return _refusal(403, f"action is unauthorized for API key, it lacks {said}")
        return forward(request)

    def _known(self, authorization: str) -> tuple[Mapping[str, Any] | None, _Key | None]:
        scheme, _, value = authorization.partition(" ")
        try:
            name, _, secret = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return None, None
        if scheme.lower() == "basic" and (name, secret) == (USER, PASSWORD):
            return EVERYTHING, None
        key = self.keys.get(name) if scheme.lower() == "apikey" else None
        if key is None or key.secret != secret or (key.expires or 1e12) < time.time():
            return None, None
        return key.role, key

    def _own(self, request: Request, path: str, role: Mapping[str, Any], key: _Key | None) -> Reply:
        if (request.method, path) == ("GET", "/_security/_authenticate"):
            about = {"api_key": {"id": key.key_id, "name": key.name}} if key else {}
            return _reply({"username": USER, **about})
        if (request.method, path) == ("POST", "/_security/user/_has_privileges"):
            return _reply(_privileges(role, json.loads(request.content)))
        if (request.method, path) == ("POST", "/_security/api_key"):
            given = json.loads(request.content)
            if key is not None and given.get("role_descriptors"):
                return _refusal(400, "creating derived api keys requires an empty role descriptor")
            made = self.keys[_id(self.add_key(given))]
            return _reply(
                {"id": made.key_id, "name": made.name, "api_key": made.secret,
                 "encoded": made.encoded}
            )  # fmt: skip
        if (request.method, path) == ("GET", "/_security/api_key"):
            query = parse_qs(urlsplit(request.path).query)
            found = self.keys.get(query.get("id", [""])[0])
            if found is None or (key is not None and found is not key):
                return _refusal(403, "action is unauthorized")
            ends = {"expiration": int(found.expires * 1000)} if found.expires else {}
            return _reply({"api_keys": [{"id": found.key_id, "name": found.name, **ends}]})
        return _refusal(400, f"no handler found for uri [{path}]")


def _id(encoded: str) -> str:
    return base64.b64decode(encoded).decode().partition(":")[0]


def _privileges(role: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    cluster = {one: has(role, Need(CLUSTER, one)) for one in asked.get("cluster", ())}
    index: dict[str, dict[str, bool]] = {}
    for entry in asked.get("index", ()):
        for name in entry["names"]:
            said = {one: has(role, Need(name, one)) for one in entry["privileges"]}
            index.setdefault(name, {}).update(said)
    application: dict[str, dict[str, dict[str, bool]]] = {}
    for entry in asked.get("application", ()):
        for resource in entry["resources"]:
            said = application.setdefault(entry["application"], {}).setdefault(resource, {})
            said |= {one: _may(role, resource, one) for one in entry["privileges"]}
    every = [
        *cluster.values(),
        *(one for said in index.values() for one in said.values()),
        *(one for of in application.values() for said in of.values() for one in said.values()),
    ]
    return {
        "username": USER, "has_all_requested": all(every), "cluster": cluster, "index": index,
        "application": application,
    }  # fmt: skip


def _may(role: Mapping[str, Any], resource: str, privilege: str) -> bool:
    """Whether *role* names the privilege of an application there, or all of them."""
    return "all" in role.get("cluster", ()) or any(
        {privilege, "all"} & set(entry["privileges"]) and {resource, "*"} & set(entry["resources"])
        for entry in role.get("applications", ())
    )


def _reply(document: object, status: int = 200) -> Reply:
    headers = {"content-type": "application/json", PRODUCT_HEADER: "Elasticsearch"}
    return Reply(status, headers, json.dumps(document).encode())


def _refusal(status: int, reason: str) -> Reply:
    error = {"type": "security_exception", "reason": reason}
    return _reply({"error": {"root_cause": [error], **error}, "status": status}, status)
