"""Pictures of a training's result as SVG, for the page.

Each fits a phone's width; wider pages show them side by side. Colour is never the only difference
between two marks: their shapes or words differ too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scoreback.models.judging.percent import percent
from scoreback.models.judging.threshold import RISK_AT_THRESHOLD
from scoreback.models.report.marks import Picture, Point, Scale, room_for, short

Account = Mapping[str, Any]  # the output of `scoreback train --json`

_MOST_BARS = 20
_QUARTERS = tuple((part / 4, f"{part / 4:.0%}") for part in range(5))


def pictures(account: Account) -> Mapping[str, str]:
    """SVG by name; empty pictures are left out."""
    drawn = {name: draw(account) for name, draw in _DRAWN.items()}
    return {name: picture.drawn() for name, picture in drawn.items() if picture is not None}


def winner(account: Account) -> Mapping[str, Any]:
    """The account's entry of the candidate that won."""
    found: Mapping[str, Any] = next(
        c for c in account["candidates"] if c["algorithm"] == account["chosen"]
    )
    return found


def _budgets(account: Account) -> Picture | None:
    rows = winner(account)["table"]
    if not any(row["precision"] is not None for row in rows):
        return None
    legend = [("bar strong", "this detector's budget"), ("bar soft", "other budgets")]
    if any(row["precision_labelled"] is not None for row in rows):
        legend.append(("diamond hollow", "among labelled alerts only"))
    picture = Picture(height=230, left=56, legend=legend)
    across, up = picture.across(-0.5, len(rows) - 0.5), picture.up(0, 1)
    picture.y_axis(up, _QUARTERS, "alerts that are true")
    for i, row in enumerate(rows):
        x = across(i)
        picture.word(x, picture.bottom + 15, f"{row['budget']:,.14g}", kind="tick")
        if row["precision"] is None:
            continue
        own = row["budget"] == account["detector"]["budget"]
        y = up(row["precision"])
        title = f"{percent(row['precision'])} at {row['budget']:,.14g} alerts a day"
        kind = "strong" if own else "soft"
        picture.bar(x - 22, y, 44, picture.bottom - y, kind, title)
        if row["precision_low"] is not None:
            picture.line([(x, up(row["precision_low"])), (x, up(row["precision_high"]))], "range")
        if (labelled := row["precision_labelled"]) is not None:
            picture.diamond(
                x, up(labelled), "hollow", f"{percent(labelled)} of the labelled alerts"
            )
    return picture.word((picture.left + picture.right) / 2, 224, "alerts a day that the team reads")


def _candidates(account: Account) -> Picture | None:
    rows = [c for c in account["candidates"] if c["at_budget"]["precision"] is not None]
    if not rows:
        return None
    names = [short(row["algorithm"].replace("_", " ")) for row in rows]
    picture = Picture(
        height=58 + 26 * len(rows),
        left=room_for(names),
        legend=[("bar strong", "the chosen one"), ("bar soft", "rivals")],
    )
    across = picture.across(0, 1)
    picture.x_axis(across, _QUARTERS, "share of alerts that are true, at the budget")
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        at, y = row["at_budget"], picture.top + 26 * i - 4
        kind = "strong" if row["algorithm"] == account["chosen"] else "soft"
        title = f"{name}: {at['true_alerts']} of {at['alerts']} alerts true"
        picture.word(picture.left - 6, y + 18, name, "end", "tick")
        picture.bar(picture.left, y + 6, across(at["precision"]) - picture.left, 16, kind, title)
        if at["precision_low"] is not None:
            ends = [(across(at[side]), y + 14) for side in ("precision_low", "precision_high")]
            picture.line(ends, "range")
    return picture


