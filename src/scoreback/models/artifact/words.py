"""What a feature's value says, in an analyst's words, beside what is usual of it.

A number stands beside the range in which eight of ten lie, a category beside how often it was true,
a text is told by the words in it that spoke. What the model learnt from decides, and nothing else:
where that was not kept, the plain value stands alone.
"""

from scoreback.models.detector.spec import EventFeature, WindowFeature, format_duration
from scoreback.models.judging.norms import FEW, Norm, Norms, Seen, digest
from scoreback.models.learners.encoding import MIN_SEEN
from scoreback.models.learners.spoken import spoken
from scoreback.models.learners.texts import TextModel

Value = float | str | None
RARE = ", a rare value"  # what follows a category's value that is not counted

_RARE = 0.585  # bits: two of three; what is more frequent is not told as a share
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOTHING_AT_ZERO = ("matches", "count", "distinct", "sum", "digits")
_LONGEST = 200  # characters of a field's value; a command line can hold a megabyte
_PARTS = 10  # a share above a half is told in tenths


def in_words(
    feature: EventFeature | WindowFeature,
    value: Value,
    norms: Norms | None = None,
    text: TextModel | None = None,
) -> str:
    """What *value* of *feature* says.

    Args:
        feature: whose value it is.
        value: the whole of it; None where it is missing.
        norms: what is usual in what the model learnt from.
        text: of an ``ngrams`` feature, what it learnt of texts.
    """
    norm = None if norms is None else norms.features.get(feature.name)
    if isinstance(feature, WindowFeature):
        return _window(feature, value, norm, norms)
    if value is None:
        return _missing(feature) + _missing_as_in(norm, norms)
    if isinstance(value, str):
        if feature.kind == "ngrams":
            return _text(feature, value, text)
        return f"{feature.field} is {cut(value)}{_category(value, norm, norms)}"
    match feature.kind:
        case "hour_of_day":
            return _hour(feature, value, norm, norms)
        case "day_of_week":
            return _day(feature, value, norm, norms)
        case "matches":
            verb = "matches" if value else "does not match"
            return f"{feature.field} {verb} {feature.pattern}{_seen_as(value, norm, norms)}"
        case "is_private_ip":
            kind = "private" if value else "public"
            return f"{feature.field} is a {kind} address{_seen_as(value, norm, norms)}"
    return f"{_number(feature, value)}{_beside(norm, feature.kind)}"


