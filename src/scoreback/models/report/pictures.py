"""Pictures of a training's account as SVG, to be put into a page.

Text stays text, so that it can be searched, read aloud and set in the page's own font. Each is
drawn for the width of a phone; wider pages put them side by side.
"""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scoreback.models.judging.threshold import RISK_AT_THRESHOLD
from scoreback.models.training.behaviour import RISK_STEP

Account = Mapping[str, Any]  # of `scoreback train --json`

_STRONG, _SOFT, _WARN, _TEXT = "#1f5f8b", "#a9bccb", "#c8641e", "#333a40"
_WIDTH = 4.6  # inches, each 72 units of the SVG
_LONGEST = 26  # characters of a name
_MOST_BARS = 20
_STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "scoreback", "text.parse_math": False,
    "font.size": 9.5, "text.color": _TEXT, "axes.labelcolor": _TEXT, "axes.edgecolor": "#8a949c",
    "xtick.color": _TEXT, "ytick.color": _TEXT, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "legend.fontsize": 9,
    "figure.constrained_layout.use": True, "axes.axisbelow": True,
}  # fmt: skip


def pictures(account: Account) -> Mapping[str, str]:
    """SVG by name; a picture that would hold nothing is left out."""
    drawn = {}
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A name may hold letters that the measuring font lacks; the reader's font has them.
        warnings.filterwarnings("ignore", message="Glyph")
        for name, draw in _DRAWN.items():
            figure = draw(account)
            if figure is not None:
                drawn[name] = _svg(name, figure)
    return drawn


def winner(account: Account) -> Mapping[str, Any]:
    """What the account says of the candidate that won."""
    found: Mapping[str, Any] = next(
        c for c in account["candidates"] if c["algorithm"] == account["chosen"]
    )
    return found


def _budgets(account: Account) -> Figure | None:
    rows = winner(account)["table"]
    if not any(row["precision"] is not None for row in rows):
        return None
    figure, axes = _axes(2.7)
    for i, row in enumerate(rows):
        if row["precision"] is None:
            continue
        own = row["budget"] == account["detector"]["budget"]
        axes.bar(i, row["precision"], width=0.55, color=_STRONG if own else _SOFT)
        if row["precision_low"] is not None:
            axes.vlines(i, row["precision_low"], row["precision_high"], color=_TEXT, lw=1.2)
        if row["precision_labelled"] is not None:
            axes.plot(i, row["precision_labelled"], "D", ms=5, mfc="white", mec=_WARN, mew=1.5)
    axes.set_xticks(range(len(rows)), [f"{row['budget']:g}" for row in rows])
    axes.set_xlabel("alerts a day that the team reads")
    axes.set_ylabel("share of alerts that are true")
    _shares(axes, "y")
    axes.plot([], [], "s", color=_STRONG, label="this detector's budget")
    axes.plot([], [], "D", mfc="white", mec=_WARN, label="among labelled alerts only")
    _legend(figure)
    return figure


def _candidates(account: Account) -> Figure | None:
    rows = [c for c in account["candidates"] if c["at_budget"]["precision"] is not None]
    if not rows:
        return None
    figure, axes = _axes(0.8 + 0.32 * len(rows))
    for i, row in enumerate(reversed(rows)):
        at, own = row["at_budget"], row["algorithm"] == account["chosen"]
        axes.barh(i, at["precision"], height=0.6, color=_STRONG if own else _SOFT)
        if at["precision_low"] is not None:
            axes.hlines(i, at["precision_low"], at["precision_high"], color=_TEXT, lw=1.2)
    axes.set_yticks(range(len(rows)), [_short(r["algorithm"], " ") for r in reversed(rows)])
    axes.set_xlabel("share of alerts that are true, at the budget")
    _shares(axes, "x")
    return figure