def _weeks(account: Account) -> Picture | None:
    weeks = account["breakdown"]["weeks"]
    if len(weeks) < 2:
        return None
    picture = Picture(
        height=290,
        left=56,
        legend=[
            ("bar strong", "true alerts"),
            ("bar soft", "not true, or no label"),
            ("dot warn", "average precision"),
        ],
    )
    across = picture.across(-0.5, len(weeks) - 0.5)
    most = max(week["alerts"] for week in weeks) or 1
    middle = picture.top + 115
    counts, ranking = Scale(0, most, middle, picture.top), Scale(0, 1, picture.bottom, middle + 25)
    picture.y_axis(counts, [(0, "0"), (most, f"{most:,}")], "alerts")
    picture.y_axis(ranking, [(0, "0"), (0.5, "0.5"), (1, "1")], "ranking")
    width = 0.6 * (across(1) - across(0))
    step = -(-len(weeks) // 5)
    for i, week in enumerate(weeks):
        x, true, every = across(i), week["true_alerts"], week["alerts"]
        title = f"{week['name']}: {true} of {every} alerts true"
        picture.bar(
            x - width / 2, counts(every), width, counts(true) - counts(every), "soft", title
        )
        picture.bar(x - width / 2, counts(true), width, middle - counts(true), "strong", title)
        if i % step == 0:
            picture.word(x, picture.bottom + 15, week["name"][5:], kind="tick")
    known = [(i, w["average_precision"]) for i, w in enumerate(weeks)]
    known = [(i, precision) for i, precision in known if precision is not None]
    picture.line([(across(i), ranking(p)) for i, p in known], "warn-line")
    for i, precision in known:
        picture.dot(across(i), ranking(precision), "warn", f"{weeks[i]['name']}: {precision:.2f}")
    return picture.word(
        (picture.left + picture.right) / 2, 284, "first day of the week (month-day)"
    )


def _sources(account: Account) -> Picture | None:
    found = [s for s in account["breakdown"]["sources"] if s["average_precision"] is not None]
    return _bars(
        [(s["name"], s["average_precision"]) for s in found[:_MOST_BARS]], "average precision"
    )


def _held_out(account: Account) -> Picture | None:
    apart = account["held_out"]
    if apart is None:
        return None
    rows = [(v["value"], v["evaluation"]["average_precision"]) for v in apart["values"]]
    known = [(value, precision) for value, precision in rows if precision is not None]
    return _bars(known, "average precision")


def _distribution(account: Account) -> Picture | None:
    found = account["behaviour"]["distribution"]
    most = max(max(counts, default=0) for counts in found.values())
    if not most:
        return None
    kinds = (
        ("unlabelled", "faint-line", "not labelled"),
        ("negative", "soft-line", "negative"),
        ("positive", "warn-line", "positive"),
    )
    there = [(kind, style, text) for kind, style, text in kinds if any(found[kind])]
    picture = Picture(
        height=230, left=66, legend=[(f"line {style}", text) for _, style, text in there]
    )
    across, up = picture.across(0, 100), picture.up(0.8, most * 1.3, log=True)
    picture.x_axis(across, [(risk, str(risk)) for risk in range(0, 101, 20)], "risk")
    picture.y_axis(up, [(n, f"{n:,.0f}") for n in up.decades() if n >= 1], "events")
    for kind, style, _text in there:
        picture.line(_stairs(found[kind], across, up), style)
    x = across(RISK_AT_THRESHOLD)
    picture.line([(x, picture.top), (x, picture.bottom)], "dashed")
    return picture.word(x + 5, picture.top + 10, "may alert →", "start", "tick")


def _stairs(counts: Sequence[int], across: Scale, up: Scale) -> list[Point]:
    step = 100 / len(counts)
    points: list[Point] = []
    for i, count in enumerate(counts):
        y = up(max(count, up.low))
        points += [(across(i * step), y), (across((i + 1) * step), y)]
    return points


def _leanings(account: Account) -> Picture | None:
    found = account["behaviour"]["leanings"]
    return _bars(
        [(row["feature"], row["share"]) for row in found], "share of what raised the alerts' scores"
    )


def _calibration(account: Account) -> Picture | None:
    bins = [b for b in account["behaviour"]["calibration"] if b["true"] > 0 and b["said"] > 0]
    if len(bins) < 2:
        return None
    picture = Picture(
        height=250,
        left=66,
        legend=[("dot strong", "observed"), ("line dashed", "as predicted")],
    )
    low = min(min(b["true"], b["said"]) for b in bins) / 2
    across, up = picture.across(low, 1, log=True), picture.up(low, 1, log=True)
    ticks = [(share, f"{share * 100:.3g}%") for share in across.decades()]
    picture.x_axis(across, ticks, "score: the predicted probability")
    picture.y_axis(up, ticks, "share that was true")
    picture.line([(across(low), up(low)), (across(1), up(1))], "dashed")
    picture.line([(across(b["said"]), up(b["true"])) for b in bins], "strong-line")
    for b in bins:
        title = f"predicted {b['said']:.1%}, true {b['true']:.1%} of {b['units']:,}"
        picture.dot(across(b["said"]), up(b["true"]), "strong", title)
    return picture


def _bars(rows: Sequence[tuple[str, float]], label: str) -> Picture | None:
    if not rows:
        return None
    names = [short(name.replace("_", " ")) for name, _ in rows]
    picture = Picture(height=36 + 22 * len(rows), left=room_for(names))
    across = picture.across(0, max(*(value for _, value in rows), 0.01) * 1.15)
    for i, (name, (_, value)) in enumerate(zip(names, rows, strict=True)):
        y = picture.top + 22 * i - 6
        picture.word(picture.left - 6, y + 15, name, "end", "tick")
        width = across(value) - picture.left
        picture.bar(picture.left, y + 3, width, 16, "strong", f"{name}: {value:.2f}")
        picture.word(across(value) + 4, y + 15, f"{value:.2f}", "start", "tick")
    return picture.word((picture.left + picture.right) / 2, picture.height - 6, label)


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
