"""A preview of Kibana's dashboards: drawn by us, not by Kibana, from the same saved objects."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import Any, Literal

from tests.packaging.elastic_dashboards import Lens
from tests.packaging.lens_search import Row, collapsed

Theme = Literal["light", "dark"]
ROW, GAP = 20, 8  # pixels of Kibana's grid
WIDTH = 1520
SERIES = ("#6092C0", "#D36086", "#54B399", "#9170B8", "#CA8EAE", "#D6BF57", "#B9A888", "#DA8B45")
MARGIN = {"left": 60, "right": 14, "top": 8, "bottom": 22}
MAXIMAL_ROWS = 20  # of a page of a table
_THEMES: Mapping[Theme, Mapping[str, str]] = {
    "light": {
        "page": "#F1F4FA", "card": "#FFFFFF", "text": "#1D2A3E", "dim": "#5A6D8C",
        "line": "#D9DFE9", "mark": "#FFF3D0",
    },
    "dark": {
        "page": "#07101F", "card": "#0B1628", "text": "#DFE5EF", "dim": "#98A8C3",
        "line": "#2B394F", "mark": "#4A3A0A",
    },
}  # fmt: skip
_STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: PAGE; color: TEXT; font: 13px/1.35 Inter, "DejaVu Sans", sans-serif;
  width: WIDTHpx; padding: 8px }
.told { background: MARK; padding: 6px 12px; border-radius: 4px; margin-bottom: 8px }
h1 { font-size: 18px; margin: 4px 4px 2px } .about { color: DIM; margin: 0 4px 8px }
.control { display: inline-block; background: CARD; border: 1px solid LINE; border-radius: 4px;
  padding: 4px 10px; margin: 0 4px 8px }
.grid { position: relative }
.panel { position: absolute; background: CARD; border: 1px solid LINE; border-radius: 6px;
  overflow: hidden; padding: 6px 8px; display: flex; flex-direction: column }
h2 { font-size: 13px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  flex: none; margin-bottom: 2px }
.body { flex: 1; min-height: 0; overflow: hidden; position: relative }
.tiles { display: flex; gap: 4px; height: 100% }
.tile { flex: 1; border-radius: 4px; padding: 6px 10px; display: flex; flex-direction: column;
  justify-content: flex-end; position: relative; overflow: hidden; min-width: 0 }
.tile .of { font-size: 12px; opacity: .85; position: absolute; top: 6px }
.tile b { font-size: 26px; line-height: 1.1; text-align: right }
.tile .second { font-size: 12px; text-align: right }
.bar { position: absolute; left: 0; bottom: 0; height: 6px; background: rgba(0, 0, 0, .45) }
table { border-collapse: collapse; width: 100%; font-size: 12px }
th { text-align: left; color: DIM; font-weight: 600; vertical-align: bottom }
th, td { padding: 3px 6px; border-bottom: 1px solid LINE } td { vertical-align: top }
td.number, th.number { text-align: right }
svg text { fill: DIM; font-size: 10.5px } .none { color: DIM; padding: 16px }
.legend { font-size: 11px; color: DIM; flex: none; overflow: hidden; max-height: 30px }
.legend i { display: inline-block; width: 9px; height: 9px; border-radius: 5px;
  margin: 0 3px 0 8px }
"""


def page(
    title: str, about: str, panels: Sequence[tuple[Lens, Sequence[Row]]], theme: Theme, chosen: str
) -> str:
    """The preview's HTML; whatever a value holds is text in it."""
    style = _STYLE
    for name, colour in _THEMES[theme].items():
        style = style.replace(name.upper(), colour)
    style = style.replace("WIDTH", str(WIDTH))
    height = max(lens.grid["y"] + lens.grid["h"] for lens, _ in panels) * (ROW + GAP)
    cards = "".join(_card(lens, rows, theme) for lens, rows in panels)
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style><body>"
        '<div class="told">A preview that Scoreback drew from the dashboard\'s definition and the'
        " demo's data. It is not Kibana.</div>"
        f'<h1>{escape(title)}</h1><p class="about">{escape(about)}</p>'
        f'<div class="control">Detector: {escape(chosen or "Any")}</div>'
        f'<div class="grid" style="height:{height}px">{cards}</div></body></html>'
    )


