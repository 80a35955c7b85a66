"""How shadows compare with the champion, as a table and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scoreback.models.detector.spec import Detector
from scoreback.service.cli import options, show
from scoreback.service.state.audit import AuditEntry
from scoreback.service.state.gate_verdicts import DECISIONS, GateVerdict


def compare_versions(file: Path, detector: Detector, home: Path | None, json: bool) -> None:
    """Compare the shadows of *detector* with its champion; change nothing."""
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.comparing.gate_job import run_gate
    from scoreback.service.state.audit import audit_log
    from scoreback.service.state.gate_verdicts import decision_on, last_verdicts

    with looked_at(home) as app, show.counting("comparing") as count:
        now = options.now()
        found = run_gate(app, detector, now=now, act=False, progress=count)
        log = audit_log(app.state, detector.name)
        written = last_verdicts(app.state, detector.name).values()
        earlier = [(one, decision_on(one, log)) for one in written]
    if json:
        told = [_as_json(verdict, decision) for verdict, decision in earlier]
        show.as_json({"now": [asdict(one) for one in found], "written": told})
        return
    for verdict in found:
        _show(file, verdict)
    if not found:
        show.say(f"{detector.name} has no shadow to compare.")
    there = {one.version for one in found}
    over = [(verdict, decision) for verdict, decision in earlier if verdict.version not in there]
    for verdict, decision in sorted(over, key=lambda pair: pair[0].at)[-1:]:
        show.say(f"Last comparison: {verdict.version} beside {verdict.against},"
                 f" {verdict.at:%Y-%m-%d %H:%M} UTC: {verdict.why}.")  # fmt: skip
        if decision is not None:
            show.say(f"{verdict.version} was {DECISIONS[decision.action]} by {decision.actor},"
                     f" {decision.at:%Y-%m-%d %H:%M} UTC.")  # fmt: skip


def _as_json(verdict: GateVerdict, decision: AuditEntry | None) -> dict[str, object]:
    """A recorded verdict, and who decided what after it (null while nobody has)."""
    return {
        **asdict(verdict),
        "decision": None if decision is None else decision.action,
        "decided_by": None if decision is None else decision.actor,
        "decided_at": None if decision is None else decision.at,
    }


def _show(file: Path, verdict: GateVerdict) -> None:
    rows = [_row(rival, pair) for rival, pair in verdict.body.get("against", {}).items()]
    if rows:
        show.table(
            f"{verdict.version}, at equal alerts",
            ("beside", "alerts", "both", "judged", "precision", "theirs", "difference"),
            rows,
            numbers=" rrrrrr",
        )
    for rival, why in verdict.body.get("missing", {}).items():
        show.say(f"Not compared with {rival}: {why}")
    show.say(f"{verdict.version} beside {verdict.against}: {verdict.why}.")
    if verdict.outcome == "better":
        show.say("To let it score:")
        show.say(f"  scoreback promote {file} {verdict.version}")


def _row(rival: str, pair: Mapping[str, Any]) -> tuple[object, ...]:
    ours, theirs = pair["ours"], pair["theirs"]
    difference = "-"
    if pair["difference"] is not None:
        difference = f"{pair['difference']:+.2f} ({pair['low']:+.2f} to {pair['high']:+.2f})"
    return (
        rival.replace("_", " "), ours["alerts"], pair["both"], pair["verdicts"],
        show.figure(ours["precision"], 2), show.figure(theirs["precision"], 2), difference,
    )  # fmt: skip
