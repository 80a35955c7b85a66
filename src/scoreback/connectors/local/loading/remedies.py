"""Remedies for a column that an export lacks: which column was probably meant."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from scoreback.connectors.doors.intake import LoadMapping
from scoreback.connectors.local.loading.time_guess import column_of_times
from scoreback.connectors.local.loading.time_guess import options as time_options
from scoreback.multivalue import values_of

# Common column names for the time of an event, the likeliest first.
TIMES = ("@timestamp", "_time", "timestamp", "TimeGenerated", "TimeGenerated [UTC]", "Timestamp",
         "TimeCreated", "ts", "time", "eventTime", "EventTime", "event_time", "createdDateTime",
         "datetime", "date")  # fmt: skip
_SHOWN = 40  # how many columns an error lists

# Answers that cannot be read directly: the columns that give them away, and the remedy.
_NOT_AS_THEY_ARE = {
    frozenset({"columns.name", "values"}): "its rows are lists without names: have Elasticsearch"
    " answer with `format=csv` and load that",
    frozenset({"fields", "rows"}): "its rows are lists without names: have Splunk answer with"
    " output_mode=json or csv and load that",
    frozenset({"responses.hits.hits._id"}): "it holds the answers of several searches: write them"
    " one after another with `jq -c '.responses[]' FILE` and load that",
}


def remedy(
    name: str,
    mapping: LoadMapping,
    there: Collection[str],
    samples: Mapping[str, Sequence[str]],
    *,
    wrapped: bool,
    around: str = "",
) -> str:
    """The remedy where the columns *there* do not include *name*, a column of *mapping*.

    Args:
        name: the missing column.
        mapping: the columns that the caller named.
        there: the columns of the export.
        samples: some values of each column.
        wrapped: whether events may be wrapped in an object, as in JSON.
        around: the path to a list of objects in a file that is one object: perhaps the events.
    """
    columns = sorted(there, key=lambda column: (column.count("."), column))
    listed = ", ".join(sorted(there)[:_SHOWN]) or "none"
    for mark, other in _NOT_AS_THEY_ARE.items():
        if wrapped and mark <= set(there):
            return f"{other}; columns that exist: {listed}"
    options = ""
    if around and mapping.strip is None:
        options = _of_a_list(name, mapping, around, columns, samples)
    elif wrapped and mapping.strip is None:
        above = _wrapper(name, columns)
        options = f"--strip {above}" if above else ""
    if not options and name == mapping.time:
        options = _time(columns, wrapped=wrapped and mapping.strip is None)
        options = options or _guessed(samples, wrapped=wrapped and mapping.strip is None)
    if not options and len(columns) == 1 and not wrapped:
        return (
            "the lines of the file have no columns; if they are plain text, such as syslog or CEF,"
            " have your log collector write JSON or CSV, and load that. The first line begins with"
            f" {columns[0][:60]!r}"
        )
    first = f"add {options}" if options else "name the column that holds it"
    return f"{first}; columns that exist: {listed}"


def _of_a_list(
    name: str,
    mapping: LoadMapping,
    around: str,
    columns: Iterable[str],
    samples: Mapping[str, Sequence[str]],
) -> str:
    """The options that take events out of the list at *around*, and name their column."""
    begins = f"{around}."
    inside = [column.removeprefix(begins) for column in columns if column.startswith(begins)]
    options = f"--strip {around}"
    if name in inside or name != mapping.time:
        return options
    cells = {
        column: [value for cell in samples.get(begins + column, ()) for value in values_of(cell)]
        for column in inside
    }
    time = _time(inside, wrapped=False) or _guessed(cells, wrapped=False)
    return f"{options} {time}".rstrip()


def _guessed(samples: Mapping[str, Sequence[str]], *, wrapped: bool) -> str:
    """The options that name the column with values that look like times."""
    name, form = column_of_times(samples)
    above, dot, rest = name.partition(".")
    if wrapped and dot and all(column.startswith(f"{above}.") for column in samples):
        return f"--strip {above} {time_options(rest, form)}"
    return time_options(name, form) if name else ""


def _time(columns: Sequence[str], *, wrapped: bool) -> str:
    """The options that name the time column, if a column has a common name for it."""
    found = next((time for time in TIMES if time in columns), "")
    if found:
        return f"--time {_quoted(found)}"
    time = next((time for time in TIMES if _wrapper(time, columns)), "")
    if not time:
        return ""
    above = _wrapper(time, columns)
    return f"--strip {above} --time {time}" if wrapped else f"--time {_quoted(f'{above}.{time}')}"


def _wrapper(name: str, columns: Iterable[str]) -> str:
    """The name of the object that wraps *name*."""
    return next((c[: -len(name) - 1] for c in columns if c.endswith(f".{name}")), "")


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
