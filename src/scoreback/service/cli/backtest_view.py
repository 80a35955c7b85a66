"""A backtest as tables."""

from typing import Any

from scoreback.service.cli import show

Account = dict[str, Any]


def show_backtest(account: Account) -> None:
    """Print what a backtest found."""
    found = account["figures"]
    show.say(
        f"{account['detector']} from {account['since']:%Y-%m-%d} to {account['until']:%Y-%m-%d}:"
        f" {account['units']:,} units, budget {account['budget']:,.14g} alerts a day"
    )
    _versions(account)
    if all(one["refused"] for one in account["versions"]):
        show.say("No version was kept, so nothing was scored: the reasons are above")
    _days(account)
    _figures(account)
    if len(account["starts"]) > 1:
        _spread(account)
    elif any(not one["refused"] for one in account["versions"]):
        show.say("The figures may depend on the start day; add --starts 3 to see how much")
    if found["counts"]["unlabelled"]:
        show.say(
            f"Alerts without a verdict so far: {found['counts']['unlabelled']}; precision counts"
            " them as false, 'among labelled alerts' leaves them out"
        )


def _versions(account: Account) -> None:
    triggered = account["when"] is not None
    if triggered:
        show.say(f"Beside the schedule it is trained when {account['when']}")
    show.table(
        "Versions, each trained on what was known then",
        (
            "", "as of", *(["trained because"] if triggered else []), "algorithm", "threshold",
            "promised precision", "not kept because",
        ),
        [
            (
                number,
                f"{one['as_of']:%Y-%m-%d %H:%M} UTC",
                *([one["because"]] if triggered else []),
                one["algorithm"] or "-",
                show.figure(one["threshold"], 4),
                show.figure(one["promised"], 2),
                one["refused"],
            )
            for number, one in enumerate(account["versions"], start=1)
        ],
        numbers="r   rr" if triggered else "r  rr",
        prose=("trained because", "not kept because"),
        blocks=any(one["refused"] for one in account["versions"]),
    )  # fmt: skip


def _days(account: Account) -> None:
    show.table(
        "Day by day",
        ("day", "version", "alerts", "true", "benign", "false", "no verdict", "fixed",
         "fixed, true"),
        [
            (
                f"{day['day']:%Y-%m-%d}",
                "-" if day["version"] is None else day["version"],
                day["alerts"],
                day["true"],
                day["benign"],
                day["false"],
                day["unlabelled"],
                day["fixed_alerts"],
                day["fixed_true"],
            )
            for day in account["days"]
        ],
        numbers=" rrrrrrrr",
    )  # fmt: skip


def _figures(account: Account) -> None:
    paced, fixed = account["figures"], account["fixed_threshold"]
    value, whose = fixed["value"], fixed["whose"]
    said = "All days, beside a fixed threshold"
    if value is not None:
        said += f" of {value:.4f}, the threshold {whose}"
    show.say(said)
    rows = [
        ("alerts a day", show.figure(paced["alerts_per_day"], 1),
         show.figure(fixed["alerts_per_day"], 1)),
        ("days over budget", paced["days_over_budget"], fixed["days_over_budget"]),
        ("busiest day", paced["busiest_day"], fixed["busiest_day"]),
        ("precision, 90 % interval", _precision(paced), _precision(fixed)),
        ("among labelled alerts", *_both(account, "precision_labelled")),
        ("share of alerts with a label", *_both(account, "labelled_share")),
        ("recall", *_both(account, "recall")),
        ("incidents found", _incidents(paced), _incidents(fixed)),
        ("hours to first alert, median", show.figure(paced["median_hours_to_alert"], 1),
         show.figure(fixed["median_hours_to_alert"], 1)),
        ("area under time, of weekly precision", *_both(account, "area_under_time")),
    ]  # fmt: skip
    show.table("", ("", "replayed", "fixed threshold"), rows, numbers=" rr")


def _spread(account: Account) -> None:
    starts = account["starts"]
    show.table(
        f"{len(starts)} start days, on the days from {account['common_since']:%Y-%m-%d} that all"
        " have",
        ("start", "alerts a day", "precision", "labelled only", "recall", "incidents found",
         "area under time"),
        [
            (
                f"{one['start']:%Y-%m-%d}",
                show.figure(one["figures"]["alerts_per_day"], 1),
                *(show.figure(one["figures"][name], 2) for name in (
                    "precision", "precision_labelled", "recall")),
                _incidents(one["figures"]),
                show.figure(one["figures"]["area_under_time"], 2),
            )
            for one in starts
        ],
        numbers=" rrrrrr",
    )  # fmt: skip
    spread = account["spread"]["precision"]
    if spread["middle"] is not None:
        show.say(
            f"precision lies between {spread['least']:.2f} and {spread['most']:.2f}, depending"
            f" only on the start day; the median is {spread['middle']:.2f}"
        )


def _both(account: Account, name: str) -> tuple[str, str]:
    return (
        show.figure(account["figures"][name], 2),
        show.figure(account["fixed_threshold"][name], 2),
    )


def _precision(found: Account) -> str:
    if found["precision_low"] is None:
        return show.figure(found["precision"], 2)
    return (
        f"{found['precision']:.2f} ({found['precision_low']:.2f} to {found['precision_high']:.2f})"
    )


def _incidents(found: Account) -> str:
    return f"{found['incidents_found']} of {found['incidents']}"
