"""Commands that score, and that close alerts."""

from dataclasses import asdict
from typing import Annotated

import typer

from scoreback.service.cli import options, show


def score(
    file: options.DetectorFile,
    until: Annotated[
        str | None,
        typer.Option(help="Score what arrived before this time (else now).", metavar="TIME"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Where a first run begins (else where training ended).", metavar="TIME"),
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Score what arrived since the last run, write scores back and raise alerts."""
    from scoreback.errors import StateError
    from scoreback.service.app import opened
    from scoreback.service.live import score_live

    detector = options.detector(file)
    now = options.moment(until, "--until") or options.now()
    with opened(options.settings(home)) as app, show.counting("scoring") as count:
        run = score_live(
            app,
            detector,
            now=now,
            since=options.moment(since, "--since"),
            warn=show.warn,
            progress=count,
        )
    if run is None:
        raise StateError(
            f"detector {detector.name!r} has no version that scores",
            hint=f"train one and let it score: scoreback train {file} --promote",
        )
    champion, outcome = run.champion, run.outcome
    summary = {
        "detector": detector.name,
        "version": champion.version,
        "read": outcome.read,
        "scored": outcome.scored,
        "late": outcome.late,
        **({} if detector.group is None else {"in no group": outcome.ungrouped}),
        "stored": sum(p.written for p in outcome.published),
        "already there": sum(p.already_there for p in outcome.published),
        "refused": sum(p.refused for p in outcome.published),
        "above the threshold": outcome.alerts,
        "batches in doubt settled": outcome.settled,
    }
    if json:
        show.as_json(
            {k.replace(" ", "_"): v for k, v in summary.items()} | {"uncast": outcome.uncast}
        )
    else:
        show.pairs(f"Scored by {champion.version}", summary)
        for name, count_ in outcome.uncast.items():
            show.say(f"feature {name}: {count_} values could not be read and count as missing")
    if summary["refused"]:
        raise typer.Exit(show.PARTLY)


def verdict(
    alert: Annotated[
        str | None, typer.Argument(help="Alert to close; without it, alerts are listed.")
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Argument(help="true_positive, benign_positive, false_positive or undetermined."),
    ] = None,
    by: options.By = "",
    detector: Annotated[str | None, typer.Option(help="Only alerts of this detector.")] = None,
    all_alerts: Annotated[bool, typer.Option("--all", help="List closed alerts too.")] = False,
    limit: Annotated[int, typer.Option(help="Alerts listed at most.", min=1)] = 20,
    at: Annotated[
        str | None, typer.Option(help="When it was closed (else now).", metavar="TIME")
    ] = None,
    home: options.Home = None,
    json: options.Json = False,
) -> None:
    """Close an alert with a verdict (the next training learns from it), or list alerts."""
    from scoreback.errors import ConfigError
    from scoreback.records import Verdict
    from scoreback.service.app import opened

    with opened(options.settings(home)) as app:
        if alert is None:
            found = app.connector.alerts(detector=detector, still_open=not all_alerts, limit=limit)
            _list(found, json)
            return
        names = [v.value for v in Verdict]
        if verdict not in names:
            raise ConfigError(
                f"{verdict or 'nothing'!r} is no verdict", hint=f"use one of: {', '.join(names)}"
            )
        closed = app.connector.close(
            alert,
            Verdict(verdict),
            labeller=by or options.user(),
            at=options.moment(at, "--at") or options.now(),
        )
    if json:
        show.as_json(asdict(closed))
    else:
        show.say(f"Alert {closed.alert_id} of {closed.rule} is closed as {closed.verdict}.")


def _list(found: object, json: bool) -> None:
    from collections.abc import Sequence
    from typing import cast

    from scoreback.records import Alert

    alerts = cast("Sequence[Alert]", found)
    if json:
        show.as_json([asdict(alert) for alert in alerts])
        return
    if not alerts:
        show.say("No alerts.")
        return
    from scoreback.service.cli.reasons import in_words

    show.table(
        "Alerts",
        ("alert", "rule", "time", "entity", "risk", "events", "verdict", "why"),
        [
            (
                a.alert_id,
                a.rule,
                f"{a.event_time:%Y-%m-%d %H:%M}",
                a.entity,
                f"{a.risk:.0f}",
                a.events,
                a.verdict or "open",
                in_words(a.reasons),
            )
            for a in alerts
        ],
        numbers="    rr  ",
    )