def _weeks(account: Account) -> Figure | None:
    weeks = account["breakdown"]["weeks"]
    if len(weeks) < 2:
        return None
    figure = Figure(figsize=(_WIDTH, 3.4))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.3, 1))
    true = [week["true_alerts"] for week in weeks]
    false = [week["alerts"] - week["true_alerts"] for week in weeks]
    at = range(len(weeks))
    top.bar(at, true, width=0.6, color=_STRONG, label="true")
    top.bar(at, false, width=0.6, bottom=true, color=_SOFT, label="not true, or not labelled")
    top.set_ylabel("alerts")
    found = [(i, w["average_precision"]) for i, w in enumerate(weeks)]
    known = [(i, precision) for i, precision in found if precision is not None]
    below.plot([i for i, _ in known], [p for _, p in known], "o-", color=_WARN, ms=4)
    below.set_ylabel("average\nprecision")
    below.set_ylim(0, 1.05)
    step = -(-len(weeks) // 5)
    below.set_xticks(list(at)[::step], [week["name"][5:] for week in weeks][::step])
    below.set_xlabel("week that begins on (month-day)")
    _legend(figure)
    return figure


def _sources(account: Account) -> Figure | None:
    found = [s for s in account["breakdown"]["sources"] if s["average_precision"] is not None]
    return _bars(
        [(s["name"], s["average_precision"]) for s in found[:_MOST_BARS]], "average precision"
    )


def _held_out(account: Account) -> Figure | None:
    apart = account["held_out"]
    if apart is None:
        return None
    rows = [(v["value"], v["evaluation"]["average_precision"]) for v in apart["values"]]
    known = [(value, precision) for value, precision in rows if precision is not None]
    return _bars(known, "average precision")


def _distribution(account: Account) -> Figure | None:
    found = account["behaviour"]["distribution"]
    if not any(any(counts) for counts in found.values()):
        return None
    figure, axes = _axes(2.7)
    edges = [i * RISK_STEP for i in range(len(found["negative"]) + 1)]
    for kind, colour, text in (
        ("unlabelled", "#c9cdd1", "not labelled"),
        ("negative", "#5f7f99", "negative"),
        ("positive", _WARN, "positive"),
    ):
        if any(found[kind]):
            axes.stairs(found[kind], edges, color=colour, lw=1.8, label=text)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.axvline(RISK_AT_THRESHOLD, color=_TEXT, lw=1, ls=(0, (4, 3)))
    axes.annotate(
        "alerts", (RISK_AT_THRESHOLD + 2, 0.99), xycoords=("data", "axes fraction"), va="top"
    )
    axes.set_xlim(0, 100)
    axes.set_xlabel("risk")
    axes.set_ylabel("events, on a scale of tens")
    _legend(figure)
    return figure


def _leanings(account: Account) -> Figure | None:
    found = account["behaviour"]["leanings"]
    return _bars(
        [(row["feature"], row["share"]) for row in found], "share of what raised the alerts"
    )


def _calibration(account: Account) -> Figure | None:
    bins = [b for b in account["behaviour"]["calibration"] if b["true"] > 0 and b["said"] > 0]
    if len(bins) < 2:
        return None
    figure, axes = _axes(2.9)
    low = min(min(b["true"], b["said"]) for b in bins) / 2
    axes.plot([low, 1], [low, 1], color="#8a949c", lw=1, ls=(0, (4, 3)), label="as said")
    axes.plot([b["said"] for b in bins], [b["true"] for b in bins], "o-", color=_STRONG, ms=5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _place: f"{share * 100:.6g}%")
        axis.set_minor_formatter("")
    axes.set_xlabel("score: the chance that was said")
    axes.set_ylabel("share that was true")
    _legend(figure)
    return figure


_DRAWN = {
    "budgets": _budgets,
    "candidates": _candidates,
    "weeks": _weeks,
    "sources": _sources,
    "held_out": _held_out,
    "distribution": _distribution,
    "leanings": _leanings,
    "calibration": _calibration,
}


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height))
    return figure, figure.subplots()


def _bars(rows: Sequence[tuple[str, float]], label: str) -> Figure | None:
    if not rows:
        return None
    figure, axes = _axes(0.7 + 0.28 * len(rows))
    drawn = axes.barh(range(len(rows)), [value for _, value in reversed(rows)], color=_STRONG)
    axes.bar_label(drawn, fmt="%.2f", padding=3)
    axes.set_yticks(range(len(rows)), [_short(name) for name, _ in reversed(rows)])
    axes.set_xlim(0, max(*(value for _, value in rows), 0.01) * 1.15)
    axes.set_xlabel(label)
    return figure


def _shares(axes: Axes, which: str) -> None:
    """From nothing to all, in percent, with lines to read off."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    marks = (0, 0.25, 0.5, 0.75, 1)
    axis.set_ticks(marks, [f"{mark:.0%}" for mark in marks])
    axis.grid(color="#e4e8eb")


def _legend(figure: Figure) -> None:
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handlelength=1.4)


def _short(name: str, underline: str = "_") -> str:
    text = " ".join(name.replace("_", underline).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _svg(name: str, figure: Figure) -> str:
    """The SVG element alone; its ids begin with *name*, as a page holds several."""
    out = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return re.sub(r'(<svg[^>]*?) height="[^"]*"([^>]*?) width="[^"]*"', r"\1\2", text)