def _card(lens: Lens, rows: Sequence[Row], theme: Theme) -> str:
    column = (WIDTH - 16) / 48
    at = lens.grid
    place = (
        f"left:{at['x'] * column:.1f}px;top:{at['y'] * (ROW + GAP)}px;"
        f"width:{at['w'] * column - GAP:.1f}px;height:{at['h'] * (ROW + GAP) - GAP}px"
    )
    inner = '<p class="none">No results found</p>'
    if rows:
        inner = _BODIES[lens.type](lens, rows, theme)
    return (
        f'<div class="panel" id="{escape(lens.id)}" style="{place}">'
        f"<h2>{escape(lens.title)}</h2>{inner}</div>"
    )


def _tiles(lens: Lens, rows: Sequence[Row], theme: Theme) -> str:
    look = lens.look
    tiles = []
    for row in collapsed(lens, rows):
        main = row.get(look["metricAccessor"])
        limit = row.get(look.get("maxAccessor", ""))
        share = 100 * main / limit if limit and isinstance(main, int | float) else None
        fill = _fill(look.get("palette"), share if look.get("showBar") else main)
        ink = _ink(fill) if fill else _THEMES[theme]["text"]
        named = "" if "collapseFn" in look else str(row[look["breakdownByAccessor"]])
        second = look.get("secondaryMetricAccessor")
        text = ""
        if second:
            label = lens.columns[second]["label"]
            text = f'<span class="second">{escape(label)} {_shown(lens, second, row)}</span>'
        bar = ""
        if share is not None:
            bar = f'<span class="bar" style="width:{min(share, 100):.0f}%"></span>'
        tiles.append(
            f'<div class="tile" style="background:{fill or "transparent"};color:{ink}">'
            f'<span class="of">{escape(named)}</span>'
            f"<b>{_shown(lens, look['metricAccessor'], row)}</b>{text}{bar}</div>"
        )
    return f'<div class="body tiles">{"".join(tiles)}</div>'


