"""What to do about a column that an export does not have: what is likely to be meant by it."""

from collections.abc import Collection, Iterable, Sequence

from scoreback.connectors.doors.intake import LoadMapping

# What tools call the time of an event, the likeliest first.
TIMES = ("@timestamp", "_time", "timestamp", "TimeGenerated", "TimeGenerated [UTC]", "Timestamp",
         "TimeCreated", "ts", "time", "eventTime", "EventTime", "event_time", "createdDateTime",
         "datetime", "date")  # fmt: skip
_SHOWN = 40  # columns in an error


def remedy(name: str, mapping: LoadMapping, there: Collection[str], *, wrapped: bool) -> str:
    """What to do where the columns *there* have none called *name*, a column of *mapping*.

    *wrapped*: whether events may be wrapped in something, as those of JSON may.
    """
    columns = sorted(there, key=lambda column: (column.count("."), column))
    listed = ", ".join(sorted(there)[:_SHOWN]) or "none"
    options = ""
    if wrapped and mapping.strip is None:
        above = _wrapper(name, columns)
        options = f"--strip {above}" if above else ""
    if not options and name == mapping.time:
        options = _time(columns, wrapped=wrapped and mapping.strip is None)
    first = f"add {options}" if options else "say which column it is"
    return f"{first}; columns that exist: {listed}"


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
