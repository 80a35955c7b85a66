from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.errors import ConfigError
from scoreback.timestamps import TimeReader

DAY = datetime(2022, 1, 15, tzinfo=UTC)
AT = datetime(2022, 1, 15, 2, 52, 32, tzinfo=UTC)


@pytest.fixture(scope="module")
def reader() -> Iterator[TimeReader]:
    times = TimeReader()
    yield times
    times.close()


def read(reader: TimeReader, *texts: str | None) -> list[datetime | None]:
    found: list[datetime | None] = reader.read(pa.array(texts, pa.string())).values.to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022-01-15T02:52:32Z", AT),
        ("2022-01-15t02:52:32z", AT),
        (" 2022-01-15 02:52:32 ", AT),
        ("2022-01-15T04:52:32+02:00", AT),
        ("2022-01-14T21:22:32-0530", AT),
        ("2022-01-15 03:52:32,5 +01", AT + timedelta(milliseconds=500)),
        ("2022-01-15T02:52:32.123456789Z", AT + timedelta(microseconds=123456)),
        ("2022-01-15T02:52Z", AT - timedelta(seconds=32)),
        ("2022-01-15", DAY),
        ("15/Jan/2022:04:52:32 +0200", AT),
        ("01/15/2022 02:52:32 AM", AT),
        ("1/15/2022 2:52:32.250 PM", AT + timedelta(hours=12, milliseconds=250)),
        ("1/15/2022, 2:52:32.2501239 AM", AT + timedelta(microseconds=250123)),
        ("15/1/2022 2:52:32 AM", AT),
        ("15/01/2022 02:52:32", AT),
        ("1/15/2022 2:52", AT - timedelta(seconds=32)),
        ("1/15/2022 14:52:32.250", AT + timedelta(hours=12, milliseconds=250)),
        ("15.01.2022 02:52:32", AT),
        ("15.1.2022, 2:52", AT - timedelta(seconds=32)),
        ("Jan 15, 2022 2:52:32 AM", AT),
        ("Jan 15, 2022 14:52:32", AT + timedelta(hours=12)),
        ("2022-01-15 02:52:32.250 UTC", AT + timedelta(milliseconds=250)),
        ("2022-01-15T02:52:32 GMT", AT),
        ("Jan 15, 2022 @ 02:52:32.123", AT + timedelta(milliseconds=123)),
        ("Jan 15, 2022 @ 02:52:32.123456789", AT + timedelta(microseconds=123456)),
        ("/Date(1642215152123)/", AT + timedelta(milliseconds=123)),
        ("/Date(1642215152123+0200)/", AT + timedelta(milliseconds=123)),
        ("132866887521230000", AT + timedelta(milliseconds=123)),  # FILETIME
        ("637778119521230000", AT + timedelta(milliseconds=123)),  # .NET ticks
        ("1642215152", AT),
        ("1642215152.5", AT + timedelta(milliseconds=500)),
        ("1642215152123", AT + timedelta(milliseconds=123)),
        ("1642215152123.25", AT + timedelta(microseconds=123250)),
        ("1642215152123456", AT + timedelta(microseconds=123456)),
        ("1642215152123456789", AT + timedelta(microseconds=123456)),
    ],
)
def test_usual_formats_are_read_to_the_microsecond(
    reader: TimeReader, text: str, time: datetime
) -> None:
    assert read(reader, text) == [time]


@pytest.mark.parametrize(
    "text",
    [
        None, "", "yesterday", "NaN", "Infinity", "17", "20220115", "20220115025232", "1.6e9",
        "2022-13-01", "2022-02-30T00:00:00Z", "2022-01-15T25:00:00Z", "15/01/2022 25:52:32",
            "15.13.2022 02:52:32", "15.01.22 02:52:32", "15.01.2022 14:52:32 PM",
        "2022-01-15T02:52:32 CET", "2022-01-15T02:52:32+99:99", "31/Feb/2022:00:00:00 +0000",
        "15/Jan/2022:02:52:32 +9900",
        "Jan 15 02:52:32", "202405010930", "2024050109", "240501093015", "2024050123", "100000000",
        "4102444800", "100000000000", "13/13/2022 02:52:32 AM", "Foo 15, 2022 @ 02:52:32.123",
        "-1642215152", "2022-01-15T02:52:32Z and more",
    ],
)  # fmt: skip
def test_what_is_no_time_is_null_and_not_guessed(reader: TimeReader, text: str | None) -> None:
    assert read(reader, text) == [None]


