"""Commands that pause a detector's alerts, and that roll back a version and its alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scoreback.models.detector.spec import Detector
    from scoreback.service.deploying.pausing import Switched
    from scoreback.service.recalling.rollback import RolledBack

_Reason = Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")]


def pause(
    file: options.DetectorFile,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Stop a detector's alerts from the next step of scoring on; scores are still written.

    Exits with 3 if alerts are paused here, but the SIEM's rule could not be changed.
    """
    from scoreback.service.deploying.pausing import pause as stop

    detector = options.detector(file)
    done = _switch(stop, detector, reason, by, home)
    if json:
        _as_json(detector, done)
    elif done.changed:
        show.say(f"Alerts of {detector.name} are paused; scoring goes on.")
        show.say(f"  scoreback resume {file}")
    elif done.paused is not None:
        show.say(f"{detector.name}: {done.paused.in_words}")
    if not done.rule_follows:
        raise typer.Exit(show.PARTLY)


def resume(
    file: options.DetectorFile,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Raise a detector's alerts again; events scored during the pause raise none.

    Exits with 3 if the SIEM's rule could not be changed.
    """
    from scoreback.service.deploying.pausing import resume as start

    detector = options.detector(file)
    done = _switch(start, detector, reason, by, home)
    if json:
        _as_json(detector, done)
    elif done.changed:
        show.say(f"{detector.name} raises alerts again.")
        if done.held_back:
            show.say(
                f"Events above the threshold without an alert, due to the pause: {done.held_back}."
            )
    else:
        show.say(f"Alerts of {detector.name} were not paused.")
    if not done.rule_follows:
        raise typer.Exit(show.PARTLY)


def _switch(
    what: Callable[..., Switched],
    detector: Detector,
    reason: str,
    by: str,
    home: options.Home,
) -> Switched:
    from scoreback.service.cli.looking import existing

    with existing(home) as app:
        return what(
            app, detector, by=by or options.user(), reason=reason, at=options.now(), warn=show.warn
        )


def _as_json(detector: Detector, done: Switched) -> None:
    held = done.paused
    show.as_json(
        {
            "detector": detector.name,
            "paused": held is not None,
            "by": None if held is None else held.by or None,
            "since": None if held is None else held.since,
            "reason": None if held is None else held.reason,
            "changed": done.changed,
            "rule_follows": done.rule_follows,
            "held_back": done.held_back,
        }
    )


def rollback(
    file: options.DetectorFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the alerts; change nothing.")
    ] = False,
    close: Annotated[
        bool, typer.Option("--close", help="Also close those alerts; that makes no labels.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo the last rollback, and what it did to alerts.")
    ] = False,
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Let the previous version score again; tag the alerts that only the bad version raised.

    Alerts that an analyst touched stay as they are. An interrupted rollback is finished first.
    """
    from scoreback.service.cli import taking_back_view as view
    from scoreback.service.cli.looking import existing, looked_at
    from scoreback.service.recalling import rollback as recalling

    if undo and (close or dry_run):
        raise UsageError(
            "--undo cannot be combined with --close or --dry-run", hint="give --undo alone"
        )
    detector, by, at = options.detector(file), by or options.user(), options.now()
    done: RolledBack
    with looked_at(home) if dry_run else existing(home) as app:
        if undo:
            done = recalling.undo(app, detector, by=by, at=at, warn=show.warn)
        elif dry_run:
            done = recalling.would_roll_back(app, detector)
        else:
            done = recalling.roll_back(app, detector, by=by, at=at, close=close, warn=show.warn)
        act = "undo" if undo else "dry_run" if dry_run else "rollback"
        if json:
            show.as_json(view.as_json(done, act))
        else:
            view.say(detector.name, done, act)
        if act == "rollback":
            recalling.told(app, detector)
