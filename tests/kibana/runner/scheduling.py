"""Which rules are due, and their runs one after the other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.kibana.rules.store import Rule, Rules
from tests.kibana.runner.running import run_rule

if TYPE_CHECKING:
    from tests.kibana.simulator import Simulator

_LOOKS_EVERY = 0.5


def run_due(simulator: "Simulator") -> list[dict[str, Any]]:
    """Run once each rule that is due by now, as after a time in which Kibana was down."""
    now = simulator.clock.now()
    due = [pair for pair in _scheduled(simulator) if (pair[1].next_run or 0) <= now]
    return [_run(simulator, space, rule) for space, rule in due]


def run_until(simulator: "Simulator", moment: float) -> list[dict[str, Any]]:
    """Move the clock to *moment*, and run on the way each rule whenever it is due."""
    runs: list[dict[str, Any]] = []
    while True:
        first = min(
            (rule.next_run for _, rule in _scheduled(simulator) if rule.next_run is not None),
            default=None,
        )
        if first is None or first > moment:
            break
        simulator.clock.set(max(first, simulator.clock.now()))
        runs += run_due(simulator)
    simulator.clock.set(max(moment, simulator.clock.now()))
    return runs


def run_now(simulator: "Simulator", rule_id: str, space: str) -> dict[str, Any]:
    """Run a rule whether it is due or not, enabled or not.

    Raises:
        ValueError: There is none of that id.
    """
    rule = simulator.kept(Rules, space).found(rule_id)
    if rule is None:
        raise ValueError(f"there is no rule {rule_id!r} in space {space!r}")
    return _run(simulator, space, rule)


def _scheduled(simulator: "Simulator") -> list[tuple[str, Rule]]:
    with simulator.lock:
        found = [
            (space, rule)
            for space in simulator.spaces_with(Rules)
            for rule in simulator.kept(Rules, space).by_id.values()
            if rule.next_run is not None
        ]
    return sorted(found, key=lambda pair: pair[1].next_run or 0.0)


def _run(simulator: "Simulator", space: str, rule: Rule) -> dict[str, Any]:
    said: dict[str, Any] = {"space": space, "rule_id": rule.rule_id}
    if simulator.faults.take("skip_run", rule_id=rule.rule_id):
        rule.next_run = simulator.clock.now() + 1
        return {**said, "status": "skipped", "created": 0, "message": "left out by a switch"}
    with simulator.running:
        run_rule(simulator, space, rule)
    return {**said, **rule.history[-1]}


@contextmanager
def scheduler(simulator: "Simulator") -> Iterator[None]:
    """Run rules beside, by the clock."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOKS_EVERY):
            run_due(simulator)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
