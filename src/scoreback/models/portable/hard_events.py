"""Events that a SIEM's own scorer is most likely to read differently; the gate uses them.

Numbers on the model's thresholds and just beside them, in every notation; numbers beyond single and
double precision; texts that are nearly a number, an address or a known value; lists; missing
fields. Each field of an event is drawn independently.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoreback.models.learners.model import Floats
from scoreback.multivalue import MARK
from scoreback.portable.model import PortableModel

_NUMBERS = (
    "0", "-0", "0.0", "1", "-1", "1.5", "1e308", "-1e308", "1.7976931348623157e308", "1e39",
    "3.4028234663852886e38", "3.4028235677973366e38", "-3.5e38", "1e-45", "7e-46", "1e-46",
    "4.9e-324", "1e-400", "9007199254740993", "18446744073709551617", "123456789012345678901234",
    "16777217", "0.1", "0.30000000000000004",
)  # fmt: skip
_NEARLY_NUMBERS = (
    "1e400", "-1e400", "9" * 320, "nan", "NaN", "inf", "-Infinity", "abc", "1,5", "0x10", "1_000",
    "1__0", "+-1", "--1", "+ 1", ".", "1.", ".5", "1e", "1e+", "e5", "true", "1 2", "\u0661\u0662",
    "\uff11", "1\u00a0", "\x1c1", "1d", "1%", "00012", "-", "+", " ", "1.2.3.4",
)  # fmt: skip
_ADDRESSES = (
    "10.0.0.1", "8.8.8.8", "172.16.0.1", "172.32.0.1", "192.168.1.1", "169.254.0.9", "127.0.0.1",
    "999.1.1.1", "10.1.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1\n", "::1", "::", "::1:2", "fd00::1",
    "FE80::1", "fe8::1", "2001:db8::1", "::ffff:10.0.0.1", "fc:", "host.example.org", "10.0.0.1:80",
    "1234.1.1.1",
)  # fmt: skip
_TEXTS = (
    "a", "A", "aa", " ", "a b", "x" * 5000, "12ab34", "\u0661\u0662\u0663", "h\u00e9llo",
    "he\u0301llo", "\U0001f600" * 3, "\U0001f469\u200d\U0001f469", "\ud55c\uad6d", 'q"uo,te$;$',
    "two\nlines", "tab\there", "$x$", "a, b", "\u202eabc", "\ufdd0", MARK + "a", "ab" * 3000 + "1",
    "%s {} \\", "'; | delete",
)  # fmt: skip
_DAY_US = 86_400_000_000
_BEGIN_US = 1_700_000_000_000_000
_BLANK = 0.12  # shares of a field's draws: missing, or empty
_SEVERAL = 0.08  # share of lists
_AGAIN = 0.25


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as a SIEM holds it: all values of each field, and its times in microseconds."""

    values: Mapping[str, Sequence[str]]  # a missing field has none; a value may be empty
    event_time: int
    arrival_time: int


