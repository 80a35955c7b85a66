r"""Reads the short forms of features in a detector file into the features that models have.

::

    - category: rule.id
    - {matches: url.path, pattern: '\.php$', name: php}
    - {ratio: [source.bytes, destination.bytes]}
    - {number: network.bytes, take: max}
    - {count: events, by: source.ip, over: 1h}
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from scoreback.models.detector.features import (
    EVENT_KINDS,
    TAKES,
    TAKING_KINDS,
    WINDOW_KINDS,
    EventFeature,
    WindowFeature,
)
from scoreback.models.detector.located_yaml import Key
from scoreback.models.detector.problems import Problem, closest, key_path, kind_of, problems_of
from scoreback.models.detector.quantities import format_duration

Feature = EventFeature | WindowFeature

KINDS = EVENT_KINDS + WINDOW_KINDS
OF_EVENTS = ("count", "since_last")  # window kinds without a field
_EXAMPLE = "write for example - category: rule.id"


def read_features(value: object, key: Key) -> tuple[list[Feature], list[Problem]]:
    """The features in the list *value*, found at *key*, and the problems of the others."""
    if not isinstance(value, list) or not value:
        found = kind_of(value) if value else "none"
        return [], [Problem(key, f"expected a list of features, found {found}", _EXAMPLE)]
    numbered: list[tuple[int, Feature]] = []
    problems: list[Problem] = []
    for i, item in enumerate(value):
        feature = _read(item, (*key, i))
        if isinstance(feature, Feature):
            numbered.append((i, feature))
        else:
            problems.extend(feature)
    features = _named([feature for _, feature in numbered])
    numbers = [i for i, _ in numbered]
    problems.extend(_repeated(features, numbers, key))
    return features, problems


def short_form(feature: Feature) -> dict[str, object]:
    """*feature* as the file writes it, without its name."""
    form: dict[str, object] = {feature.kind: feature.field or "events"}
    if isinstance(feature, WindowFeature):
        form["by"] = feature.by[0] if len(feature.by) == 1 else list(feature.by)
        form["over"] = format_duration(feature.over)
    elif feature.divisor:
        form[feature.kind] = [feature.field, feature.divisor]
    elif feature.pattern:
        form["pattern"] = feature.pattern
    if feature.take != "first":
        form["take"] = feature.take
    return form


def _read(item: object, key: Key) -> Feature | list[Problem]:
    if not isinstance(item, dict):
        hint = f"write - category: {item} or - number: {item}" if item else _EXAMPLE
        return [Problem(key, f"expected a kind and a field, found {kind_of(item)}", hint)]
    kinds = [name for name in item if name in KINDS]
    if not kinds:
        name = next(iter(item), "")
        return [Problem((*key, name), f"no feature is called {name!r}", closest(name, KINDS))]
    if len(kinds) > 1:
        what = f"{kinds[0]} and {kinds[1]} in one feature"
        return [Problem((*key, kinds[1]), what, "write two features, each with its own dash")]
    kind = kinds[0]
    problems = list(_misplaced(kind, item, key))
    built = _build(kind, item, key)
    if isinstance(built, list):
        return problems + built
    return problems or built


def _misplaced(kind: str, item: dict[str, object], key: Key) -> Iterator[Problem]:
    allowed = [kind, "name"]
    allowed += ["by", "over"] if kind in WINDOW_KINDS else []
    allowed += ["pattern"] if kind == "matches" else []
    allowed += ["take"] if kind in TAKING_KINDS else []
    for name in item:
        if name in allowed:
            continue
        if name in ("by", "over"):
            what = f"{kind} reads one event, so it takes no {name}"
            hint = f"remove {name}, or use a window feature: {', '.join(WINDOW_KINDS)}"
            yield Problem((*key, name), what, hint)
        elif name == "pattern":
            yield Problem((*key, name), f"{kind} takes no pattern", "use matches")
        elif name == "take":
            hint = f"remove take; it is for {', '.join(TAKING_KINDS)}"
            yield Problem((*key, name), f"{kind} reads no number, so take has no meaning", hint)
        else:
            yield Problem((*key, name), "unknown key", closest(name, allowed))


def _build(kind: str, item: dict[str, object], key: Key) -> Feature | list[Problem]:
    if kind in OF_EVENTS and item[kind] != "events":
        what = f"{kind} counts events, not {kind_of(item[kind])}"
        hint = f"write {kind}: events; for the values of a field use distinct or rarity"
        return [Problem((*key, kind), what, hint)]
    field, divisor = item[kind], None
    if kind == "ratio":
        if not (isinstance(field, list) and len(field) == 2):
            what = f"expected two fields, found {kind_of(field)}"
            return [Problem((*key, kind), what, "write ratio: [source.bytes, destination.bytes]")]
        field, divisor = field
    given: dict[str, object] = {"kind": kind, "field": None if kind in OF_EVENTS else field}
    if "take" in item and kind in TAKING_KINDS:
        if item["take"] not in TAKES:
            what = f"take: {item['take']!r} is not known"
            return [Problem((*key, "take"), what, closest(str(item["take"]), TAKES))]
        given["take"] = item["take"]
    given["name"] = item.get("name", "unnamed")  # see `_named`
    model: type[Feature]
    if kind in WINDOW_KINDS:
        model = WindowFeature
        given |= {name: item[name] for name in ("by", "over") if name in item}
    else:
        model = EventFeature
        given |= {"divisor": divisor}
        given |= {"pattern": item["pattern"]} if kind == "matches" and "pattern" in item else {}
    try:
        feature = model.model_validate(given)
    except ValidationError as error:
        return list(problems_of(error, model, key, {"field": kind, "divisor": kind}))
    return feature if "name" in item else feature.model_copy(update={"name": ""})


def _named(features: list[Feature]) -> list[Feature]:
    """Name unnamed features; a number or category gets its field's name if that is unique."""
    bare = Counter(
        str(f.field) for f in features if not f.name and f.kind in ("number", "category")
    )
    taken = {f.name for f in features}
    named = []
    for feature in features:
        if feature.name:
            named.append(feature)
            continue
        clear = bare[str(feature.field)] == 1 and feature.field not in taken
        named.append(feature.model_copy(update={"name": _default_name(feature, clear=clear)}))
    return named


def _default_name(feature: Feature, *, clear: bool) -> str:
    if isinstance(feature, WindowFeature):
        by, over = ", ".join(feature.by), format_duration(feature.over)
        field = feature.field or "events"
        read = field if feature.take == "first" else f"{feature.take} {field}"
        return f"{feature.kind}({read} by {by} over {over})"
    if feature.kind in ("number", "category") and clear and feature.take == "first":
        return feature.field
    parts = [feature.field, feature.divisor or feature.pattern]
    parts += [feature.take] if feature.take != "first" else []
    return f"{feature.kind}({', '.join(part for part in parts if part)})"


def _repeated(features: Sequence[Feature], numbers: Sequence[int], key: Key) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, feature in zip(numbers, features, strict=True):
        form = ", ".join(f"{name}: {value}" for name, value in short_form(feature).items())
        for what in (form, f"the name {feature.name!r}"):
            if what in first:
                other = key_path((*key, first[what]))
                yield Problem((*key, number), f"repeats {what} of {other}", "remove or rename it")
                break
            first[what] = number
