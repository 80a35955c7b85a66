"""The result of a backtest as one HTML page without scripts or network."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scoreback.models.judging.percent import percent
from scoreback.models.report.backtest_pictures import KINDS, Account, pictures
from scoreback.models.report.columns import BACKTEST


def backtest_page(account: Account) -> str:
    """The HTML page of *account*, JSON values with times as ISO text; a pure function."""
    environment = Environment(
        loader=PackageLoader("scoreback.models.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"share": _share, "figure": _figure}
    drawn = {name: Markup(svg) for name, svg in pictures(account).items()}  # noqa: S704 - escaped
    return environment.get_template("backtest.html.j2").render(
        account=account, kinds=[kind for _, kind in KINDS], pictures=drawn, meanings=BACKTEST
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{percent(value)}"


def _figure(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
