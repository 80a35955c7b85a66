"""Endpoint storage/passwords."""

from starlette.responses import Response

from tests.splunkd.atom import Entry
from tests.splunkd.messages import Refusal, not_found
from tests.splunkd.routing import Call, Router

router = Router()
_READ = ("list_storage_passwords", "admin_all_objects")
_WRITE = ("edit_storage_passwords", "admin_all_objects")


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace(":", "\\:")


def _name(realm: str, user: str) -> str:
    return f"{_escaped(realm)}:{_escaped(user)}:"


def _entry(key: tuple[str, str, str], password: str) -> Entry:
    app, realm, user = key
    content = {
        "clear_password": password,
        "encr_password": "$7$simulator",
        "password": "********",
        "realm": realm or None,
        "username": user,
    }
    return Entry(_name(realm, user), "storage/passwords", content, app)


@router.on("GET", "storage/passwords")
def _list(call: Call) -> Response:
    call.require(*_READ)
    return call.page("passwords", [_entry(k, v) for k, v in _visible(call).items()])


def _visible(call: Call) -> dict[tuple[str, str, str], str]:
    passwords = call.instance.passwords
    return {k: v for k, v in passwords.items() if call.app in ("-", k[0])}


@router.on("POST", "storage/passwords")
def _create(call: Call) -> Response:
    call.require(*_WRITE)
    user, password = call.needed("name"), call.needed("password")
    if not user or not password:
        raise Refusal(400, "Name and password must not be empty.")
    key = (call.writes_to[1], call.args.get("realm", ""), user)
    if key in call.instance.passwords:
        raise Refusal(409, f"A password for {_name(key[1], user)} exists already.")
    call.instance.passwords[key] = password
    return call.one(_entry(key, password), 201)


@router.on("GET POST DELETE", "storage/passwords/{name}")
def _one(call: Call) -> Response:
    call.require(*(_READ if call.method == "GET" else _WRITE))
    wanted = call.parts["name"]
    for key, password in _visible(call).items():
        if wanted not in (_name(key[1], key[2]), key[2] if not key[1] else ""):
            continue
        if call.method == "DELETE":
            del call.instance.passwords[key]
            return call.page("passwords", [])
        if call.method == "POST":
            password = call.needed("password")
            call.instance.passwords[key] = password
        return call.one(_entry(key, password))
    raise not_found(f"storage/passwords/{wanted}")
