"""Commands that show what would change in the SIEM, and that change it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.streams import complain

if TYPE_CHECKING:
    from scoreback.service.deploying.plan_apply import Item, Plan, Removal

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Detector files, or folders of them (else only what the connection needs).",
        metavar="DETECTORS",
        show_default=False,
    ),
]


def plan(
    files: Files = None,
    toml: Annotated[
        Path | None,
        typer.Option(
            "--toml",
            help="Also write the alert rules into this folder, in the format of Elastic's"
            " detection-rules.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Show what `apply` would change in the SIEM; change nothing.

    Exits with 0 if nothing would change, and with 3 if something would.
    """
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.deploying.plan_apply import plan as plan_changes
    from scoreback.service.detectors.detector_files import read_detectors

    detectors = read_detectors(files or ())
    with looked_at(home) as app:
        if toml is not None:
            from scoreback.service.deploying.rule_files import write_rule_files

            write_rule_files(app, detectors.values(), toml, today=options.now().date())
        found = plan_changes(app, detectors.values())
    _show(found, json)
    if found.todo:
        raise typer.Exit(show.PARTLY)


def apply(
    files: Files = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Also replace what was edited by hand or is not Scoreback's."
        ),
    ] = False,
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Create in the SIEM what detectors need, and update what Scoreback created before.

    Exits with 3 if something was left as it is, because somebody edited or created it by hand.
    """
    from scoreback.service.app import opened
    from scoreback.service.deploying.plan_apply import apply as apply_changes
    from scoreback.service.detectors.detector_files import read_detectors

    detectors = read_detectors(files or ())
    with opened(options.settings(home)) as app:
        found = apply_changes(
            app,
            detectors.values(),
            take_over=take_over,
            by=by or options.user(),
            at=options.now(),
        )
    _show(found, json)
    if found.todo:
        if not json:
            show.say(
                "What others edited or created was left as it is; add --take-over to replace it"
            )
        raise typer.Exit(show.PARTLY)


def remove(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Remove all rules of the workspace's detectors, and what the connection needs.",
        ),
    ] = False,
    with_data: Annotated[
        bool,
        typer.Option("--with-data", help="With --all: also remove what holds scores and counts."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Remove alert rules, or everything of Scoreback's, from the SIEM; alerts stay.

    Exits with 3 if something could not be removed.
    """
    from scoreback.service.app import opened
    from scoreback.service.cli.usage import UsageError
    from scoreback.service.deploying.plan_apply import removable
    from scoreback.service.deploying.plan_apply import remove as remove_all
    from scoreback.service.detectors.detector_files import read_detectors

    if not files and not everything:
        raise UsageError("no detector file is named", hint="name detector files, or add --all")
    if with_data and not everything:
        raise UsageError(
            "--with-data needs --all, as alert rules hold no data",
            hint="add --all, or omit --with-data",
        )
    names = [detector.name for detector in read_detectors(files or ()).values()]
    with opened(options.settings(home)) as app:
        found = removable(app, names, everything=everything, with_data=with_data)
        if any(not removal.stays for removal in found):
            if not yes:
                _ask(found)
            found = remove_all(app, found, by=by or options.user(), at=options.now())
    _show_removed(found, json)
    if any(removal.stays for removal in found):
        raise typer.Exit(show.PARTLY)


def _show(found: "Plan", json: bool) -> None:
    if json:
        show.as_json(
            {
                "items": [
                    {
                        "kind": item.kind,
                        "name": item.wanted.name,
                        "standing": item.found.standing,
                        "action": item.action,
                        "done": item.done,
                        "differences": item.found.differences,
                    }
                    for item in found.items
                ],
                "not_scoring": found.not_scoring,
                "notes": found.notes,
            }
        )
        return
    if found.items:
        show.table(
            "In the SIEM",
            ("kind", "name", "action", "differences"),
            [
                (item.kind, item.wanted.name, _word(item), "\n".join(item.found.differences))
                for item in found.items
            ],
            prose=("differences",),
        )
    for note in found.notes:
        show.say(f"{note}.")
    for name in found.not_scoring:
        show.say(f"{name} has no version that scores yet, so it gets no alert rule.")
    if not found.todo:
        show.say("Everything in the SIEM is up to date.")


def _word(item: "Item") -> str:
    from scoreback.service.deploying.plan_apply import Action

    if not item.done:
        return item.action
    done = {Action.CREATE: "created", Action.UPDATE: "updated", Action.RESTORE: "restored"}
    return done.get(item.action, "taken over")


def _ask(found: Sequence["Removal"]) -> None:
    from scoreback.errors import ConfigError

    if not sys.stdin.isatty():
        raise ConfigError(
            "remove asks for confirmation, and there is no terminal to ask on",
            hint="add --yes to remove without confirmation",
        )
    for removal in found:
        fate = f"stays: {removal.stays}" if removal.stays else "is removed"
        complain(f"{removal.kind} {removal.name} {fate}")
    typer.confirm("Remove these?", abort=True, err=True)


def _show_removed(found: Sequence["Removal"], json: bool) -> None:
    if json:
        show.as_json(
            [
                {"kind": r.kind, "name": r.name, "removed": not r.stays, "why": r.stays}
                for r in found
            ]
        )
        return
    if not found:
        show.say("The SIEM has nothing of Scoreback's.")
        return
    rows = [(r.kind, r.name, f"stays: {r.stays}" if r.stays else "removed") for r in found]
    show.table("In the SIEM", ("kind", "name", "fate"), rows, prose=("fate",))
    if any(r.kind == "alert_rule" and not r.stays for r in found):
        show.say("A removed rule stays out until `scoreback apply` brings it back.")
