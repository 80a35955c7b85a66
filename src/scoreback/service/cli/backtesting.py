"""The command that replays a detector over past days."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from scoreback.service.cli import options, show
from scoreback.service.cli.junit import Case, Junit, reported, write_junit

if TYPE_CHECKING:
    from datetime import timedelta

_NAMED = {"incidents": "incidents_share", "aut": "area_under_time"}


def backtest(
    file: options.DetectorFile,
    since: Annotated[str, typer.Option(help="First day to replay.", metavar="TIME")],
    until: Annotated[
        str | None, typer.Option(help="End of the last day (else now).", metavar="TIME")
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="How often to train, such as 7d (else as schedule.train says).", metavar="SPAN"
        ),
    ] = None,
    starts: Annotated[
        int,
        typer.Option(
            help="How many start days to try, to see how much the figures depend on them.",
            metavar="COUNT",
            min=1,
            max=31,
        ),
    ] = 3,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with 3 if the median over the start days is lower, such as precision=0.3."
            " Figures: precision, precision_labelled, recall, incidents, aut. Can be"
            " repeated.",
            metavar="FIGURE=LEAST",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write a page with pictures.", metavar="FILE", show_default=False),
    ] = None,
    junit: Junit = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Replay a detector over past days: its trainings, labels and alerts as they would have been.

    Each training sees only what was known then. Nothing is written to the SIEM or the workspace.
    """
    from scoreback.service.backtesting.backtest import Wish
    from scoreback.service.backtesting.backtest import backtest as replay
    from scoreback.service.cli.backtest_view import show_backtest
    from scoreback.service.cli.looking import looked_at
    from scoreback.service.cli.usage import UsageError

    now = options.now()
    begin, end = options.moment(since, "--since"), options.moment(until, "--until") or now
    if begin is None or begin >= end or end > now:
        raise UsageError(
            "--since must be before --until, and --until must not be in the future",
            hint="for example --since 2026-01-01 --until 2026-03-01",
        )
    least = _least(fail_below or [])
    wish = Wish(since=begin, until=end, every=_span(every), starts=starts)
    with reported(junit, "backtest", [file]):
        detector = options.detector(file)
        with looked_at(home) as app, show.stages("replaying") as stage:
            account = replay(app, detector, wish, now=now, progress=stage)
    missed = _missed(account, least)
    if out is not None:
        _write_page(out, account)
    write_junit(junit, "backtest", _cases(detector.name, least, missed))
    if json:
        show.as_json(account | {"missed": missed})
    else:
        show_backtest(account)
        if out is not None:
            show.say(f"page: {out}")
    for text in missed.values():
        show.warn(text)
    if missed:
        raise typer.Exit(show.PARTLY)


def _span(text: str | None) -> timedelta | None:
    from scoreback.service.cli.usage import UsageError
    from scoreback.times import duration

    if text is None:
        return None
    found = duration(text)
    if not found or found.total_seconds() < 86_400:
        raise UsageError(
            f"--every {text!r} is not a time span of at least one day",
            hint="write for example 7d or 1w",
        )
    return found


def _least(given: list[str]) -> dict[str, float]:
    """The least value of each figure, by the name that it was given by."""
    from scoreback.service.backtesting.backtest import COMPARED
    from scoreback.service.cli.usage import UsageError

    found = {}
    for name, text in options.pairs(given, "--fail-below", "precision=0.3").items():
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if _NAMED.get(name, name) not in COMPARED or not 0 <= value <= 1:
            raise UsageError(
                f"--fail-below {name}={text} must be a figure and a number from 0 to 1",
                hint=f"figures: {', '.join(['incidents', 'aut', *COMPARED[:3]])}",
            )
        found[name] = value
    return found


def _missed(account: dict[str, Any], least: dict[str, float]) -> dict[str, str]:
    """A sentence for each figure that is below its minimum."""
    found = {}
    for name, value in least.items():
        middle = account["spread"][_NAMED.get(name, name)]["middle"]
        if middle is None:
            found[name] = f"{name} is unknown, as there was no alert; the minimum is {value:g}"
        elif middle < value:
            found[name] = f"{name} is {middle:.3f}, below the minimum of {value:g}"
    return found


def _cases(detector: str, least: dict[str, float], missed: dict[str, str]) -> list[Case]:
    if not least:
        return [Case(group=detector, name="can be replayed")]
    return [
        Case(group=detector, name=f"{name} at least {value:g}", failure=missed.get(name, ""))
        for name, value in least.items()
    ]


def _write_page(out: Path, account: dict[str, Any]) -> None:
    from scoreback.errors import ConfigError
    from scoreback.models.report.backtest_page import backtest_page

    plain = show.plain(account)
    page = backtest_page(cast("dict[str, Any]", plain))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{out} cannot be written: {error.strerror}", hint="name another file with --out"
        ) from error