def _table(lens: Lens, rows: Sequence[Row], theme: Theme) -> str:  # noqa: ARG001 - fills fit both
    heads, lines = [], []
    for column in lens.look["columns"]:
        about = lens.columns[column["columnId"]]
        width = f' style="width:{column["width"]}px"' if "width" in column else ""
        kind = ' class="number"' if about["dataType"] == "number" else ""
        heads.append(f"<th{kind}{width}>{escape(about['label'])}</th>")
    for row in rows[:MAXIMAL_ROWS]:
        cells = []
        for column in lens.look["columns"]:
            name = column["columnId"]
            kind = ' class="number"' if lens.columns[name]["dataType"] == "number" else ""
            fill = _fill(column.get("palette"), row[name])
            style = f' style="background:{fill};color:{_ink(fill)}"' if fill else ""
            cells.append(f"<td{kind}{style}>{_shown(lens, name, row)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="body"><table><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _chart(lens: Lens, rows: Sequence[Row], theme: Theme) -> str:
    [layer] = lens.look["layers"]
    if layer["seriesType"].startswith("bar_horizontal"):
        return _bars(lens, layer, rows, theme)
    series = _series(lens, layer, rows)
    column = (WIDTH - 16) / 48
    width, height = lens.grid["w"] * column - 28, lens.grid["h"] * (ROW + GAP) - 76
    moments = [moment for points in series.values() for moment, _ in points]
    start, end = min(moments), max(moments)
    stacked = layer["seriesType"] == "bar_stacked"
    right = {c["forAccessor"] for c in layer["yConfig"] if c["axisMode"] == "right"}
    on_right = {
        name for name, (accessor, _) in _names(lens, layer, rows).items() if accessor in right
    }
    percent = _percent(lens, layer["accessors"][0])
    drawn = []
    for side in ("left", "right"):
        here = {n: p for n, p in series.items() if (n in on_right) == (side == "right")}
        if here:
            drawn.append(_axis(lens, here, side, width, height, stacked, percent))
    shapes = "".join(drawn)
    span = max((end - start).total_seconds(), 3600)
    inner = width - MARGIN["left"] - (MARGIN["right"] if not on_right else 40)
    total = len(series)

    def across(moment: datetime) -> float:
        return float(MARGIN["left"] + inner * (moment - start).total_seconds() / span)

    colours = dict(zip(series, SERIES * (total // len(SERIES) + 1), strict=False))
    below: dict[datetime, float] = {}
    for name, points in series.items():
        side = "right" if name in on_right else "left"
        same = {n: p for n, p in series.items() if (n in on_right) == (side == "right")}
        low, high = _extent(lens, same, stacked, side)
        known = [(across(m), _down(v, low, high, height)) for m, v in points]
        if stacked:
            wide = max(inner / (span / 3600 + 1) - 2, 2)
            for moment, value in points:
                base = below.get(moment, 0.0)
                top, foot = (_down(v, low, high, height) for v in (base + value, base))
                below[moment] = base + value
                shapes += (
                    f'<rect x="{across(moment):.1f}" y="{top:.1f}" width="{wide:.1f}"'
                    f' height="{foot - top:.1f}" fill="{colours[name]}"/>'
                )
        elif len(known) == 1:
            [(x, y)] = known
            shapes += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colours[name]}"/>'
        else:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
            shapes += (
                f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>'
            )
    for share in (0, 0.25, 0.5, 0.75):
        moment = start + (end - start) * share
        shapes += f'<text x="{across(moment):.0f}" y="{height - 6}">{moment:%b %d %H:%M}</text>'
    legend = "".join(
        f'<i style="background:{colour}"></i>{escape(name)}' for name, colour in colours.items()
    )
    return (
        f'<div class="body"><svg width="{width:.0f}" height="{height}">{shapes}</svg></div>'
        f'<div class="legend">{legend}</div>'
    )


def _axis(
    lens: Lens,
    series: Mapping[str, Sequence[tuple[datetime, float]]],
    side: str,
    width: float,
    height: float,
    stacked: bool,
    percent: bool,
) -> str:
    low, high = _extent(lens, series, stacked, side)
    made = ""
    title = lens.look["yTitle"] if side == "left" else lens.look.get("yRightTitle", "")
    for step in range(5):
        value = low + (high - low) * step / 4
        y = _down(value, low, high, height)
        text = f"{value:.0%}" if percent else f"{value:,.3f}".rstrip("0").rstrip(".")
        if side == "left":
            made += (
                f'<line x1="{MARGIN["left"]}" x2="{width - MARGIN["right"]:.0f}" y1="{y:.1f}"'
                f' y2="{y:.1f}" stroke="#8884" />'
                f'<text x="{MARGIN["left"] - 6}" y="{y + 3:.1f}" text-anchor="end">{text}</text>'
            )
        else:
            made += f'<text x="{width - 34:.0f}" y="{y + 3:.1f}">{text}</text>'
    x = 10 if side == "left" else width - 2
    middle = height / 2
    return made + (
        f'<text x="{x:.0f}" y="{middle:.0f}" text-anchor="middle"'
        f' transform="rotate(-90 {x:.0f} {middle:.0f})">{escape(title)}</text>'
    )


def _bars(lens: Lens, layer: Mapping[str, Any], rows: Sequence[Row], theme: Theme) -> str:
    column = (WIDTH - 16) / 48
    width, height = lens.grid["w"] * column - 28, lens.grid["h"] * (ROW + GAP) - 76
    colours = {c["forAccessor"]: c.get("color", SERIES[0]) for c in layer["yConfig"]}
    totals = [sum(float(row[a] or 0) for a in layer["accessors"]) for row in rows]
    longest, shapes = max([*totals, 1.0]), ""
    thick = min((height - 24) / len(rows), 54)
    for number, row in enumerate(rows):
        x, y = 130.0, number * thick + 6
        shapes += (
            f'<text x="122" y="{y + thick / 2:.0f}" text-anchor="end">'
            f"{escape(str(row[layer['xAccessor']]))}</text>"
        )
        for accessor in layer["accessors"]:
            value = float(row[accessor] or 0)
            if not value:
                continue
            wide = (width - 150) * value / longest
            shapes += (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{thick - 10:.1f}"'
                f' fill="{colours[accessor]}"/>'
            )
            if wide > 16:
                shapes += (
                    f'<text x="{x + wide / 2:.1f}" y="{y + thick / 2:.0f}" text-anchor="middle"'
                    f' style="fill:#1D2A3E">{value:.0f}</text>'
                )
            x += wide
    shapes += (
        f'<text x="{width / 2:.0f}" y="{height - 4}" text-anchor="middle">'
        f"{escape(lens.look['yTitle'])}</text>"
    )
    legend = "".join(
        f'<i style="background:{colours[a]}"></i>{escape(lens.columns[a]["label"])}'
        for a in layer["accessors"]
    )
    del theme
    return (
        f'<div class="body"><svg width="{width:.0f}" height="{height}">{shapes}</svg></div>'
        f'<div class="legend">{legend}</div>'
    )


_BODIES: Mapping[str, Callable[[Lens, Sequence[Row], Theme], str]] = {
    "lnsMetric": _tiles,
    "lnsDatatable": _table,
    "lnsXY": _chart,
}


def _names(lens: Lens, layer: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """Each line's name as Lens has it: the split's value, and the figure if there are several."""
    split = layer.get("splitAccessor")
    values = list(dict.fromkeys(str(row[split]) for row in rows)) if split else [""]
    found = {}
    for value in values:
        for accessor in layer["accessors"]:
            label = lens.columns[accessor]["label"]
            one = len(layer["accessors"]) == 1
            name = value if split and one else f"{value} - {label}" if split else label
            found[name] = (accessor, value)
    return found


def _series(
    lens: Lens, layer: Mapping[str, Any], rows: Sequence[Row]
) -> dict[str, list[tuple[datetime, float]]]:
    split = layer.get("splitAccessor")
    found = {}
    for name, (accessor, value) in _names(lens, layer, rows).items():
        points = [
            (datetime.fromisoformat(str(row[layer["xAccessor"]])), float(row[accessor]))
            for row in rows
            if row[accessor] is not None and (not split or str(row[split]) == value)
        ]
        if points:
            found[name] = sorted(points)
    return found


def _extent(
    lens: Lens,
    series: Mapping[str, Sequence[tuple[datetime, float]]],
    stacked: bool,
    side: str,
) -> tuple[float, float]:
    extent = lens.look.get("yLeftExtent", {})
    if side == "left" and extent.get("mode") == "custom":
        return extent["lowerBound"], extent["upperBound"]
    values = [value for points in series.values() for _, value in points]
    if stacked:
        sums: dict[datetime, float] = {}
        for points in series.values():
            for moment, value in points:
                sums[moment] = sums.get(moment, 0) + value
        values = list(sums.values())
    highest = max([*values, 0.0])
    return 0.0, _rounded(highest)


def _rounded(highest: float) -> float:
    """Where an axis ends: four steps of a number that people count in."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest / 4))
    return next(4 * power * one for one in (1, 2, 2.5, 5, 10) if 4 * power * one >= highest)


def _down(value: float, low: float, high: float, height: float) -> float:
    inner = height - MARGIN["top"] - MARGIN["bottom"]
    return MARGIN["top"] + inner * (1 - (value - low) / (high - low))


def _fill(palette: Mapping[str, Any] | None, value: object) -> str:
    """The colour of *value*; below the first stop there is none."""
    if palette is None or not isinstance(value, int | float):
        return ""
    stops = palette["params"]["colorStops"]
    found = ""
    for stop in stops:
        if value >= stop["stop"]:
            found = stop["color"]
    assert all(a["stop"] < b["stop"] for a, b in pairwise(stops))
    return found


def _ink(fill: str) -> str:
    """Black or white, whichever reads better on *fill*."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#1D2A3E" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "#FFFFFF"


def _percent(lens: Lens, name: str) -> bool:
    return _format(lens, name).get("id") == "percent"


def _format(lens: Lens, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = lens.columns[name]["params"].get("format", {})
    return found


def _shown(lens: Lens, name: str, row: Row) -> str:
    """A value as Kibana writes it, as text that is safe in HTML."""
    value = row.get(name)
    if value is None:
        return "&ndash;"
    if isinstance(value, list):
        return escape(", ".join(map(str, value)))
    if lens.columns[name]["dataType"] == "date":
        return f"{datetime.fromisoformat(str(value)):%b %d, %Y %H:%M:%S}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        how = _format(lens, name)
        decimals = how.get("params", {}).get("decimals", 2)
        suffix = escape(how.get("params", {}).get("suffix", ""))
        if how.get("id") == "percent":
            return f"{value:.{decimals}%}"
        text = f"{value:,.{decimals}f}"
        return (text if how else text.rstrip("0").rstrip(".")) + suffix
    return escape(str(value))
