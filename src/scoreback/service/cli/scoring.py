"""Commands that score, and that close alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli import options, show

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from scoreback.errors import ConfigError
    from scoreback.service.app import App
    from scoreback.service.scoring.champions import LiveRun


def score(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Detector files, or folders of them.", metavar="DETECTORS", show_default=False
        ),
    ],
    until: Annotated[
        str | None,
        typer.Option(help="Score what arrived before this time (else now).", metavar="TIME"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Where the first run begins (else where training ended).", metavar="TIME"
        ),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Score what arrived since the last run, write scores back and raise alerts.

    Detectors that select the same events share one read of them. A broken file does not keep the
    other detectors from being scored.
    """
    from scoreback.service.app import opened
    from scoreback.service.cli.scoring_view import say_not_at_home, say_unusable
    from scoreback.service.deploying.native import follow_native
    from scoreback.service.detectors.behind import in_words, never_scored
    from scoreback.service.detectors.detector_files import sound_detectors
    from scoreback.service.in_force.detector import in_force
    from scoreback.service.scoring.champions import score_live_together
    from scoreback.service.scoring.waiting import waiting

    detectors, wrong = sound_detectors(files)
    if len(wrong) == 1 and not detectors:
        raise next(iter(wrong.values()))
    now = options.moment(until, "--until") or options.now()
    with (
        opened(options.settings(home), clock=options.now) as app,
        show.counting("scoring") as count,
    ):
        runs = score_live_together(
            app,
            list(detectors.values()),
            now=now,
            since=options.moment(since, "--since"),
            progress=count,
        )
        for run in runs:
            if run.champion is not None and run.outcome.error is None:
                run.never_scored = never_scored(app, run.detector)
                run.waiting = waiting(app, run.detector)
                run.paused = not in_force(app.state, run.detector).detector.enabled
        scored = [run.detector for run in runs if run.outcome.error is None]
        follow_native(app, scored, at=now, warn=show.warn)  # where no `serve` does it
    for run in runs:
        if run.never_scored:
            show.warn(in_words(run.detector.name, run.never_scored))
        say_not_at_home(run)
        say_unusable(run)
    if len(runs) == 1 and not wrong:
        _one(next(iter(detectors)), runs[0], json, options.now())
    else:
        _several(dict(zip(detectors, runs, strict=True)), wrong, json, options.now())


def _one(file: Path, run: LiveRun, json: bool, now: datetime) -> None:
    from scoreback.service.cli import scoring_view as view

    error = view.trouble(file, run)
    if error is not None:
        raise error
    if json:
        show.as_json(view.as_json(run, now))
    else:
        summary = view.shown(run, now)
        show.pairs(f"Scored by {summary['version']}", summary)
        _say_beside(run)
    if view.needs_a_look(run):
        raise typer.Exit(show.PARTLY)


def _several(
    runs: Mapping[Path, LiveRun], wrong: Mapping[Path, ConfigError], json: bool, now: datetime
) -> None:
    """Print a row each; exit with 3 if some detectors failed, with 1 or 2 if all did."""
    from scoreback.errors import ScorebackError
    from scoreback.service.cli import scoring_view as view

    troubles = {file: view.trouble(file, run) for file, run in runs.items()}
    if json:
        broken = [view.broken_as_json(file, error) for file, error in wrong.items()]
        show.as_json(
            [view.as_json(run, now, troubles[file]) for file, run in runs.items()] + broken
        )
    elif runs:
        view.show_table(list(runs.values()))
        for run in runs.values():
            _say_beside(run)
            show.say(f"{run.detector.name}: next run {view.in_words_next(run.detector, now)}")
    for broken_file in {id(error): error for error in wrong.values()}.values():
        show.fail(broken_file)
    failed = [error for error in troubles.values() if error is not None]
    for file, error in troubles.items():
        if isinstance(error, ScorebackError):
            named = f"{runs[file].detector.name}: {error.message}"
            show.fail(ScorebackError(named, hint=error.hint))
    for error in failed:
        if not isinstance(error, ScorebackError):
            raise error  # a bug: show the traceback
    if len(failed) == len(runs):
        raise typer.Exit(show.code_of(wrong.values()) if not runs else show.FAILED)
    if failed or wrong or any(view.needs_a_look(run) for run in runs.values()):
        raise typer.Exit(show.PARTLY)


