"""The account of a training as one page that needs nothing else: no network, no script."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scoreback.models.judging.evaluation import CONFIDENCE
from scoreback.models.judging.percent import percent
from scoreback.models.learners.model import PATH, SHAPLEY, TERMS
from scoreback.models.report import sentences
from scoreback.models.report.columns import COLUMNS
from scoreback.models.report.pictures import Account, pictures, winner
from scoreback.models.report.recommendation import recommend
from scoreback.models.training.candidates import cheap_names
from scoreback.models.training.cautions import PRECISION
from scoreback.times import moment

NONE = "-"  # there is nothing to divide by
_ATTRIBUTIONS: Mapping[str, str] = {  # what each rule does, for people who read alerts
    SHAPLEY: "what a feature adds, averaged over all orders in which features could become known",
    PATH: "what each question on an event's way through the trees changed, put down to the"
    " feature that it asks about; they add up to the score as Shapley values do, but depend on"
    " the order in which the trees ask",
    TERMS: "a feature's distance from its mean, times its coefficient",
}


def report_page(
    account: Account, status: str, notice: str = "", came: Mapping[str, float] | None = None
) -> str:
    """HTML of *account*, for a version that is now *status* (candidate, champion, retired).

    *notice* stands on top; it says for example that the data are simulated. *came* is what analysts
    said of the version's alerts by now: ``precision`` with its interval, ``labelled``, ``alerts``
    and ``alerts_per_day``.
    The same account gives the same page.
    """
    environment = Environment(
        loader=PackageLoader("scoreback.models.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": _share, "figure": _figure, "count": _count, "moment": _moment, "day": _day,
        "hours": _hours,
    }  # fmt: skip
    own, named = winner(account), _named(account)
    days = account.get("judged_days")
    footer = _css_string(f"{account['detector']['name']} {account['version']['version']}")
    # Both are ours alone: numbers, and texts that `marks` and `_css_string` have escaped.
    style = Markup(environment.get_template("style.css.j2").render(footer=footer))  # noqa: S704
    drawn = {name: Markup(svg) for name, svg in pictures(account).items()}  # noqa: S704
    return environment.get_template("report.html.j2").render(
        account=account,
        detector=account["detector"],
        winner=own,
        status=status,
        notice=notice,
        advice=recommend(account, status, named, came if came and "precision" in came else None),
        says=_says(account, named),
        days=f"the days from {days[0]} to {days[1]}" if days else "days",
        named=named,
        least=PRECISION,
        columns=COLUMNS,
        confidence=f"{CONFIDENCE:.0%}",
        attributions=_ATTRIBUTIONS,
        style=style,
        pictures=drawn,
    )


def _says(account: Account, named: Mapping[str, str]) -> Mapping[str, Any]:
    """What the page says in words beside its tables."""
    return {
        "benign": sentences.benign(
            winner(account)["at_budget"], account["detector"].get("benign_positive")
        ),
        "chosen": sentences.chosen(account, named),
        "plain_rule": sentences.plain_rule(account, named),
        "ageing": sentences.ageing(account["breakdown"]["weeks"]),
        "entities": sentences.entities(
            account["breakdown"]["all_entities"], account["detector"]["entity"]
        ),
        "calibration": sentences.calibration(account["behaviour"]["calibration"]),
    }


def _css_string(text: str) -> Markup:
    """*text* as a string of a style sheet: what is not a plain letter is left out."""
    return Markup('"{}"').format("".join(c for c in text if c.isalnum() or c in " ._-"))


def _named(account: Account) -> Mapping[str, str]:
    """Candidates as people call them."""
    plain = {c["algorithm"]: c["algorithm"].replace("_", " ") for c in account["candidates"]}
    cheap = cheap_names(account["single_feature"], account["detector"]["today_queue"])
    return {**plain, **cheap}


def _share(value: float | None) -> str:
    return NONE if value is None else f"{percent(value)}"


def _figure(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _hours(value: float | None) -> str:
    """A wait in the unit that people would say it in."""
    if value is None:
        return NONE
    if value == 0:
        return "at once"
    if value < 1:
        return f"{math.ceil(value * 60)} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} d"


def _moment(value: int | str) -> str:
    """Microseconds since 1970 or an ISO time, to the minute in UTC."""
    if isinstance(value, int):
        found = moment(value)
    else:
        found = datetime.fromisoformat(value).astimezone(UTC)
    return f"{found:%Y-%m-%d %H:%M}"


def _day(value: Any) -> str:  # noqa: ANN401 - from JSON
    return _moment(value)[:10]
