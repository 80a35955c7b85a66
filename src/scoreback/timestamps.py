"""Reads times in the formats of exports; offsets are kept, and times without one are UTC.

Whether ``03/04/2024`` has the day or the month first is decided once for all texts that are read
together: by those that can only be read in one way, else the month comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.engine import open_engine
from scoreback.errors import ConfigError
from scoreback.records import TIME
from scoreback.sql import literal

FORMATS = (  # for hints
    "ISO 8601, epoch, 15/Jan/2022:02:52:32 +0000, 01/15/2022 02:52:32 PM, 15.01.2022 14:52:32,"
    " Jan 15, 2022 2:52:32 PM"
)

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
_HOURS = "[+-](0[0-9]|1[0-8])"
_OFFSET = f" ?(Z|z|UTC|GMT|{_HOURS}(:?[0-5][0-9])?)"
_APACHE = (
    f"[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} {_HOURS}[0-5][0-9]"
)
_HALVES = "(?: [AP]M)?"
_SOME_CLOCK = f",? [0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.][0-9]+)?)?{_HALVES}"
_REST = f"/[0-9]{{4}}{_SOME_CLOCK}"
_SPLUNK = f"[0-9]{{1,2}}/[0-9]{{1,2}}{_REST}"
_DOTS = f"[0-9]{{1,2}}[.][0-9]{{1,2}}[.][0-9]{{4}}{_SOME_CLOCK}"
_NAMED = f"[A-Z][a-z]{{2}} [0-9]{{1,2}}, [0-9]{{4}}{_SOME_CLOCK}"
_KIBANA = "[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4} @ [0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
_MICROSECONDS = r"regexp_replace(t, '([.][0-9]{6})[0-9]+', '\1')"

# A number is an epoch time when its year is plausible. The lengths of the four units don't meet, so
# the length tells the unit; other numbers (20220115, 17) are not times. 2024050109 is rather ten
# o'clock of a day of 2024 than a time of 2034, and is neither.
_SINCE, _UNTIL = 788_918_400_000_000, 4_102_444_800_000_000  # of the years 1995 to 2099
_DATE_AND_HOUR = "(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])"
_EPOCHS = {  # digits before the point, and how many after it make microseconds
    "epoch s": ("[0-9]{9,10}", 6),
    "epoch ms": ("[0-9]{12,13}", 3),
    "epoch us": ("[0-9]{15,16}", 0),
    "epoch ns": ("[0-9]{18,19}", -3),
}

# A cast to TIMESTAMPTZ reads ISO 8601 whole when decimals follow a point, are at most six, and no
# blank comes before the offset.
_ISO = (
    "regexp_replace(regexp_replace("
    "regexp_replace(replace(upper(t), ',', '.'), ' ?(UTC|GMT)$', 'Z'),"
    r" '([.][0-9]{6})[0-9]+', '\1'), ' ([Z+-][0-9:]*)$', '\1')"
)


def _some_clock(day: str) -> str:
    """SQL for a date written as *day*, then a clock of 12 or 24 hours, with seconds or without."""
    clocks = ("%I:%M:%S %p", "%I:%M:%S.%f %p", "%I:%M %p", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M")
    shapes = ", ".join(f"'{day} {clock} %z'" for clock in clocks)
    return f"try_strptime(replace({_MICROSECONDS}, ',', '') || ' +0000', [{shapes}])"


# Tenths of microseconds since 1601 and since the year 1; as nanoseconds since 1970 they would be of
# 1974 and 1990.
_TICKS = {
    name: (pattern, f"make_timestamptz((CAST(t AS BIGINT) - {begin}) // 10)")
    for name, pattern, begin in (
        ("FILETIME", "1[2-5][0-9]{16}", 116_444_736_000_000_000),
        (".NET ticks", "6[3-6][0-9]{16}", 621_355_968_000_000_000),
    )
}

_PATTERNS = {
    "date": (_DATE, f"TRY_CAST({_ISO} || ' 00:00:00+00' AS TIMESTAMPTZ)"),
    "ISO 8601 without offset": (f"{_DATE}[Tt ]{_CLOCK}", f"TRY_CAST({_ISO} || 'Z' AS TIMESTAMPTZ)"),
    "ISO 8601": (f"{_DATE}[Tt ]{_CLOCK}{_OFFSET}", f"TRY_CAST({_ISO} AS TIMESTAMPTZ)"),
    "PowerShell": (
        r"/Date\([0-9]{1,15}([+-][0-9]{4})?\)/",  # the offset says how it is shown, not when it is
        "make_timestamptz(TRY_CAST(regexp_extract(t, '[0-9]+') AS BIGINT) * 1000)",
    ),
    "Apache": (_APACHE, "try_strptime(t, '%d/%b/%Y:%H:%M:%S %z')"),
    "Kibana": (
        _KIBANA,
        f"try_strptime({_MICROSECONDS} || ' +0000', ["
        + ", ".join(f"'%b %d, %Y @ %H:%M:%S{more} %z'" for more in ("", ".%f"))
        + "])",
    ),
    "month's name": (_NAMED, _some_clock("%b %d %Y")),
    "dots": (_DOTS, _some_clock("%d.%m.%Y")),
    "month first": (_SPLUNK, _some_clock("%m/%d/%Y")),
    "day first": (_SPLUNK, _some_clock("%d/%m/%Y")),
}
KIBANA = "Kibana"
_ORDERS = ("month first", "day first")
_OWN = "as asked"
WITHOUT_OFFSET = frozenset(
    {"date", "ISO 8601 without offset", KIBANA, "month's name", "dots", *_ORDERS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Texts read as times."""

    values: pa.Array  # of type `TIME`; null where a text is not a time
    formats: Mapping[str, int]  # format → how many texts were written so
    without_offset: int = 0  # texts without an offset, read in UTC or the reader's zone
    day_first: bool | None = None  # how dates with slashes were read; None where there are none
    certain: bool = True  # whether a text or the caller decided that