def test_formats_may_be_mixed_and_missing_offsets_are_counted(reader: TimeReader) -> None:
    times = reader.read(
        pa.array(["1642215152", "2022-01-15 02:52:32", "2022-01-15", None, "2022-01-15T02:52:32Z"])
    )
    assert times.values.to_pylist() == [AT, AT, DAY, None, AT]
    assert times.formats == {
        "epoch s": 1, "date": 1, "ISO 8601 without offset": 1, "ISO 8601": 1,
    }  # fmt: skip
    assert times.without_offset == 2


@settings(max_examples=50)
@given(
    moment=st.datetimes(datetime(1973, 4, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_an_offset_is_never_dropped(reader: TimeReader, moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    texts = [aware.isoformat(), aware.isoformat(" "), aware.strftime("%Y-%m-%dT%H:%M:%S.%f%z")]
    assert read(reader, *texts) == [aware] * 3
    apache = aware.replace(microsecond=0)
    assert read(reader, apache.strftime("%d/%b/%Y:%H:%M:%S %z")) == [apache]


@pytest.mark.parametrize(
    ("texts", "day_first", "certain", "days"),
    [
        (["03/04/2024 09:00:00 AM"], False, False, [(3, 4)]),
        (["03/04/2024 09:00:00 AM", "13/04/2024 09:00:00 AM"], True, True, [(4, 3), (4, 13)]),
        (["03/04/2024 09:00:00 AM", "04/13/2024 09:00:00 AM"], False, True, [(3, 4), (4, 13)]),
    ],
)
def test_dates_with_slashes_are_all_read_one_way(
    reader: TimeReader,
    texts: list[str],
    day_first: bool,
    certain: bool,
    days: list[tuple[int, int]],
) -> None:
    times = reader.read(pa.array(texts))
    assert (times.day_first, times.certain) == (day_first, certain)
    assert [(t.month, t.day) for t in times.values.to_pylist()] == days


def test_a_column_that_can_be_read_no_one_way_is_read_as_most_of_it_says(
    reader: TimeReader,
) -> None:
    texts = ["13/04/2024 09:00:00 AM", "14/04/2024 09:00:00 AM", "04/13/2024 09:00:00 AM"]
    assert [t and t.day for t in read(reader, *texts)] == [13, 14, None]


def test_a_format_of_ones_own_reads_only_what_is_written_so() -> None:
    with closing(TimeReader(form="%Y%m%d%H%M", zone="Europe/Berlin")) as own:
        times = own.read(pa.array(["202207150930", "202201150930", "2022-01-15", None]))
    found = [datetime(2022, 7, 15, 7, 30, tzinfo=UTC), datetime(2022, 1, 15, 8, 30, tzinfo=UTC)]
    assert times.values.to_pylist() == [*found, None, None]
    assert times.without_offset == 2
    with closing(TimeReader(form="%d.%m.%Y %H:%M %z", zone="Europe/Berlin")) as own:
        assert read(own, "15.01.2022 04:52 +0200") == [AT - timedelta(seconds=32)]


def test_a_zone_is_for_times_without_an_offset_only() -> None:
    with closing(TimeReader(zone="America/New_York")) as there:
        found = read(there, "2022-01-14 21:52:32", "2022-01-15T02:52:32Z", "1642215152")
    assert found == [AT, AT, AT]


def test_a_wrong_format_or_zone_is_refused_with_an_example() -> None:
    with pytest.raises(ConfigError, match="'%d/%q'") as error:
        TimeReader(form="%d/%q")
    assert "%d/%m/%Y" in error.value.hint
    with pytest.raises(ConfigError, match="'Europe/Bonn'") as error:
        TimeReader(zone="Europe/Bonn")
    assert "Europe/Berlin" in error.value.hint
