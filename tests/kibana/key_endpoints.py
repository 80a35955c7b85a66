"""API keys in the shape of Elasticsearch's own API, on the simulator's port.

The real node has no security, so ``/_security/api_key`` cannot be asked there. A test that needs
keys points both addresses of a connection at what it is about: here for Kibana, the node for data.
"""

from starlette.responses import Response

from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router

router = Router()


@router.on("POST PUT", "/_security/api_key")
def create(call: Call) -> Response:
    """Make a key."""
    given = call.given()
    if call.user.key_id is not None and given.get("role_descriptors") not in ({}, None):
        raise Refusal(
            400, "creating derived api keys requires an explicit role descriptor that is empty"
        )
    name = given.get("name")
    if not isinstance(name, str) or not name:
        raise Refusal(400, "action_request_validation_exception: api key name is required")
    key_id, encoded = call.simulator.accounts.add_key(
        name, given.get("role_descriptors"), call.user
    )
    return call.answer({"id": key_id, "name": name, "api_key": "hidden", "encoded": encoded})


@router.on("GET", "/_security/api_key")
def every(call: Call) -> Response:
    """The keys, without their secrets."""
    keys = call.simulator.accounts.keys.values()
    return call.answer(
        {
            "api_keys": [
                {
                    "id": key.key_id,
                    "name": key.name,
                    "invalidated": key.invalidated,
                    "role_descriptors": key.role_descriptors,
                }
                for key in keys
                if call.query.get("id", key.key_id) == key.key_id
                and call.query.get("name", key.name) == key.name
            ]
        }
    )


@router.on("DELETE", "/_security/api_key")
def invalidate(call: Call) -> Response:
    """Revoke keys by ``ids`` or ``name``."""
    given = call.given()
    revoked = [
        key_id
        for key_id, key in call.simulator.accounts.keys.items()
        if (key_id in given.get("ids", ()) or key.name == given.get("name"))
        and call.simulator.accounts.revoke(key_id)
    ]
    return call.answer(
        {"invalidated_api_keys": revoked, "previously_invalidated_api_keys": [], "error_count": 0}
    )