class TimeReader:
    """Reads columns of times; has a DuckDB connection, so call `close` at the end."""

    def __init__(self, *, form: str | None = None, zone: str | None = None) -> None:
        """Open the engine that reads.

        Args:
            form: the format of all times, as for ``strptime``; by default, the usual formats.
            zone: the name of the time zone of times without an offset; by default, UTC.

        Raises:
            ConfigError: *form* or *zone* is not valid.
        """
        self._zone = zone
        self._own = _own(form) if form is not None else {}
        self._naive = WITHOUT_OFFSET | ({_OWN} if form is not None and "%z" not in form else set())
        self._engine = open_engine("256MB", threads=1)
        try:
            self._check(form)
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def read(self, texts: pa.Array, *, day_first: bool | None = None) -> Times:
        """Read each of *texts*, in whatever format it is.

        Args:
            texts: of one column.
            day_first: whether dates with slashes have the day first; by default, the texts decide.
        """
        left = pc.utf8_trim_whitespace(texts)
        values = pa.nulls(len(texts), TIME)
        formats: dict[str, int] = {}
        without_offset = 0
        asked, certain = day_first, True
        for name, (pattern, sql) in (self._own or _readers()).items():
            if name in _ORDERS:
                if name == _ORDERS[0]:
                    day_first, certain = _order(left, day_first)
                if day_first is None or name != _ORDERS[day_first]:
                    continue
            matching = pc.fill_null(pc.match_substring_regex(left, f"^({pattern})$"), False)
            if not matching.true_count:
                continue
            read = self._cast(left.filter(matching), sql)
            if name in _EPOCHS or name in _TICKS:
                read = _plausible(read, left.filter(matching))
            if name in self._naive:
                without_offset += len(read) - read.null_count
                read = self._in_zone(read)
            if len(read) - read.null_count:
                formats[name] = len(read) - read.null_count
            values = pc.replace_with_mask(values, matching, read)
            left = pc.if_else(matching, None, left)
            if left.null_count == len(left):
                break
        found = day_first if any(name in formats for name in _ORDERS) else None
        return Times(
            values=values,
            formats=formats,
            without_offset=without_offset,
            day_first=found,
            certain=certain or asked is not None,
        )

    def _in_zone(self, read: pa.Array) -> pa.Array:
        """*read*, which was taken as UTC, as times of the zone; of a doubled hour, the first."""
        if self._zone is None:
            return read
        naive = read.cast(pa.timestamp("us"))
        there = pc.assume_timezone(naive, self._zone, ambiguous="earliest", nonexistent="latest")
        return there.cast(TIME)

    def _check(self, form: str | None) -> None:
        if self._zone is not None:
            try:
                self._in_zone(pa.array([0], TIME))
            except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
                raise ConfigError(
                    f"{self._zone!r} is not a known time zone",
                    hint="write it as Europe/Berlin, America/New_York or UTC",
                ) from error
        if form is not None:
            try:
                self._cast(pa.array([""]), self._own[_OWN][1])
            except duckdb.Error as error:
                raise ConfigError(
                    f"{form!r} is not a valid format of times",
                    hint="write it as for strptime, for example '%d/%m/%Y %H:%M:%S'",
                ) from error

    def _cast(self, texts: pa.Array, sql: str) -> pa.Array:
        self._engine.register("given", pa.table({"t": texts}))
        try:
            found = self._engine.sql(f"SELECT {sql} AS moment FROM given").to_arrow_table()  # noqa: S608
        finally:
            self._engine.unregister("given")
        return found.column("moment").combine_chunks().cast(TIME)


