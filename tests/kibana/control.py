"""Paths below ``/simulator/`` by which a test moves the clock, switches faults and runs rules.

No Kibana has them. They ask for no login: the simulator listens on 127.0.0.1.
"""

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tests.kibana.refusals import JSON
from tests.kibana.runner import scheduling
from tests.kibana.settings import Settings

if TYPE_CHECKING:
    from tests.kibana.simulator import Simulator


def answered(simulator: "Simulator", method: str, path: str, body: bytes) -> Response:
    """One request of a test."""
    name = path.removeprefix("/simulator/").strip("/")
    try:
        given: Any = json.loads(body) if body else {}
        said = _done(simulator, f"{method} {name}", given)
    except (KeyError, TypeError, ValueError) as wrong:
        return Response(json.dumps({"error": repr(wrong)}), 400, media_type=JSON)
    if said is None:
        return Response(json.dumps({"error": f"no such path: {path}"}), 404, media_type=JSON)
    return Response(json.dumps(said), media_type=JSON)


def _done(simulator: "Simulator", what: str, given: Any) -> Any:  # noqa: ANN401
    match what:
        case "GET clock":
            return {"now": simulator.clock.now()}
        case "POST clock":
            if "advance" in given:
                simulator.clock.advance(float(given["advance"]))
            else:
                now = given["set"]
                simulator.clock.set(None if now is None else float(now))
            return {"now": simulator.clock.now()}
        case "POST faults":
            simulator.faults.add(given.pop("kind"), **given)
            return {}
        case "DELETE faults":
            simulator.faults.clear()
            return {}
        case "POST api_keys":
            descriptors = given.get("role_descriptors")
            if "features" in given:
                encoded = simulator.accounts.key_with(
                    *given["features"], spaces=tuple(given.get("spaces", ("*",)))
                )
                return {"encoded": encoded}
            key_id, encoded = simulator.accounts.add_key(given.get("name", "key"), descriptors)
            return {"id": key_id, "encoded": encoded}
        case "DELETE api_keys":
            return {"revoked": simulator.accounts.revoke(given["key"])}
        case "POST settings":
            kept = simulator.kept(Settings, given.get("space", simulator.home))
            kept.change(given["changes"])
            return {"settings": kept.shown()}
        case "POST run":
            if "rule_id" in given:
                space = given.get("space", simulator.home)
                return scheduling.run_now(simulator, given["rule_id"], space)
            if "until" in given:
                return scheduling.run_until(simulator, float(given["until"]))
            return scheduling.run_due(simulator)
        case "GET actions":
            return simulator.actions
        case "GET stripped":
            return [{"path": path, "field": name} for path, name in simulator.stripped]
        case _:
            return None
