"""From a request's path to the function that answers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from starlette.datastructures import Headers
from starlette.responses import Response

from tests.splunkd import atom
from tests.splunkd.accounts import User
from tests.splunkd.messages import Refusal

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance

DEFAULT_APP = "search"


@dataclass(frozen=True)
class Call:
    """A request to the management port, after authentication."""

    instance: "Instance"
    method: str
    path: str
    owner: str
    """Of the namespace: a user, ``nobody`` or ``-``."""
    app: str
    """Of the namespace: an app, ``system`` or ``-``."""
    parts: Mapping[str, str]
    args: Mapping[str, str]
    """Query and form together; of repeated ones the last."""
    lists: Mapping[str, list[str]]
    query: Mapping[str, str]
    headers: Headers
    body: bytes = field(repr=False)
    origin: str
    """The address of what was asked for, with scheme and host."""
    user: User
    session_key: str = field(repr=False, default="")

    @property
    def output_mode(self) -> str:
        """The format that was asked for."""
        return self.args.get("output_mode", "xml")

    @property
    def writes_to(self) -> tuple[str, str]:
        """Owner and app of what this request creates."""
        return (
            self.user.name if self.owner == "-" else self.owner,
            DEFAULT_APP if self.app == "-" else self.app,
        )

    def require(self, *capabilities: str) -> None:
        """Refuse whoever has none of the capabilities."""
        if not any(self.instance.accounts.may(self.user, name) for name in capabilities):
            raise Refusal(
                403,
                "You (user=" + self.user.name + ") do not have permission to perform this "
                "operation (requires capability: " + " OR ".join(capabilities) + ").",
            )

    def needed(self, name: str) -> str:
        """An argument that has to be there."""
        value = self.args.get(name)
        if value is None:
            raise Refusal(400, f"The following required arguments are missing: {name}.")
        return value

    def number(self, name: str, otherwise: int) -> int:
        """A whole number among the arguments."""
        given = self.args.get(name, "")
        try:
            return int(given) if given else otherwise
        except ValueError:
            raise Refusal(400, f"Invalid value {given!r} for argument {name!r}.") from None

    def feed(self, feed: atom.Feed, status: int = 200) -> Response:
        """Entities in the format that was asked for."""
        version = self.instance.version
        return atom.response(feed, self.output_mode, version, self.origin, status)

    def one(self, entry: atom.Entry, status: int = 200) -> Response:
        """One entity."""
        return self.feed(atom.Feed(entry.endpoint, [entry]), status)

    def page(self, title: str, entries: list[atom.Entry]) -> Response:
        """Those of the entities that the arguments ask for."""
        search = self.args.get("search", "")
        if search:
            entries = [entry for entry in entries if _matches(entry, search)]
        key = self.args.get("sort_key", "name")
        entries = sorted(
            entries,
            key=lambda e: str(e.name if key == "name" else e.content.get(key, "")).lower(),
            reverse=self.args.get("sort_dir") == "desc",
        )
        wanted = self.lists.get("f")
        count, offset = self.number("count", 30), max(0, self.number("offset", 0))
        shown = entries[offset:] if count <= 0 else entries[offset : offset + count]
        if wanted:
            shown = [_only(entry, wanted) for entry in shown]
        return self.feed(
            atom.Feed(title, shown, len(entries), max(count, 0) or len(entries), offset)
        )


def _matches(entry: atom.Entry, search: str) -> bool:
    """Whether an entity has what was searched: ``name=x``, or words anywhere in it."""
    for term in search.split():
        key, equals, value = term.partition("=")
        value = value.strip('"').lower()
        if equals and (key in ("name", "title") or key in entry.content):
            own = entry.name if key in ("name", "title") else str(entry.content.get(key))
            if value.strip("*") not in own.lower() if "*" in value else value != own.lower():
                return False
        elif term.strip('"*').lower() not in f"{entry.name} {entry.content}".lower():
            return False
    return True


def _only(entry: atom.Entry, fields: list[str]) -> atom.Entry:
    return replace(entry, content={k: v for k, v in entry.content.items() if k in fields})


Handler = Callable[[Call], Response]


@dataclass(frozen=True)
class Route:
    """A method and a pattern of path parts, some of them named."""

    method: str
    pattern: tuple[str, ...]
    handler: Handler
    without_login: bool = False

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """The named parts of a path, or None."""
        if len(parts) != len(self.pattern):
            return None
        named: dict[str, str] = {}
        for pattern, part in zip(self.pattern, parts, strict=True):
            if "{" in pattern:
                before, _, rest = pattern.partition("{")
                if not part.startswith(before):
                    return None
                named[rest[:-1]] = part[len(before) :]
            elif pattern != part:
                return None
        return named


class Router:
    """The routes of one topic."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def on(
        self, methods: str, *paths: str, without_login: bool = False
    ) -> Callable[[Handler], Handler]:
        """Answer requests of *methods* (``GET POST``) to *paths* with the decorated function."""

        def remember(handler: Handler) -> Handler:
            self.routes += [
                Route(method, tuple(path.split("/")), handler, without_login)
                for path in paths
                for method in methods.split()
            ]
            return handler

        return remember


@dataclass(frozen=True)
class Place:
    """Where a path leads: its namespace, and its parts below it."""

    owner: str
    app: str
    parts: list[str]


def place(raw_path: str) -> Place | None:
    """The namespace and parts of ``/services/...`` or ``/servicesNS/{owner}/{app}/...``."""
    parts = [unquote_plus(part) for part in raw_path.split("/")[1:]]
    while parts and not parts[-1]:
        parts.pop()
    if parts and parts[0] == "services":
        return Place("-", "-", parts[1:])
    if len(parts) > 3 and parts[0] == "servicesNS":
        return Place(parts[1], parts[2], parts[3:])
    return None


def find(routes: list[Route], method: str, parts: list[str]) -> tuple[Route, dict[str, str]] | None:
    """The first route that answers; a path that is known for other methods only is refused."""
    known = False
    for route in routes:
        named = route.match(parts)
        if named is None:
            continue
        if route.method == method:
            return route, named
        known = True
    if known:
        raise Refusal(405, "Method Not Allowed")
    return None