def _say_beside(run: LiveRun) -> None:
    from scoreback.service.cli.scoring_view import say_history_only

    if run.detector.group is None:  # events of open units are scored when those close
        say_history_only(run)
    for name, count in run.outcome.uncast.items():
        show.say(f"feature {name}: {count} values could not be read and count as missing")
    if run.paused:
        show.say(f"{run.detector.name} is paused: it raises no alerts; see scoreback versions")
    if run.waiting is not None:
        show.say(run.waiting.in_words(run.detector.name, run.detector.lag))


def verdict(
    alert: Annotated[
        str | None,
        typer.Argument(
            help="Id of the alert to close, or the beginning of one. Without it, alerts are"
            " listed.",
            metavar="ALERT",
        ),
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Argument(
            help="true_positive, benign_positive, false_positive or undetermined.",
            metavar="VERDICT",
        ),
    ] = None,
    by: options.By = "",
    file: Annotated[
        Path | None,
        typer.Option(
            help="Close many alerts: a CSV file with columns alert and verdict, and optionally at"
            " and by.",
            metavar="FILE",
        ),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Only alerts of this detector.", metavar="NAME")
    ] = None,
    all_alerts: Annotated[bool, typer.Option("--all", help="List closed alerts too.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="Only alerts on events from this time on.", metavar="TIME"),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="How many alerts to list at most.", metavar="COUNT", min=1)
    ] = 20,
    at: Annotated[
        str | None, typer.Option(help="When the alert was closed (else now).", metavar="TIME")
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """List alerts by risk, or close one with a verdict: the next training learns from it."""
    from scoreback.connectors.doors import AlertQuery
    from scoreback.errors import ConfigError, SiemRefused
    from scoreback.records import Verdict
    from scoreback.service.app import opened
    from scoreback.service.cli.alerts_view import fields_of, links_of, named, riskiest, show_alerts
    from scoreback.service.cli.looking import looked_at, place
    from scoreback.service.cli.reasons import as_plain
    from scoreback.service.cli.usage import UsageError

    with (
        looked_at(home) if alert is None and file is None else opened(options.settings(home)) as app
    ):
        alerts = app.connector.alerts
        if alerts is None:
            raise ConfigError(
                "Scoreback cannot read or close alerts of this SIEM",
                hint="close alerts in the SIEM itself",
            )
        if file is not None:
            if alert is not None or at is not None:
                raise UsageError(
                    "--file takes neither an alert nor --at",
                    hint="the file names the alerts, and its column `at` says when each was closed",
                )
            _close_all(app, file, by, json)
            return
        if alert is None:
            query = AlertQuery(detector=detector, still_open=not all_alerts, touched=json)
            listed = riskiest(alerts.find(query), limit, options.moment(since, "--since"))
            fields = fields_of(alerts, listed)
            links = links_of(alerts, listed)
            if json:
                show.as_json(
                    [
                        as_plain(one)
                        | {"fields": fields.get(one.alert_id, {}), "page": links.get(one.alert_id)}
                        for one in listed
                    ]
                )
            elif listed:
                show_alerts(listed, fields, links)
            else:
                show.say(f"No alerts in {place(options.settings(home).home)}.")
            return
        names = [v.value for v in Verdict]
        if verdict is None:
            raise UsageError(
                f"alert {alert!r} needs a verdict",
                hint=f"add one of: {', '.join(names)}; to list alerts, name no alert",
            )
        if verdict not in names:
            raise UsageError(
                f"{verdict!r} is not a verdict", hint=f"use one of: {', '.join(names)}"
            )
        now = options.now()
        moment = options.moment(at, "--at") or now
        if moment > now:
            raise UsageError(
                f"--at {at!r} is in the future: a verdict cannot be known before it is given",
                hint="omit --at to close it now, or give the time of the verdict",
            )
        labeller = by or options.user()
        try:
            closed = alerts.close(alert, Verdict(verdict), labeller=labeller, at=moment)
        except SiemRefused:
            whole = named(alerts, alert)  # *alert* may be a short id
            if whole == alert:
                raise
            closed = alerts.close(whole, Verdict(verdict), labeller=labeller, at=moment)
    if json:
        show.as_json(as_plain(closed))
    else:
        show.say(f"Alert {closed.alert_id} of {closed.rule} is closed as {closed.verdict}.")


def _close_all(app: App, file: Path, by: str, json: bool) -> None:
    from dataclasses import asdict

    from scoreback.service.detectors.verdict_job import close_all

    closed = close_all(app, file, labeller=by or options.user(), now=options.now())
    if json:
        show.as_json(asdict(closed))
        return
    show.say(
        f"{file.name}: {closed.closed:,} alerts closed; {closed.unchanged:,} had this verdict"
        " already"
    )
    for verdict, count in closed.verdicts.items():
        show.say(f"  {verdict}: {count:,}")
