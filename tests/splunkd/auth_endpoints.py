"""Endpoints of login, the current user, users, roles, capabilities and tokens."""

from starlette.responses import Response

from tests.splunkd.accounts import Role, User
from tests.splunkd.atom import Entry
from tests.splunkd.messages import JSON, XML, Refusal, answer, not_found
from tests.splunkd.routing import Call, Router

router = Router()


@router.on("POST", "auth/login", without_login=True)
def _log_in(call: Call) -> Response:
    key = call.instance.accounts.log_in(
        call.args.get("username", ""), call.args.get("password", "")
    )
    if key is None:
        return answer(401, [("WARN", "Login failed")], call.output_mode, {})
    headers = {}
    if call.args.get("cookie") == "1":
        port = call.instance.url.rsplit(":", 1)[-1]
        headers["Set-Cookie"] = f"splunkd_{port}={key}; Path=/; HttpOnly; Max-Age=3600"
    if call.output_mode.startswith("json"):
        body = f'{{"sessionKey":"{key}","message":"","code":""}}'
        return Response(body, 200, headers, JSON)
    messages = "<messages>\n    <msg code=''></msg>\n  </messages>"
    body = f"<response>\n  <sessionKey>{key}</sessionKey>\n  {messages}\n</response>\n"
    return Response(body, 200, headers, XML)


@router.on("GET", "authentication/current-context", "authentication/current-context/context")
def _current(call: Call) -> Response:
    accounts, user = call.instance.accounts, call.user
    content = {
        "capabilities": sorted(accounts.capabilities(user.roles)),
        "defaultApp": "search",
        "defaultAppIsUserOverride": False,
        "email": "",
        "realname": user.settings.get("realname", user.name),
        "roles": user.roles,
        "username": user.name,
        "tz": "",
    }
    return call.one(Entry("context", "authentication/current-context", content, namespaced=False))


@router.on(
    "GET POST DELETE", "authentication/httpauth-tokens", "authentication/httpauth-tokens/{key}"
)
def _sessions(call: Call) -> Response:
    if call.method == "DELETE":
        call.instance.accounts.log_out(call.parts.get("key", ""))
    return call.page("httpauth-tokens", [])


def _user_entry(call: Call, user: User) -> Entry:
    content = {
        "capabilities": sorted(call.instance.accounts.capabilities(user.roles)),
        "roles": user.roles,
        "realname": "",
        "email": "",
        "defaultApp": "launcher",
        "type": "Splunk",
        "tz": "",
        **user.settings,
    }
    return Entry(user.name, "authentication/users", content, "system", "system", "system",
                 namespaced=False)  # fmt: skip


@router.on("GET POST", "authentication/users")
def _users(call: Call) -> Response:
    accounts = call.instance.accounts
    if call.method == "GET":
        return call.page("users", [_user_entry(call, u) for u in accounts.users.values()])
    call.require("edit_user", "admin_all_objects")
    name = call.needed("name").lower()
    if name in accounts.users:
        raise Refusal(400, f"User with name={name} already exists")
    roles = call.lists.get("roles", [])
    if not roles or any(role not in accounts.roles for role in roles):
        raise Refusal(400, f"Invalid roles for user {name}: {roles}")
    accounts.users[name] = User(name, call.needed("password"), list(roles))
    return call.one(_user_entry(call, accounts.users[name]), 201)


@router.on("GET POST DELETE", "authentication/users/{name}")
def _one_user(call: Call) -> Response:
    accounts, name = call.instance.accounts, call.parts["name"].lower()
    user = accounts.users.get(name)
    if user is None:
        raise not_found(f"authentication/users/{name}")
    if call.method != "GET":
        call.require("edit_user", "admin_all_objects")
    if call.method == "DELETE":
        del accounts.users[name]
        return call.page("users", [])
    if call.method == "POST":
        user.roles = list(call.lists.get("roles", user.roles))
        user.password = call.args.get("password", user.password)
        kept = {
            k: v for k, v in call.args.items() if k in ("email", "realname", "defaultApp", "tz")
        }
        user.settings |= kept
    return call.one(_user_entry(call, user))


def _role_entry(call: Call, role: Role) -> Entry:
    accounts = call.instance.accounts
    content = {
        "capabilities": sorted(role.capabilities),
        "imported_capabilities": sorted(accounts.capabilities(role.imported)),
        "imported_roles": role.imported,
        "srchIndexesAllowed": ["*"],
        "srchIndexesDefault": ["main"],
        "srchJobsQuota": 50 if role.name == "admin" else 6,
        "srchFilter": "",
        **role.settings,
    }
    return Entry(role.name, "authorization/roles", content, namespaced=False)


@router.on("GET POST", "authorization/roles")
def _roles(call: Call) -> Response:
    accounts = call.instance.accounts
    if call.method == "GET":
        return call.page("roles", [_role_entry(call, role) for role in accounts.roles.values()])
    call.require("edit_roles", "admin_all_objects")
    name = call.needed("name").lower()
    if name in accounts.roles:
        raise Refusal(409, f"Role with name={name} already exists")
    accounts.roles[name] = Role(name)
    return _set_role(call, accounts.roles[name], 201)


def _set_role(call: Call, role: Role, status: int = 200) -> Response:
    if "capabilities" in call.lists:
        role.capabilities = {c for c in call.lists["capabilities"] if c}
    if "imported_roles" in call.lists:
        role.imported = [r for r in call.lists["imported_roles"] if r]
    others = {"name", "capabilities", "imported_roles", "output_mode"}
    role.settings |= {k: v for k, v in call.args.items() if k not in others}
    return call.one(_role_entry(call, role), status)


@router.on("GET POST DELETE", "authorization/roles/{name}")
def _one_role(call: Call) -> Response:
    accounts, name = call.instance.accounts, call.parts["name"].lower()
    role = accounts.roles.get(name)
    if role is None:
        raise not_found(f"authorization/roles/{name}")
    if call.method == "GET":
        return call.one(_role_entry(call, role))
    call.require("edit_roles", "admin_all_objects")
    if call.method == "DELETE":
        del accounts.roles[name]
        return call.page("roles", [])
    return _set_role(call, role)


@router.on("GET", "authorization/capabilities", "authorization/capabilities/capabilities")
def _capabilities(call: Call) -> Response:
    content = {"capabilities": sorted(call.instance.accounts.known_capabilities)}
    return call.one(Entry("capabilities", "authorization/capabilities", content, namespaced=False))


@router.on("POST", "authorization/tokens")
def _issue(call: Call) -> Response:
    call.require("edit_tokens_all", "edit_tokens_own")
    name = call.needed("name")
    if name not in call.instance.accounts.users:
        raise Refusal(400, f"User '{name}' does not exist.")
    token, token_id = call.instance.accounts.issue_token(name, call.args.get("audience", ""))
    content = {"id": token_id, "token": token}
    return call.one(Entry("tokens", "authorization/tokens", content, namespaced=False), 201)


@router.on("GET", "authorization/tokens")
def _tokens(call: Call) -> Response:
    entries = [
        Entry(t["id"], "authorization/tokens", {"claims": {"sub": t["user"], "aud": t["audience"]},
              "status": "enabled"}, namespaced=False)
        for t in call.instance.accounts.tokens.values()
    ]  # fmt: skip
    return call.page("tokens", entries)
