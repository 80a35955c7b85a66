"""Commands that stop a detector's alerts, and start them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from scoreback.models.detector.spec import Detector
    from scoreback.service.deploying.pausing import Switched

_Reason = Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")]


def pause(
    file: options.DetectorFile,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Stop a detector's alerts, from the next step of scoring on; scores are kept.

    Ends with 3 where alerts are paused here and the SIEM's rule could not follow.
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
    """Raise a detector's alerts again; what was scored meanwhile raises none.

    Ends with 3 where the SIEM's rule could not follow.
    """
    from scoreback.service.deploying.pausing import resume as start

    detector = options.detector(file)
    done = _switch(start, detector, reason, by, home)
    if json:
        _as_json(detector, done)
    elif done.changed:
        show.say(f"{detector.name} raises alerts again.")
        if done.held_back:
            show.say(f"Hits of the paused hours that stay without an alert: {done.held_back}.")
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
    from scoreback.service.app import opened

    with opened(options.settings(home)) as app:
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
