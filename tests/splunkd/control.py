"""Paths below ``/simulator/`` by which another process moves the clock and switches faults.

No splunkd has them. They ask for no login: the simulator listens on 127.0.0.1.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tests.splunkd.hec import Token
from tests.splunkd.instance import Instance
from tests.splunkd.messages import JSON

if TYPE_CHECKING:
    from tests.splunkd.simulator import Simulator


def answered(
    simulator: "Simulator", instance: Instance, method: str, path: str, body: bytes
) -> Response:
    """One request of a test."""
    given: Any = json.loads(body) if body else {}
    name = path.removeprefix("/simulator/").strip("/")
    try:
        said = _done(simulator, instance, f"{method} {name}", given)
    except (KeyError, TypeError, ValueError) as wrong:
        return Response(json.dumps({"error": repr(wrong)}), 400, media_type=JSON)
    if said is None:
        return Response(json.dumps({"error": f"no such path: {path}"}), 404, media_type=JSON)
    return Response(json.dumps(said), media_type=JSON)


def _done(simulator: "Simulator", instance: Instance, what: str, given: Any) -> Any:  # noqa: ANN401  # noqa: ANN401
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
        case "POST events":
            simulator.add_events(given)
            return {"events": len(given)}
        case "POST indexes":
            simulator.add_index(given["name"])
            return {}
        case "DELETE indexes":
            simulator.remove_index(given["name"])
            return {}
        case "POST captain":
            simulator.cluster.elect(int(given["member"]))
            return {"captain": simulator.captain.name}
        case "POST run_until":
            return [asdict(run) for run in simulator.run_until(float(given["now"]))]
        case "POST run_due":
            return [asdict(run) for run in simulator.run_due()]
        case "GET runs":
            return [asdict(run) for run in simulator.scheduler.runs]
        case "POST hec_tokens":
            return {"token": simulator.hec.add_token(Token(**given)).token}
        case "POST tokens":
            return {"token": instance.accounts.issue_token(given.get("user", "admin"))[0]}
        case _:
            return None
