"""Pictures of a backtest as SVG: bars per day, and dots with intervals for start days.

Text stays text. Pictures fit a phone's width, and use the page's colours.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Account = Mapping[str, Any]  # the output of `scoreback backtest --json`

# How an alert turned out → the class of its bar, from the bottom up.
KINDS = (("true", "true"), ("benign", "benign"), ("false", "false"), ("unlabelled", "none"))

_WIDTH, _HEIGHT = 340, 150
_LEFT, _BOTTOM, _TOP = 28, 22, 8
_NAME = 30  # width of a day, as 07-09


def pictures(account: Account) -> dict[str, str]:
    """SVG by name; empty pictures are left out."""
    days = account["days"]
    top = max([account["budget"], *(max(day["alerts"], day["fixed_alerts"]) for day in days), 1])
    paced = [[day[key] for key, _ in KINDS] for day in days]
    fixed = [[day["fixed_true"], 0, day["fixed_alerts"] - day["fixed_true"], 0] for day in days]
    names = [day["day"][5:10] for day in days]
    drawn = {
        "paced": _bars(names, paced, account["budget"], top),
        "fixed": _bars(names, fixed, account["budget"], top),
    }
    if len(account["starts"]) > 1:
        drawn["starts"] = _dots([(one["start"][:10], one["figures"]) for one in account["starts"]])
    return drawn


def _bars(names: Sequence[str], stacks: Sequence[Sequence[int]], budget: float, top: float) -> str:
    """A stacked bar for each day, and a horizontal line at the budget."""
    wide = (_WIDTH - _LEFT) / max(len(stacks), 1)
    scale = (_HEIGHT - _BOTTOM - _TOP) / top
    base = _HEIGHT - _BOTTOM
    parts = [_axis(top, base)]
    for place, stack in enumerate(stacks):
        below = float(base)
        x = _LEFT + place * wide + wide * 0.1
        for count, (_, kind) in zip(stack, KINDS, strict=True):
            high = count * scale
            if high:
                parts.append(
                    f'<rect class="{kind}" x="{x:.1f}" y="{below - high:.1f}"'
                    f' width="{wide * 0.8:.1f}" height="{high:.1f}"/>'
                )
            below -= high
    step = max(-(-len(names) // 6), 1)
    for place in range(0, len(names), step):
        x = min(_LEFT + place * wide, _WIDTH - _NAME)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{escape(names[place])}</text>')
    y = base - budget * scale
    parts.append(f'<line class="budget" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>')
    return _svg(_HEIGHT, parts)


def _dots(starts: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """The precision of each start day with its interval, one row each."""
    row, left = 22, 90
    wide = _WIDTH - left - 24
    height = row * len(starts) + 24
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + share * wide
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{height - 20}"/>')
        parts.append(f'<text x="{x - 10:.1f}" y="{height - 6}">{share:.0%}</text>')
    for place, (name, found) in enumerate(starts):
        y = place * row + 16
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}</text>')
        if found["precision"] is None:
            continue
        low, high = (left + found[key] * wide for key in ("precision_low", "precision_high"))
        parts.append(f'<line class="interval" x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}"/>')
        x = left + found["precision"] * wide
        parts.append(f'<circle class="true" cx="{x:.1f}" cy="{y}" r="5"/>')
    return _svg(height, parts)


def _axis(top: float, base: float) -> str:
    high = _TOP + 8
    return (
        f'<line class="grid" x1="{_LEFT}" y1="{base}" x2="{_WIDTH}" y2="{base}"/>'
        f'<text x="0" y="{high}">{top:g}</text><text x="0" y="{base}">0</text>'
    )


def _svg(height: int, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="presentation">{"".join(parts)}</svg>'
