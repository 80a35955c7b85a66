"""SVG marks of the report's pictures: bars, lines, dots, words and axes.

Colours are classes of the page's style sheet, so pictures follow its dark and print styles. Marks
can have a title, which browsers show as a tooltip. Text stays text.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from markupsafe import escape

WIDTH = 460.0
LETTER = 6.1  # average width of a letter, in units
_TOP, _RIGHT, _BOTTOM = 10.0, 14.0, 40.0
_LINE = 18.0  # height of a legend line

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to coordinates in the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate of *value*; values beyond the scale are put at its end."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = (value - low) / (high - low) if high > low else 0.0
        return self.start + share * (self.end - self.start)

    def decades(self) -> list[float]:
        """The powers of ten within a logarithmic scale, or its ends if there are fewer than two."""
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        found = [10.0**power for power in range(first, last + 1)]
        found = [
            mark for mark in found if self.low <= mark <= self.high
        ]  # as logarithms are rounded
        return found if len(found) > 1 else [self.low, self.high]


@dataclass(slots=True)
class Picture:
    """A picture: a frame with room for axes, and the marks added so far."""

    height: float
    left: float
    legend: Sequence[tuple[str, str]] = ()  # shape and class → meaning
    marks: list[str] = field(default_factory=list)

    @property
    def top(self) -> float:
        """The frame's upper edge, below the legend."""
        return _TOP + _LINE * len(_rows(self.legend))

    @property
    def right(self) -> float:
        """Where the frame ends."""
        return WIDTH - _RIGHT

    @property
    def bottom(self) -> float:
        """Where the frame ends."""
        return self.height - _BOTTOM

    def across(self, low: float, high: float, *, log: bool = False) -> Scale:
        """A scale from left to right."""
        return Scale(low, high, self.left, self.right, log)

    def up(self, low: float, high: float, *, log: bool = False) -> Scale:
        """A scale from the bottom to the top."""
        return Scale(low, high, self.bottom, self.top, log)

    def bar(self, x: float, y: float, width: float, height: float, kind: str, title: str) -> Self:
        """A filled rectangle."""
        return self._add(
            f'<rect class="{kind}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}"'
            f' height="{_n(height)}">{_title(title)}</rect>'
        )

    def line(self, points: Iterable[Point], kind: str) -> Self:
        """A line through *points*."""
        through = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        return self._add(f'<polyline class="{kind}" points="{through}"/>')

    def dot(self, x: float, y: float, kind: str, title: str) -> Self:
        """A round mark."""
        return self._add(
            f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="4">{_title(title)}</circle>'
        )

    def diamond(self, x: float, y: float, kind: str, title: str) -> Self:
        """A mark that is told from a dot without its colour."""
        return self._add(f'<path class="{kind}" d="{_diamond(x, y)}">{_title(title)}</path>')

    def word(self, x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> Self:
        """Text at a place: *anchor* is start, middle or end."""
        named = f' class="{kind}"' if kind else ""
        place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
        return self._add(f"<text{named} {place}>{_text(text)}</text>")

    def x_axis(self, scale: Scale, ticks: Iterable[tuple[float, str]], name: str) -> Self:
        """Marks below the frame, lines to read them off by, and what they count."""
        for value, text in ticks:
            x = scale(value)
            self.line([(x, self.top), (x, self.bottom)], "grid")
            self.word(x, self.bottom + 15, text, kind="tick")
        return self.word((self.left + self.right) / 2, self.height - 6, name)

    def y_axis(self, scale: Scale, ticks: Iterable[tuple[float, str]], name: str) -> Self:
        """The same on the left; the name lies upright beside them."""
        for value, text in ticks:
            y = scale(value)
            self.line([(self.left, y), (self.right, y)], "grid")
            self.word(self.left - 6, y + 4, text, "end", "tick")
        x, y = 11.0, (scale.start + scale.end) / 2
        return self._add(
            f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="middle"'
            f' transform="rotate(-90 {_n(x)} {_n(y)})">{_text(name)}</text>'
        )

    def drawn(self) -> str:
        """The SVG element."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(WIDTH)} {_n(self.height)}">'
            f"{''.join(self._legend())}{''.join(self.marks)}</svg>"
        )

    def _legend(self) -> Iterable[str]:
        for row, entries in enumerate(_rows(self.legend)):
            x, y = self.left, _TOP + _LINE * row
            for shape, text in entries:
                yield _SHAPES[shape.split()[0]](x + 5, y + 1, " ".join(shape.split()[1:]))
                yield f'<text class="tick" x="{_n(x + 15)}" y="{_n(y + 5)}">{_text(text)}</text>'
                x += _wide(text)

    def _add(self, mark: str) -> Self:
        self.marks.append(mark)
        return self


def short(name: str, longest: int = 32) -> str:
    """*name* for an axis: on one line, without what cannot be seen, cut where it is too long."""
    text = "".join(c if c.isprintable() else " " for c in name)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def room_for(names: Iterable[str]) -> float:
    """Units that the longest of *names* takes on the left of a picture."""
    return 14 + LETTER * max((len(name) for name in names), default=0)


def _rows(legend: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The entries of *legend*, as many in a row as fit."""
    rows: list[list[tuple[str, str]]] = []
    taken = WIDTH
    for entry in legend:
        if taken + _wide(entry[1]) > WIDTH - 40:
            rows.append([])
            taken = 0.0
        rows[-1].append(entry)
        taken += _wide(entry[1])
    return rows


def _wide(text: str) -> float:
    return 28 + LETTER * len(text)


_SHAPES: dict[str, Callable[[float, float, str], str]] = {
    "bar": lambda x, y, kind: (
        f'<rect class="{kind}" x="{_n(x - 5)}" y="{_n(y - 5)}" width="10" height="10"/>'
    ),
    "dot": lambda x, y, kind: f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="4"/>',
    "diamond": lambda x, y, kind: f'<path class="{kind}" d="{_diamond(x, y)}"/>',
    "line": lambda x, y, kind: (
        f'<polyline class="{kind}" points="{_n(x - 6)},{_n(y)} {_n(x + 6)},{_n(y)}"/>'
    ),
}


def _diamond(x: float, y: float) -> str:
    return f"M{_n(x)} {_n(y - 5)}l5 5l-5 5l-5 -5z"


def _title(text: str) -> str:
    return f"<title>{_text(text)}</title>" if text else ""


def _text(text: str) -> str:
    return str(escape("".join(c for c in text if c.isprintable())))


def _n(value: float) -> str:
    """A number of few letters: a tenth of a unit cannot be seen."""
    return f"{value:.1f}".removesuffix(".0")
