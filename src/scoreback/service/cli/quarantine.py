"""Commands that list, accept and reject doubtful verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.examples import example
from scoreback.service.cli.whole_help import WholeHelp

if TYPE_CHECKING:
    from scoreback.service.labels.quarantine import Held

quarantine = typer.Typer(
    cls=WholeHelp,
    help="Show doubtful verdicts, which training leaves out, and decide about them.",
    epilog=example("quarantine list"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Case = Annotated[str, typer.Argument(help="Id of the case, or the beginning of one.")]
_UNKNOWN = (
    "unknown: the SIEM does not say who gave these verdicts, so several people may count as one"
    " here."
)
_Reason = Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")]


@quarantine.command("list", epilog=example("quarantine list"))
def list_cases(
    file: options.DetectorFile, home: options.Home = None, json: options.Json = False
) -> None:
    """Show floods of one person's verdicts, and verdicts that others contradict.

    Floods are read from the label ledger, contradictions from the last training. Exits with 3 if
    somebody has to decide.
    """
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.labels.quarantine import in_quarantine

    detector = options.detector(file)
    with looked_at(home) as app:
        found = in_quarantine(app, detector, options.now())
    if json:
        show.as_json([_as_json(one) for one in found])
    elif not found:
        show.say(f"No verdict of {detector.name} is in quarantine.")
    else:
        show.table(
            f"Quarantine of {detector.name}",
            ("case", "why", "by", "from", "to", "verdicts", "left out", "decided"),
            [_row(one) for one in found],
            numbers="     rr",
        )
        if any(one.by_unknown for one in found):
            show.say(_UNKNOWN)
    if any(one.waits for one in found):
        raise typer.Exit(show.PARTLY)


@quarantine.command("accept", epilog=example("quarantine accept"))
def accept(
    file: options.DetectorFile,
    case: _Case,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Let training learn from the verdicts of a case that were given until now."""
    from scoreback.service.state.quarantine_log import ACCEPTED

    _decide(file, case, ACCEPTED, reason, by, home, json)


@quarantine.command("reject", epilog=example("quarantine reject"))
def reject(
    file: options.DetectorFile,
    case: _Case,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Leave the verdicts of a case out for good; nobody will be asked about it again."""
    from scoreback.service.state.quarantine_log import REJECTED

    _decide(file, case, REJECTED, reason, by, home, json)


def _decide(
    file: options.DetectorFile,
    case: str,
    decision: str,
    reason: str,
    by: str,
    home: options.Home,
    json: bool,
) -> None:
    from scoreback.service.cli.looking import existing
    from scoreback.service.labels.quarantine import decide_on

    detector = options.detector(file)
    with existing(home) as app:
        held = decide_on(
            app, detector, case, decision, by=by or options.user(), reason=reason,
            at=options.now(),
        )  # fmt: skip
    if json:
        show.as_json(_as_json(held))
        return
    count = held.case.labels
    left = (
        "the next training learns from them" if decision == "accepted" else "no training uses them"
    )
    by = "people whom the SIEM does not name" if held.by_unknown else held.case.labeller
    show.say(f"{count} verdicts of {by}: {decision}, {left}.")


def _row(one: Held) -> tuple[object, ...]:
    case, made = one.case, one.decision
    decided = "-" if made is None else f"{made.decision} by {made.actor}"
    return (
        case.case_id, case.kind, case.labeller, f"{case.first:%Y-%m-%d %H:%M}",
        f"{case.last:%Y-%m-%d %H:%M}", case.labels, one.left_out, decided,
    )  # fmt: skip


def _as_json(one: Held) -> dict[str, object]:
    from dataclasses import asdict

    return {
        **asdict(one.case),
        "left_out": one.left_out,
        "waits": one.waits,
        "decision": None if one.decision is None else asdict(one.decision),
    }
