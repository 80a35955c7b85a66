"""Commands that list, set and remove overrides of a detector file's keys."""

from typing import Annotated

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.examples import example
from scoreback.service.cli.whole_help import WholeHelp

settings = typer.Typer(
    cls=WholeHelp,
    help="List, set and remove overrides: values in force instead of those in a detector file.",
    epilog=example("settings set"),
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Key = Annotated[
    str, typer.Argument(help="Key of the file, for example alerts.budget.", metavar="KEY")
]
_Reason = Annotated[str, typer.Option(help="Why, for the audit log.", metavar="TEXT")]


@settings.command("list", epilog=example("settings list"))
def list_settings(
    file: options.DetectorFile, home: options.Home = None, json: options.Json = False
) -> None:
    """Show the keys that can be overridden: the file's value and the one in force."""
    from dataclasses import asdict

    from scoreback.models.detector.alerts import OVERRIDABLE
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.in_force.detector import in_force, value_of
    from scoreback.service.in_force.operating_point import points
    from scoreback.service.in_force.settings_sync import sync_settings

    detector = options.detector(file)
    with looked_at(home) as app:
        sync_settings(app, now=options.now(), warn=show.warn)
        now = in_force(app.state, detector)
        noted = points(app.state, detector.name, 1)
    written = {key: value_of(detector, key) for key in OVERRIDABLE}
    held = {key: value_of(now.detector, key) for key in OVERRIDABLE}
    by_key = {one.key: one for one in now.overrides}
    if json:
        show.as_json(
            {
                "detector": detector.name,
                "in_force": held,
                "locked": detector.locked,
                "overrides": [asdict(one) for one in now.overrides],
                "refused": [asdict(one) for one in now.refused],
                "operating_point": asdict(noted[0]) if noted else None,
            }
        )
        return
    rows = []
    for key in OVERRIDABLE:
        one = by_key.get(key)
        by = "locked in the file" if key in detector.locked else ""
        if one is not None:
            by = f"{one.author}, {one.at:%Y-%m-%d %H:%M} UTC: {one.reason or 'no reason given'}"
        rows.append((key, _as_written(written[key]), _as_written(held[key]), by))
    show.table(
        f"Settings of {detector.name}",
        ("key", "file", "in force", "set by"),
        rows,
        prose=("set by",),
    )
    for refused in now.refused:
        one = refused.override
        show.say(f"{one.author}'s override of {one.key} is ignored: {refused.reason}")


def _as_written(value: object) -> str:
    """*value* as the file writes it."""
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


@settings.command("set", epilog=example("settings set"))
def set_setting(
    file: options.DetectorFile,
    key: _Key,
    value: Annotated[
        str,
        typer.Argument(help="The value, written as in the file, such as 40/day.", metavar="VALUE"),
    ],
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
) -> None:
    """Override a key of the detector file, from the next step of scoring on."""
    _change(file, key, value, reason, by, home)


@settings.command("remove", epilog=example("settings remove"))
def remove_setting(
    file: options.DetectorFile,
    key: _Key,
    reason: _Reason = "",
    by: options.By = "",
    home: options.Home = None,
) -> None:
    """Remove an override, so that the file's value is in force again."""
    _change(file, key, None, reason, by, home)


def _change(
    file: options.DetectorFile,
    key: str,
    value: str | None,
    reason: str,
    by: str,
    home: options.Home,
) -> None:
    from scoreback.errors import ConfigError
    from scoreback.service.app import opened
    from scoreback.service.deploying.reconcile import reconcile
    from scoreback.service.in_force.change import change
    from scoreback.service.in_force.detector import in_force
    from scoreback.service.in_force.overrides import Overrides
    from scoreback.service.in_force.settings_sync import sync_settings, tell_settings

    detector, at = options.detector(file), options.now()
    with opened(options.settings(home)) as app:
        sync_settings(app, now=at, warn=show.warn)
        before, after = change(
            app, detector, key, value, author=by or options.user(), reason=reason,
            at=Overrides(app.state).next_time(detector.name, key, at),
        )  # fmt: skip
        sync_settings(app, now=at, warn=show.warn)
        tell_settings(app, detector.name, in_force(app.state, detector))
        try:
            reconcile(app, detector, at=at, warn=show.warn)
        except ConfigError as error:
            show.warn(f"{error.message} ({error.hint})")
    old, new = _as_written(before), _as_written(after)
    show.say(f"{key} of {detector.name}: {old} until now, {new} from now on.")
