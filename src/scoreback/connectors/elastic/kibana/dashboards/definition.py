"""What the dashboards show, read from ``definitions/*.yml``, the source of all renderings.

A panel says what it reads (``data``), into which ``rows`` it sorts documents, how it may ``split``
each row, and which ``figures`` it shows of them (``show``: figure, table, lines, columns, bars). A
figure is the ``last`` value of a field, its ``max``, the number of its ``unique`` values, the
``count`` of documents, or a ``formula`` of these. ``only`` selects other field values than panels
of that data usually do. ``labels.open_alerts`` is the figure with that name in docs/health.md.
``at`` is x, y, width and height on Kibana's grid of 48 columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from scoreback.connectors.elastic.kibana.dashboards.data import (
    DETECTOR,
    ONLY,
    TIME_FIELD,
    WITHOUT,
    Data,
    type_of,
)
from scoreback.connectors.elastic.kibana.kql import Value, kql
from scoreback.health import FIGURES, OWN

Show = Literal["figure", "table", "lines", "columns", "bars"]
Operation = Literal["last", "max", "unique", "count"]
Steps = tuple[tuple[float, str], ...]  # value → colour from that value on
COLUMNS = 48  # position on Kibana's grid
_OPERATIONS: tuple[Operation, ...] = ("last", "max", "unique", "count")
_KIND = f"{OWN}.kind"
_NOT_OPEN = "kibana.alert.building_block_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One value calculated from many documents."""

    operation: Operation
    field: str = ""  # none: counts documents
    type: str = "number"
    kind: str = ""  # the health documents that it reads, where a panel reads several kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """Arithmetic on measures."""

    function: str  # name in Kibana's formulas and in its parser
    arguments: tuple["Formula | Measure | float", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A named value, and its format."""

    name: str
    value: Formula | Measure
    percent: int | None = None  # decimals of a share shown in percent
    decimals: int | None = None
    unit: str = ""
    colours: Steps = ()
    colour: str = ""
    width: int = 0
    right: bool = False  # uses the right axis
    list: bool = False  # show all values of a list

    @property
    def type(self) -> str:
        """The type: string, number, date or boolean."""
        return self.value.type if isinstance(self.value, Measure) else "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """How documents are sorted into rows: by the values of a field, or by hour."""

    name: str
    field: str
    hours: int = 0
    size: int = 0
    by: int | None = None  # the figure that ranks them; none: alphabetical order
    filter: bool = False  # a click on a row filters the dashboard
    width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel."""

    id: str
    answers: tuple[str, ...]  # numbers of questions in packaging/dashboards/questions.yml
    title: str
    description: str
    x: int
    y: int
    width: int
    height: int
    show: Show
    data: Data
    kinds: tuple[str, ...]  # for health documents
    rows: tuple[Rows, ...]
    split: Rows | None
    figures: tuple[Figure, ...]
    collapse: str = ""  # how to combine detectors: sum or max; none: one tile each
    bar: bool = False  # as far as the second figure
    colours: Steps = ()
    axis: str = ""
    right_axis: str = ""
    range: tuple[float | None, float | None] | None = None
    sort: int | None = None  # sorted by this figure, highest first
    only: Mapping[str, Value | tuple[Value, ...]] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """The documents that it reads, in Kibana's query language."""
        only = {**ONLY[self.data], **self.only}
        if self.kinds:
            only[_KIND] = self.kinds if len(self.kinds) > 1 else self.kinds[0]
        without = {k: v for k, v in WITHOUT[self.data].items() if k not in self.only}
        absent = [_NOT_OPEN] if self.data == Data.ALERTS else []
        return kql(only, without=without, absent=absent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard."""

    name: str
    reader: str
    title: str
    description: str
    since: str
    until: str
    panels: tuple[Panel, ...]


def query_of(measure: Measure) -> str:
    """Which of a panel's documents *measure* reads, in Kibana's query language; "" for all."""
    return kql({_KIND: measure.kind}) if measure.kind else ""


@cache
def dashboards() -> tuple[Dashboard, ...]:
    """The dashboards, by name."""
    import yaml  # imported here because deploying needs it and scoring does not

    found = files(__package__).joinpath("definitions").iterdir()
    texts = sorted((one.name, one.read_text(encoding="utf-8")) for one in found)
    return tuple(dashboard_of(yaml.safe_load(t)) for name, t in texts if name.endswith(".yml"))


def dashboard_of(given: Mapping[str, Any]) -> Dashboard:
    """The dashboard of a definition.

    Raises:
        KeyError, TypeError, ValueError: the definition is not valid.
    """
    return Dashboard(
        name=given["dashboard"],
        reader=given["reader"],
        title=given["title"],
        description=given["description"],
        since=given["time"]["from"],
        until=given["time"]["to"],
        panels=tuple(_panel(one) for one in given["panels"]),
    )


def measures_of(value: "Formula | Measure | float") -> Iterator[Measure]:
    """The measures in *value*, in order."""
    if isinstance(value, Measure):
        yield value
    elif isinstance(value, Formula):
        for argument in value.arguments:
            yield from measures_of(argument)


def _panel(given: Mapping[str, Any]) -> Panel:
    data = Data(given["data"])
    kinds = tuple(_kinds(given["figures"])) if data == Data.HEALTH else ()
    several = len(kinds) > 1
    figures = tuple(_figure(one, data, several=several) for one in given["figures"])
    names = [figure.name for figure in figures]
    rows = given.get("rows", [])
    if given["show"] == "figure":
        rows = [{"name": "Detector", "terms": DETECTOR, "size": 50}]
    x, y, width, height = given["at"]
    low_high = given.get("range")
    return Panel(
        id=given["id"],
        answers=tuple(given["answers"]),
        title=given["title"],
        description=given.get("description", ""),
        x=x,
        y=y,
        width=width,
        height=height,
        show=given["show"],
        data=data,
        kinds=kinds,
        rows=tuple(_rows(one, names) for one in rows),
        split=_rows(given["split"], names) if "split" in given else None,
        figures=figures,
        collapse=given.get("collapse", ""),
        bar=given.get("bar", False),
        colours=_steps(given),
        axis=given.get("axis", ""),
        right_axis=given.get("right_axis", ""),
        range=(low_high[0], low_high[1]) if low_high else None,
        sort=names.index(given["sort"]) if "sort" in given else None,
        only={
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.get("only", {}).items()
        },
    )


def _rows(given: Mapping[str, Any], names: Sequence[str]) -> Rows:
    return Rows(
        name=given["name"],
        field=given.get("terms", TIME_FIELD),
        hours=given.get("hours", 0),
        size=given.get("size", 0),
        by=names.index(given["by"]) if "by" in given else None,
        filter=given.get("filter", False),
        width=given.get("width", 0),
    )


def _figure(given: Mapping[str, Any], data: Data, *, several: bool) -> Figure:
    if "formula" in given:
        value: Formula | Measure = _formula(given["formula"], data, several=several)
    else:
        value = _measure(given, data, several=several)
    return Figure(
        name=given["name"],
        value=value,
        percent=given.get("percent"),
        decimals=given.get("decimals"),
        unit=given.get("unit", ""),
        colours=_steps(given),
        colour=given.get("colour", ""),
        width=given.get("width", 0),
        right=given.get("right", False),
        list=given.get("list", False),
    )


def _formula(given: Sequence[Any], data: Data, *, several: bool) -> Formula:
    function, *arguments = given
    return Formula(
        function=function,
        arguments=tuple(_argument(one, data, several=several) for one in arguments),
    )


def _argument(given: Any, data: Data, *, several: bool) -> Formula | Measure | float:  # noqa: ANN401 - YAML
    if isinstance(given, list):
        return _formula(given, data, several=several)
    if isinstance(given, Mapping):
        return _measure(given, data, several=several)
    return float(given)


def _measure(given: Mapping[str, Any], data: Data, *, several: bool) -> Measure:
    operation = next(name for name in _OPERATIONS if name in given)
    if operation == "count":
        return Measure(operation=operation)
    named = str(given[operation])
    kind = _kind(named) if data == Data.HEALTH else ""
    field = f"{OWN}.{named}" if kind else named
    counted = operation == "unique"
    return Measure(
        operation=operation,
        field=field,
        type="number" if counted else type_of(data, field),
        kind=kind if several and operation == "last" else "",
    )


def _kinds(figures: object) -> list[str]:
    """The kinds of health documents that *figures* need, in order."""
    found: dict[str, None] = {}
    waiting = [figures]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Mapping):
            waiting += [one[key] for key in ("formula",) if key in one]
            named = [str(one[name]) for name in _OPERATIONS if name in one]
            found |= dict.fromkeys(kind for kind in map(_kind, named) if kind)
    return list(found)


def _kind(named: str) -> str:
    kind, _, figure = named.partition(".")
    return kind if kind in set(FIGURES) and figure else ""


def _steps(given: Mapping[str, Any]) -> Steps:
    return tuple((float(value), str(colour)) for value, colour in given.get("colours", []))
