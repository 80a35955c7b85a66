"""Reads times as exports write them; an offset is never dropped, none is taken as UTC."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.engine import open_engine
from scoreback.records import TIME

FORMATS = "ISO 8601, epoch, 15/Jan/2022:02:52:32 +0000, 01/15/2022 02:52:32 PM"  # for hints

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
_HOURS = "[+-](0[0-9]|1[0-8])"
_OFFSET = f" ?(Z|z|{_HOURS}(:?[0-5][0-9])?)"
_APACHE = (
    f"[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}} {_HOURS}[0-5][0-9]"
)
_SPLUNK = "[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}([.][0-9]+)? [AP]M"

# A number is an epoch time when it lies between 1973 and 2286 in one of the four units. Their
# lengths don't meet, so the length tells the unit; others (20220115, 17) are no times.
_EPOCHS = {  # digits before the point, and how many after it make microseconds
    "epoch s": ("[0-9]{9,10}", 6),
    "epoch ms": ("[0-9]{12,13}", 3),
    "epoch us": ("[0-9]{15,16}", 0),
    "epoch ns": ("[0-9]{18,19}", -3),
}

# A cast to TIMESTAMPTZ reads ISO 8601 whole when decimals follow a point, are at most six, and no
# blank comes before the offset.
_ISO = (
    "regexp_replace(regexp_replace(replace(upper(t), ',', '.'), "
    r"'([.][0-9]{6})[0-9]+', '\1'), ' ([Z+-][0-9:]*)$', '\1')"
)

_PATTERNS = {
    "date": (_DATE, f"TRY_CAST({_ISO} || ' 00:00:00+00' AS TIMESTAMPTZ)"),
    "ISO 8601 without offset": (f"{_DATE}[Tt ]{_CLOCK}", f"TRY_CAST({_ISO} || 'Z' AS TIMESTAMPTZ)"),
    "ISO 8601": (f"{_DATE}[Tt ]{_CLOCK}{_OFFSET}", f"TRY_CAST({_ISO} AS TIMESTAMPTZ)"),
    "PowerShell": (
        r"/Date\([0-9]{1,15}([+-][0-9]{4})?\)/",  # the offset says how it is shown, not when it is
        "make_timestamptz(TRY_CAST(regexp_extract(t, '[0-9]+') AS BIGINT) * 1000)",
    ),
    "Apache": (_APACHE, "try_strptime(t, '%d/%b/%Y:%H:%M:%S %z')"),
    "Splunk": (
        _SPLUNK,
        "try_strptime(t || ' +0000', ['%m/%d/%Y %I:%M:%S %p %z', '%m/%d/%Y %I:%M:%S.%f %p %z'])",
    ),
}
WITHOUT_OFFSET = frozenset({"date", "ISO 8601 without offset", "Splunk"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Texts read as times."""

    values: pa.Array  # of type `TIME`; null where a text is no time
    formats: Mapping[str, int]  # format → how many texts were written so

    @property
    def without_offset(self) -> int:
        """How many texts had no offset and were taken as UTC."""
        return sum(n for name, n in self.formats.items() if name in WITHOUT_OFFSET)


class TimeReader:
    """Reads columns of times; holds a DuckDB connection that `close` lets go."""

    def __init__(self) -> None:
        """Open the engine that reads."""
        self._engine = open_engine("256MB", threads=1)

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def read(self, texts: pa.Array) -> Times:
        """Read each of *texts*, whatever format it is in."""
        left = pc.utf8_trim_whitespace(texts)
        values = pa.nulls(len(texts), TIME)
        formats: dict[str, int] = {}
        for name, (pattern, sql) in _readers().items():
            matching = pc.fill_null(pc.match_substring_regex(left, f"^({pattern})$"), False)
            if not matching.true_count:
                continue
            read = self._cast(left.filter(matching), sql)
            if len(read) - read.null_count:
                formats[name] = len(read) - read.null_count
            values = pc.replace_with_mask(values, matching, read)
            left = pc.if_else(matching, None, left)
            if left.null_count == len(left):
                break
        return Times(values=values, formats=formats)

    def _cast(self, texts: pa.Array, sql: str) -> pa.Array:
        self._engine.register("given", pa.table({"t": texts}))
        try:
            found = self._engine.sql(f"SELECT {sql} AS moment FROM given").to_arrow_table()  # noqa: S608
        finally:
            self._engine.unregister("given")
        return found.column("moment").combine_chunks().cast(TIME)


def _readers() -> dict[str, tuple[str, str]]:
    """Format → (pattern, SQL that makes a TIMESTAMPTZ of the text t)."""
    epochs = {}
    for name, (whole, decimals) in _EPOCHS.items():
        digits = "split_part(t, '.', 1)"
        if decimals > 0:
            digits += f" || left(rpad(split_part(t, '.', 2), {decimals}, '0'), {decimals})"
        elif decimals < 0:
            digits = f"left({digits}, {decimals})"
        epochs[name] = (f"{whole}([.][0-9]*)?", f"make_timestamptz(CAST({digits} AS BIGINT))")
    return {**epochs, **_PATTERNS}
