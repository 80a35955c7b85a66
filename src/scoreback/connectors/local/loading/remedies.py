"""What to do about a column that an export does not have: what is likely to be meant by it."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from scoreback.connectors.doors.intake import LoadMapping
from scoreback.connectors.local.loading.time_guess import column_of_times
from scoreback.connectors.local.loading.time_guess import options as time_options

# What tools call the time of an event, the likeliest first.
TIMES = ("@timestamp", "_time", "timestamp", "TimeGenerated", "TimeGenerated [UTC]", "Timestamp",
         "TimeCreated", "ts", "time", "eventTime", "EventTime", "event_time", "createdDateTime",
         "datetime", "date")  # fmt: skip
_SHOWN = 40  # columns in an error

# Answers that cannot be read as they are: columns that tell, and what to do.
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
) -> str:
    """What to do where the columns *there* have none called *name*, a column of *mapping*.

    Args:
        name: the column.
        mapping: what was asked for.
        there: columns that exist.
        samples: some values of each.
        wrapped: whether events may be wrapped in something, as those of JSON may.
    """
    columns = sorted(there, key=lambda column: (column.count("."), column))
    listed = ", ".join(sorted(there)[:_SHOWN]) or "none"
    for mark, other in _NOT_AS_THEY_ARE.items():
        if wrapped and mark <= set(there):
            return f"{other}; columns that exist: {listed}"
    options = ""
    if wrapped and mapping.strip is None:
        above = _wrapper(name, columns)
        options = f"--strip {above}" if above else ""
    if not options and name == mapping.time:
        options = _time(columns, wrapped=wrapped and mapping.strip is None)
        options = options or _guessed(samples, wrapped=wrapped and mapping.strip is None)
    if not options and len(columns) == 1 and not wrapped:
        return (
            "its lines have no columns; if they are text, such as syslog or CEF, have the tool that"
            " collects them write JSON or CSV, and load that. The first line begins with"
            f" {columns[0][:60]!r}"
        )
    first = f"add {options}" if options else "say which column it is"
    return f"{first}; columns that exist: {listed}"


def _guessed(samples: Mapping[str, Sequence[str]], *, wrapped: bool) -> str:
    """The options that name the column whose values look like times."""
    name, form = column_of_times(samples)
    above, dot, rest = name.partition(".")
    if wrapped and dot and all(column.startswith(f"{above}.") for column in samples):
        return f"--strip {above} {time_options(rest, form)}"
    return time_options(name, form) if name else ""


def _time(columns: Sequence[str], *, wrapped: bool) -> str:
    """The options that name the column of times, if one of them is called as tools call it."""
    found = next((time for time in TIMES if time in columns), "")
    if found:
        return f"--time {_quoted(found)}"
    time = next((time for time in TIMES if _wrapper(time, columns)), "")
    if not time:
        return ""
    above = _wrapper(time, columns)
    return f"--strip {above} --time {time}" if wrapped else f"--time {_quoted(f'{above}.{time}')}"


def _wrapper(name: str, columns: Iterable[str]) -> str:
    """What *name* is wrapped in."""
    return next((c[: -len(name) - 1] for c in columns if c.endswith(f".{name}")), "")


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
