"""``/api/spaces/space``: spaces are made, changed and removed.

Kibana does not ask whether the space of an API request exists: a superuser's request below
``/s/nowhere`` is obeyed, and a key that is bound to spaces is refused for lack of privileges there.
Whoever wants to know asks ``GET /api/spaces/space/nowhere``, which is 404.
"""

import re
from typing import Any

from starlette.responses import Response

from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router

router = Router()
_FIELDS = {
    "id", "name", "description", "color", "initials", "imageUrl", "disabledFeatures", "solution",
    "_reserved", "projectRouting",
}  # fmt: skip


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - _FIELDS)
    if unknown:
        raise Refusal(400, f"[request body.{unknown[0]}]: definition for this key is missing")
    for name in ("id", "name"):
        if not isinstance(given.get(name), str):
            raise Refusal(
                400,
                f"[request body.{name}]: expected value of type [string] but got [undefined]",
            )
    if not re.fullmatch(r"[a-z0-9_\-]+", given["id"]):
        raise Refusal(
            400,
            "[request body.id]: must be lower case, a-z, 0-9, '_', and '-' are allowed",
        )
    return {"disabledFeatures": [], **given}


def _manages(call: Call) -> None:
    if not call.user.superuser:
        raise Refusal(403, f"Unauthorized to {call.method.lower()} spaces")


@router.on("GET", "/api/spaces/space")
def every(call: Call) -> Response:
    """The spaces that the user may see."""
    return call.answer(
        [
            space
            for name, space in call.simulator.spaces.items()
            if call.user.superuser or call.user.granted(name, call.version)
        ]
    )


@router.on("GET", "/api/spaces/space/{id}")
def one(call: Call) -> Response:
    """A space; 404 where there is none."""
    name = call.parts["id"]
    if not call.user.superuser and not call.user.granted(name, call.version):
        raise Refusal(403, f"Unauthorized to get {name} space")
    if name not in call.simulator.spaces:
        raise Refusal(404, "Not Found")
    return call.answer(call.simulator.spaces[name])


@router.on("POST", "/api/spaces/space")
def create(call: Call) -> Response:
    """Make a space."""
    _manages(call)
    space = _checked(call.given())
    if space["id"] in call.simulator.spaces:
        raise Refusal(409, f"A space with the identifier {space['id']} already exists.")
    call.simulator.spaces[space["id"]] = space
    return call.answer(space)


@router.on("PUT", "/api/spaces/space/{id}")
def update(call: Call) -> Response:
    """Change a space."""
    _manages(call)
    name = call.parts["id"]
    if name not in call.simulator.spaces:
        raise Refusal(404, "Not Found")
    space = _checked({"id": name, **call.given()})
    call.simulator.spaces[name] = {**call.simulator.spaces[name], **space}
    return call.answer(call.simulator.spaces[name])


@router.on("DELETE", "/api/spaces/space/{id}")
def remove(call: Call) -> Response:
    """Remove a space with what is kept in it."""
    _manages(call)
    name = call.parts["id"]
    if name not in call.simulator.spaces:
        raise Refusal(404, "Not Found")
    if call.simulator.spaces[name].get("_reserved"):
        raise Refusal(400, f"The {name} space cannot be deleted because it is reserved.")
    call.simulator.forget(name)
    return Response(status_code=204)