def _readers() -> dict[str, tuple[str, str]]:
    """Format → (pattern, SQL that makes a TIMESTAMPTZ of the text t)."""
    epochs = dict(_TICKS)
    for name, (whole, decimals) in _EPOCHS.items():
        digits = "split_part(t, '.', 1)"
        if decimals > 0:
            digits += f" || left(rpad(split_part(t, '.', 2), {decimals}, '0'), {decimals})"
        elif decimals < 0:
            digits = f"left({digits}, {decimals})"
        epochs[name] = (f"{whole}([.][0-9]*)?", f"make_timestamptz(CAST({digits} AS BIGINT))")
    return {**epochs, **_PATTERNS}


def _own(form: str) -> dict[str, tuple[str, str]]:
    text, shape = ("t", form) if "%z" in form else ("t || ' +0000'", f"{form} %z")
    return {_OWN: (".*", f"try_strptime({text}, {literal(shape)})")}


def _plausible(read: pa.Array, texts: pa.Array) -> pa.Array:
    """*read* without times in years that are not plausible for events."""
    moments = read.cast(pa.int64())
    fits = pc.and_(pc.greater_equal(moments, _SINCE), pc.less(moments, _UNTIL))
    hour = pc.match_substring_regex(texts, f"^{_DATE_AND_HOUR}$")
    return pc.if_else(pc.and_not(fits, hour), read, None)


def day_first_form(text: str) -> str:
    """How *text*, a date with slashes, is written if its day comes first, for ``strptime``."""
    halves = text.endswith("M")
    seconds = ":%S" * (text.count(":") > 1) + ".%f" * ("." in text)
    clock = f"{'%I' if halves else '%H'}:%M{seconds}{' %p' * halves}"
    return f"%d/%m/%Y{',' * (',' in text)} {clock}"


def _order(texts: pa.Array, asked: bool | None) -> tuple[bool | None, bool]:
    """Whether the day comes first in dates with slashes, and whether that is certain."""
    dates = pc.extract_regex(texts, f"^(?P<first>[0-9]{{1,2}})/(?P<second>[0-9]{{1,2}}){_REST}$")
    dates = dates.filter(dates.is_valid())
    if not len(dates) or asked is not None:
        return asked, True
    late = [
        pc.greater(pc.struct_field(dates, part).cast(pa.int64()), 12).true_count for part in (0, 1)
    ]
    return late[0] > late[1], late[0] != late[1]