def cut(text: str) -> str:
    """What a reason shows of a field's value."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def shown(value: float | str) -> str:
    """Whole numbers without a point, others with about four digits; texts cut."""
    if isinstance(value, str):
        return cut(value)
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def worth_telling(feature: EventFeature | WindowFeature, value: Value, norms: Norms | None) -> bool:
    """Whether *value* may be a reason: that nothing happened is one only beside what is usual."""
    happened = value is not None and (value != 0 or feature.kind not in _NOTHING_AT_ZERO)
    norm = None if norms is None else norms.features.get(feature.name)
    if happened or norm is None:
        return happened
    if value is None:
        return norm.rows > 0
    return bool(norm.values) if feature.kind in FEW else norm.middle is not None


def share(part: int, whole: int) -> str:
    """*part* of *whole* as people say it: ``1 in 40``, ``7 in 10``, ``all``, ``none``."""
    if part <= 0 or whole <= 0:
        return "none"
    if part >= whole:
        return "all"
    one_in = whole / part
    if one_in >= 2 and (one_in > 5 or abs(one_in - round(one_in)) < 0.15):
        return f"1 in {round(one_in):,}"
    tenths = round(_PARTS * part / whole)
    return "nearly all" if tenths == _PARTS else f"{tenths} in {_PARTS}"


def _number(feature: EventFeature, value: float) -> str:
    told = shown(value)
    match feature.kind:
        case "length":
            return f"{feature.field} is {told} characters long"
        case "entropy":
            return f"randomness of {feature.field} is {value:.1f}"
        case "digits":
            return f"{told} digits in {feature.field}"
        case "ratio":
            return f"{_read(feature)} / {_read(feature, feature.divisor)} is {told}"
    return f"{_read(feature)} is {told}"


def _category(value: str, norm: Norm | None, norms: Norms | None) -> str:
    """How often a category was true, else how often it came."""
    if norm is None or norms is None or not norm.values:
        return ""
    seen = norm.values.get(digest(value))
    if seen is None:
        return ", a value never seen in training" if norm.whole else RARE
    if seen.labelled >= MIN_SEEN and seen.positives:
        judged = norms.unit if norms.presumed else f"labelled {norms.unit}"
        one = share(seen.positives, seen.labelled)
        verb = "was" if one.startswith("1 in ") else "were"
        of_all = share(norms.positives, norms.labelled)
        return f": {one} of its {judged} {verb} true (of all, {of_all})"
    return _as_in(seen.rows, norm.rows, norms)


def _text(feature: EventFeature, value: str, text: TextModel | None) -> str:
    words = [] if text is None else spoken(text, value)
    if not words:
        return f"{feature.field} reads like {cut(value)}"
    *others, last = (f'"{word}"' for word in words)
    return f"{feature.field} holds {' and '.join(filter(None, [', '.join(others), last]))}"


def _hour(feature: EventFeature, value: float, norm: Norm | None, norms: Norms | None) -> str:
    hour = int(value)
    span = f"between {hour:02}:00 and {(hour + 1) % 24:02}:00 UTC"
    if feature.field == "event_time":
        return f"at a time {span}{_when(value, norm, norms)}"
    return f"{feature.field} lies {span}{_seen_as(value, norm, norms)}"


def _day(feature: EventFeature, value: float, norm: Norm | None, norms: Norms | None) -> str:
    day = _DAYS[int(value) - 1]
    if feature.field == "event_time":
        return f"on a {day}{_when(value, norm, norms)}"
    return f"{feature.field} lies on a {day}{_seen_as(value, norm, norms)}"


def _when(value: float, norm: Norm | None, norms: Norms | None) -> str:
    seen = _seen(value, norm)
    if norm is None or norms is None or seen is None:
        return ""
    told = share(seen.rows, norm.rows)
    if told == "none":
        return f", when no {norms.unit.removesuffix('s')} of training happened"
    return f", when {told} {norms.unit} happen"


def _seen_as(value: float, norm: Norm | None, norms: Norms | None) -> str:
    seen = _seen(value, norm)
    return "" if seen is None or norm is None else _as_in(seen.rows, norm.rows, norms)


def _seen(value: float, norm: Norm | None) -> Seen | None:
    """How often one of few numbers came; None where it was not counted."""
    if norm is None or not norm.values:
        return None
    return norm.values.get(f"{value:.0f}", Seen(0, 0, 0))


def _missing_as_in(norm: Norm | None, norms: Norms | None) -> str:
    return "" if norm is None else _as_in(norm.missing, norm.rows, norms)


def _as_in(part: int, whole: int, norms: Norms | None) -> str:
    if not whole or norms is None:
        return ""
    told = share(part, whole)
    if told == "none":
        return f" (as in no {norms.unit.removesuffix('s')} of training)"
    return f" (as in {told} {norms.unit} of training)"


def _missing(feature: EventFeature) -> str:
    if feature.kind == "ratio":
        return f"{feature.field} / {feature.divisor} is missing"
    if feature.kind in ("number", "category", "ngrams"):
        return f"{feature.field} is missing"
    return f"{feature.field} is missing or unreadable"


def _window(feature: WindowFeature, value: Value, norm: Norm | None, norms: Norms | None) -> str:
    over, by = format_duration(feature.over), " and ".join(feature.by)
    where = f"of the same {by} within {over}"
    if value is None or isinstance(value, str):
        as_in = _missing_as_in(norm, norms)
        if feature.kind == "since_last":
            return f"no earlier event {where}{as_in}"
        return f"{feature.kind} of {feature.field or 'events'} {where} is missing{as_in}"
    usual = None if norm is None else norm.middle
    beside = "" if usual is None else f" (usually {_amount(feature.kind, usual)})"
    told = _amount(feature.kind, value)
    match feature.kind:
        case "count":
            return f"{told} events {where}{beside}"
        case "distinct":
            return f"{told} different {feature.field} {where}{beside}"
        case "rarity":
            earlier = f"{told} earlier events" if value >= _RARE else "nearly every earlier event"
            return f"{feature.field} is that of {earlier} {where}{beside}"
        case "since_last":
            return f"{told} since the event before of the same {by}{beside}"
        case _:
            return f"{feature.kind} of {_read(feature)} {where} is {told}{beside}"


def _beside(norm: Norm | None, kind: str) -> str:
    """The range of eight in ten of a feature's numbers."""
    if norm is None or norm.low is None or norm.high is None:
        return ""
    low, high = (f"{n:.1f}" if kind == "entropy" else shown(n) for n in (norm.low, norm.high))
    return f" (usually {low})" if low == high else f" (usually {low} to {high})"


def _read(feature: EventFeature | WindowFeature, field: str | None = None) -> str:
    """What is read of a field: ``max of network.bytes``."""
    name = field or feature.field or ""
    return name if feature.take == "first" else f"{feature.take} of {name}"


def _amount(kind: str, value: float) -> str:
    """A number of a window feature: rarity is told as a share, since_last as a length of time."""
    if kind == "rarity":  # log2((n + 1) / (m + 1)) for m of n events: their share is never more
        return f"at most 1 in {shown(round(2.0 ** min(value, 60.0)))}"
    if kind == "since_last":
        unit, seconds = next((u for u in _UNITS if abs(value) >= u[1]), _UNITS[-1])
        return f"{shown(round(value / seconds, 1))} {unit}"
    return shown(value)