def hard_events(model: PortableModel, rows: int, seed: int) -> list[RawEvent]:
    """*rows* events that are hard for *model*; the same seed gives the same events."""
    draw = np.random.default_rng(seed)
    pools = _pools(model, draw)
    columns = {field: _column(pool, rows, draw) for field, pool in sorted(pools.items())}
    times = _BEGIN_US + draw.integers(0, 400 * _DAY_US, rows)
    round_hour = draw.random(rows) < 0.2
    times = np.where(round_hour, times - times % (_DAY_US // 24), times)
    times -= (round_hour & (draw.random(rows) < 0.5)).astype(np.int64)
    waits = np.where(draw.random(rows) < 0.5, 0, draw.integers(0, _DAY_US, rows))
    same_as = np.arange(rows)  # some events are repeated, so that scores tie
    again = draw.random(rows) < _AGAIN
    same_as[again] = np.maximum(same_as[again] - draw.integers(1, 50, int(again.sum())), 0)
    return [
        RawEvent(
            {field: column[row] for field, column in columns.items()},
            int(times[row]),
            int(times[row] + waits[row]),
        )
        for row in same_as.tolist()
    ]


def _column(pool: Sequence[str], rows: int, draw: np.random.Generator) -> list[tuple[str, ...]]:
    """A field of *rows* events: mostly one value of *pool*, else none, an empty one or several."""
    kind = draw.random(rows)
    places = draw.integers(0, len(pool), (rows, 4))
    found: list[tuple[str, ...]] = []
    for row in range(rows):
        values = tuple(pool[place] for place in places[row].tolist())
        if kind[row] < _BLANK:
            found.append(() if kind[row] < _BLANK / 2 else ("",))
        elif kind[row] < _BLANK + _SEVERAL:
            found.append(values[: 2 + places[row, 0] % 3])
        else:
            found.append(values[:1])
    return found


def _pools(model: PortableModel, draw: np.random.Generator) -> dict[str, list[str]]:
    """Texts to draw from for each field: half where its features change, half arbitrary."""
    pools: dict[str, list[str]] = {}
    for place, feature in enumerate(model.features):
        match feature.kind:
            case "number" | "ratio":
                told = _written(_near_thresholds(model, place, draw), draw)
                other = [*_NUMBERS, *_NEARLY_NUMBERS]
            case "category":
                told = _near_words(list(feature.vocabulary or ()), draw)
                other = list(_TEXTS)
            case "is_private_ip":
                told, other = list(_ADDRESSES), ["1.2.3.4.5", "text"]
            case "hour_of_day" | "day_of_week":
                continue
            case _:
                told, other = _lengthy(draw), [*_TEXTS, *_NEARLY_NUMBERS]
        repeated = told * max(1, len(other) // max(len(told), 1))
        for field in filter(None, (feature.field, feature.divisor)):
            pools.setdefault(field, []).extend([*repeated, *other])
    return pools


def _near_thresholds(model: PortableModel, place: int, draw: np.random.Generator) -> Floats:
    """Numbers on both sides of each of the model's thresholds for a column, as near as possible."""
    asked = np.linspace(-3, 3, 20)
    if model.trees is not None:
        trees = model.trees
        mine = [t for f, t, left in zip(trees.feature, trees.threshold, trees.left, strict=True)
                if left >= 0 and f == place and math.isfinite(t)]  # fmt: skip
        asked = np.unique(np.array([*mine, 0.0]))
    elif model.linear is not None:
        term = model.linear.terms[place]
        asked = term.mean + term.scale * np.linspace(-11, 11, 40)
    asked = asked[np.abs(asked) < 1e300]
    asked = draw.choice(asked, min(len(asked), 150), replace=False)
    with np.errstate(over="ignore"):
        near = asked.astype(np.float32)
        single = [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, -near - 1)]
    double = [asked, np.nextafter(asked, np.inf), np.nextafter(asked, -np.inf)]
    spread = draw.uniform(asked.min() - 1, asked.max() + 1, 100)
    found = np.concatenate([*(each.astype(np.float64) for each in single), *double, spread])
    return np.asarray(found[np.isfinite(found)])


def _written(numbers: Floats, draw: np.random.Generator) -> list[str]:
    """Each number in a randomly drawn notation."""
    forms = (
        repr, repr, repr, "{:.9g}".format, "{:.17e}".format, "{:.20f}".format, " {!r}\n".format,
        "{:+}".format, "{:.17E}".format, "{:.0f}".format,
    )  # fmt: skip
    chosen = draw.integers(0, len(forms), len(numbers)).tolist()
    return [forms[form](number) for form, number in zip(chosen, numbers.tolist(), strict=True)]


def _near_words(known: list[str], draw: np.random.Generator) -> list[str]:
    """Known values, and texts that look like them."""
    places = draw.permutation(len(known))[:300].tolist()
    some = [known[place] for place in places] or ["unknown"]
    changes = (str.upper, str.swapcase, " {}".format, "{} ".format, "{}\n".format)
    alike = [change(word) for word in some[:20] for change in changes]
    return [*some, *some, *alike]


def _lengthy(draw: np.random.Generator) -> list[str]:
    signs = list("abcdefghij0123456789-._/ \u00e9\u4e2d\U0001f600")
    return ["".join(draw.choice(signs, int(length))) for length in draw.integers(1, 60, 150)]
