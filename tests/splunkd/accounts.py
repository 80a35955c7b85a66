"""Users, roles and capabilities, sessions and tokens."""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.splunkd.clock import Clock

SESSION_TIMEOUT = 3600.0
USER_CAPABILITIES = frozenset(
    {
        "change_own_password", "get_metadata", "get_typeahead", "list_inputs", "output_file",
        "request_remote_tok", "rest_apps_view", "rest_properties_get", "rest_properties_set",
        "schedule_rtsearch", "search", "list_all_objects", "list_tokens_own", "run_collect",
    }
)  # fmt: skip
POWER_CAPABILITIES = USER_CAPABILITIES | {
    "embed_report", "rtsearch", "schedule_search", "list_search_head_clustering",
    "list_settings", "edit_own_objects",
}  # fmt: skip
ADMIN_CAPABILITIES = POWER_CAPABILITIES | {
    "admin_all_objects", "accelerate_search", "change_authentication", "edit_indexes",
    "edit_user", "edit_roles", "edit_kvstore", "edit_storage_passwords", "list_storage_passwords",
    "edit_tokens_all", "edit_tokens_own", "edit_tokens_settings", "list_tokens_all",
    "edit_token_http", "edit_search_scheduler", "edit_search_server", "edit_server",
    "edit_local_apps", "indexes_edit", "restart_splunkd", "list_search_scheduler",
    "edit_search_head_clustering", "upload_lookup_files", "edit_messages", "license_edit",
    "edit_notable_events", "edit_log_alert_event", "delete_messages", "edit_restmap",
    "list_introspection", "edit_input_defaults", "edit_health", "run_debug_commands",
}  # fmt: skip


@dataclass
class Role:
    """What its users may do."""

    name: str
    capabilities: set[str] = field(default_factory=set)
    imported: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class User:
    """Somebody who can log in."""

    name: str
    password: str = field(repr=False)
    roles: list[str]
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class _Session:
    user: str
    used_at: float


class Accounts:
    """Who is known, and who is logged in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.roles = {
            "user": Role("user", set(USER_CAPABILITIES)),
            "power": Role("power", set(POWER_CAPABILITIES), ["user"]),
            "admin": Role("admin", set(ADMIN_CAPABILITIES), ["power", "user"]),
            "can_delete": Role("can_delete", {"delete_by_keyword"}),
        }
        self.users = {"admin": User("admin", "changed!", ["admin"])}
        self.known_capabilities = set(ADMIN_CAPABILITIES) | {"delete_by_keyword"}
        self._system = User("splunk-system-user", "", ["admin"])
        self._sessions: dict[str, _Session] = {}
        self.tokens: dict[str, dict[str, str]] = {}

    def log_in(self, name: str, password: str) -> str | None:
        """A session key, if the password is right."""
        user = self.users.get(name)
        if user is None or not secrets.compare_digest(user.password.encode(), password.encode()):
            return None
        return self.session_of(name)

    def session_of(self, name: str) -> str:
        """A new session key of somebody."""
        key = secrets.token_urlsafe(48)
        self._sessions[key] = _Session(name, self._clock.now())
        return key

    def system_session(self) -> str:
        """A new session key of splunkd itself."""
        return self.session_of(self._system.name)

    def log_out(self, key: str) -> None:
        """Forget a session."""
        self._sessions.pop(key, None)

    def expire_sessions(self) -> None:
        """Forget all sessions."""
        self._sessions.clear()

    def issue_token(self, name: str, audience: str = "scoreback") -> tuple[str, str]:
        """An authentication token, in the form of a JWT, and its id."""
        token_id = secrets.token_hex(16)
        parts = ({"kid": "splunk.secret", "alg": "HS512"}, {"sub": name, "jti": token_id})
        coded = [
            base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts
        ]
        token = ".".join([*coded, secrets.token_urlsafe(32)])
        self.tokens[token] = {"id": token_id, "user": name, "audience": audience}
        return token, token_id

    def user_of(self, authorization: str, cookies: Iterable[tuple[str, str]]) -> User | None:
        """Who sent a request. A cookie of splunkd wins over the header."""
        for name, value in cookies:
            if name.startswith("splunkd_"):
                return self._of_session(value)
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() == "splunk":
            return self._of_session(secret) or self._of_token(secret)
        if scheme.lower() == "bearer":
            return self._of_token(secret) or self._of_session(secret)
        if scheme.lower() == "basic":
            name, _, password = (
                base64.b64decode(secret + "==").decode(errors="replace").partition(":")
            )
            user = self.users.get(name)
            known = user and secrets.compare_digest(user.password.encode(), password.encode())
            return user if known else None
        return None

    def _of_session(self, key: str) -> User | None:
        session = self._sessions.get(key)
        now = self._clock.now()
        if session is None or now - session.used_at > SESSION_TIMEOUT:
            self._sessions.pop(key, None)
            return None
        session.used_at = max(session.used_at, now)
        return self._system if session.user == self._system.name else self.users.get(session.user)

    def _of_token(self, token: str) -> User | None:
        given = self.tokens.get(token)
        return self.users.get(given["user"]) if given else None

    def capabilities(self, roles: Iterable[str]) -> set[str]:
        """What somebody with these roles may do, with what the roles import."""
        found: set[str] = set()
        waiting, seen = list(roles), set[str]()
        while waiting:
            role = self.roles.get(waiting.pop())
            if role is None or role.name in seen:
                continue
            seen.add(role.name)
            found |= role.capabilities
            waiting += role.imported
        return found

    def may(self, user: User, capability: str) -> bool:
        """Whether *user* has a capability."""
        return capability in self.capabilities(user.roles)
