"""The result of a training as one HTML page without scripts or network."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scoreback.models.judging.intervals import CONFIDENCE
from scoreback.models.judging.percent import percent
from scoreback.models.learners.model import PATH, SHAPLEY, TERMS
from scoreback.models.report import sentences
from scoreback.models.report.columns import COLUMNS
from scoreback.models.report.pictures import Account, pictures, winner
from scoreback.models.report.recommendation import recommend
from scoreback.models.training.candidates import cheap_names
from scoreback.models.training.cautions import PRECISION
from scoreback.times import moment

NONE = "-"  # shown if there is no figure
_ATTRIBUTIONS: Mapping[str, str] = {  # what each rule does, for analysts
    SHAPLEY: "what a feature adds, averaged over all orders in which the features could be added",
    PATH: "what each split on an event's path through the trees changed, credited to the feature"
    " of that split; they add up to the score as Shapley values do, but depend on the order of"
    " the splits",
    TERMS: "a feature's distance from its mean, times its coefficient",
}


def report_page(
    account: Account, status: str, notice: str = "", came: Mapping[str, float] | None = None
) -> str:
    """The HTML page of *account*, for a version whose status is now *status*.

    *notice* is shown at the top, for example that the data are simulated. *came* is how analysts
    have closed the version's alerts so far: ``precision`` with its interval, ``labelled``,
    ``alerts`` and ``alerts_per_day``. Equal accounts give equal pages.
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
    # Both are safe: numbers, and texts that `marks` and `_css_string` have escaped.
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
    """The sentences beside the page's tables."""
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
    """*text* as a CSS string; characters other than letters, digits and `` ._-`` are left out."""
    return Markup('"{}"').format("".join(c for c in text if c.isalnum() or c in " ._-"))


def _named(account: Account) -> Mapping[str, str]:
    """The names of candidates for people, by algorithm."""
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
    """A time span, in hours, as text in a fitting unit."""
    if value is None:
        return NONE
    if value == 0:
        return "at once"
    if value < 1:
        return f"{math.ceil(value * 60)} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} d"


def _moment(value: int | str) -> str:
    """Microseconds since 1970 or an ISO time as text, to the minute and in UTC."""
    if isinstance(value, int):
        found = moment(value)
    else:
        found = datetime.fromisoformat(value).astimezone(UTC)
    return f"{found:%Y-%m-%d %H:%M}"


def _day(value: Any) -> str:  # noqa: ANN401 - from JSON
    return _moment(value)[:10]
