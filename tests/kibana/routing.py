"""From a request's path to the function that answers it.

An endpoint file has a ``router = Router()`` and decorates its functions with
``@router.on("GET POST", "/api/...", privileges=("rules-read",))``; ``endpoints.py`` lists the
files.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import Response

from tests.kibana.accounts import Principal
from tests.kibana.privileges import asked
from tests.kibana.refusals import JSON, DetectionRefusal, Refusal
from tests.kibana.versions import Version

if TYPE_CHECKING:
    from tests.kibana.simulator import Simulator


LARGEST = 1_048_576
"""Of a body: ``server.maxPayload`` where nobody changed it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request after authentication, in its space."""

    simulator: "Simulator"
    method: str
    path: str
    """Without the space's prefix."""
    space: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    """Of repeated parameters the last."""
    lists: Mapping[str, list[str]]
    headers: Headers
    body: bytes = field(repr=False)
    user: Principal

    @property
    def version(self) -> Version:
        """What the simulated version does differently."""
        return self.simulator.version

    @property
    def now(self) -> float:
        """The simulator's time."""
        return self.simulator.clock.now()

    @property
    def profile(self) -> str | None:
        """The profile's id of a person at a browser; whoever logs in with each request has none.

        A test plays such a person by the header ``simulated-session: NAME``, which no Kibana has.
        """
        name = self.headers.get("simulated-session")
        return f"u_{name}_0" if name else None

    def kept(self, kind: Callable[[], T]) -> T:
        """The store of this kind in this space; one is made where there is none."""
        return self.simulator.kept(kind, self.space)

    def json(self) -> Any:  # noqa: ANN401
        """The body, which has to be JSON."""
        try:
            return json.loads(self.body)
        except ValueError as wrong:
            raise Refusal(400, f"Invalid request payload JSON format: {wrong}") from wrong

    def given(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        found = self.json() if self.body else {}
        if not isinstance(found, dict):
            raise Refusal(400, "[request body]: Expected object, received " + _kind(found))
        return found

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """A boolean among the query's parameters."""
        text = self.query.get(name)
        if text is None:
            return otherwise
        if text not in ("true", "false"):
            raise Refusal(
                400,
                f"[request query]: {name}: Invalid enum value. Expected 'true' | 'false', "
                f"received '{text}'",
            )
        return text == "true"

    def number(self, name: str, otherwise: int, least: int = 0) -> int:
        """A whole number among the query's parameters."""
        text = self.query.get(name)
        if text is None:
            return otherwise
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise Refusal(
                400,
                f"[request query]: {name}: Number must be greater than or equal to {least}",
            )
        return number

    def file(self) -> tuple[str, bytes]:
        """Name and content of the part ``file`` of a multipart body."""
        found = self._part("file")
        if found is None:
            raise Refusal(
                400, "[request body.file]: expected value of type [Stream] but got [undefined]"
            )
        return found

    def part(self, name: str) -> bytes | None:
        """The content of another part of a multipart body; None where there is none."""
        found = self._part(name)
        return found[1] if found else None

    def _part(self, name: str) -> tuple[str, bytes] | None:
        kind = self.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            raise Refusal(415, "Unsupported Media Type")
        whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body)
        for part in whole.walk():
            if part.get_param("name", header="content-disposition") == name:
                content = part.get_payload(decode=True)
                return part.get_filename() or "", content if isinstance(content, bytes) else b""
        return None

    def may(self, privilege: str) -> bool:
        """Whether the user has an API privilege in this space."""
        if self.user.superuser:
            return True
        return privilege in self.user.granted(self.space, self.version)

    def require(self, *privileges: str) -> None:
        """Refuse whoever lacks one of the API privileges, in Kibana's words."""
        missing = [one for one in privileges if not self.may(one)]
        if missing and not self.version.rules_privileges and self.may("securitySolution"):
            verb = {"POST": "create", "DELETE": "delete"}.get(self.method, "update")
            raise DetectionRefusal(403, f'Unauthorized by "siem" to {verb} "siem.queryRule" rule')
        if missing:
            names = dict.fromkeys(asked(one, self.version) for one in missing)
            raise Refusal(
                403,
                f"API [{self.method} {self.path}] is unauthorized for user, this action is granted "
                f"by the Kibana privileges [{','.join(names)}]",
            )

    def answer(self, body: object, status: int = 200) -> Response:
        """JSON."""
        return Response(json.dumps(body), status, media_type=JSON)


def ndjson(lines: list[Any], name: str = "export.ndjson") -> Response:
    """Objects, a line each, as a file to be saved."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return Response(
        text,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
        media_type="application/ndjson",
    )


def _kind(found: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(found), "null")


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """A method and a pattern of path parts, some of them named."""

    method: str
    pattern: tuple[str, ...]
    handler: Handler
    privileges: tuple[str, ...] = ()
    when: Callable[[Version], bool] | None = None
    """Which versions have it; None: all."""
    largest: int = LARGEST
    """How many bytes a body may have."""

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The named parts of a path, or None."""
        if len(parts) != len(self.pattern):
            return None
        named: dict[str, str] = {}
        for pattern, part in zip(self.pattern, parts, strict=True):
            if pattern.startswith("{"):
                named[pattern[1:-1]] = part
            elif pattern != part:
                return None
        return named


class Router:
    """The routes of one topic."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def on(
        self,
        methods: str,
        *paths: str,
        privileges: tuple[str, ...] = (),
        when: Callable[[Version], bool] | None = None,
        largest: int = LARGEST,
    ) -> Callable[[Handler], Handler]:
        """Answer requests of *methods* (``GET POST``) to *paths* with the decorated function.

        Who lacks one of *privileges* is refused before. A version for which *when* is false answers
        404, as any version does to a path that it does not have.
        """

        def remember(handler: Handler) -> Handler:
            self.routes += [
                Route(method, tuple(path.strip("/").split("/")), handler, privileges, when, largest)
                for path in paths
                for method in methods.split()
            ]
            return handler

        return remember


def split(raw_path: str) -> tuple[str, list[str]]:
    """The space of a path, and its parts below the prefix ``/s/{space}``."""
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if len(parts) >= 2 and parts[0] == "s":
        return parts[1], parts[2:]
    return "default", parts


def find(
    routes: list[Route], version: Version, method: str, parts: list[str]
) -> tuple[Route, dict[str, str]] | None:
    """The first route of this version that answers; a fixed part is preferred to a named one."""
    found: list[tuple[Route, dict[str, str]]] = []
    for route in routes:
        if route.method != method or (route.when is not None and not route.when(version)):
            continue
        named = route.match(parts)
        if named is not None:
            found.append((route, named))
    return min(found, key=lambda pair: len(pair[1]), default=None)
