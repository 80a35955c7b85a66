"""Splunk's seconds and our microseconds."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.splunk.times import epoch, epochs, microseconds, numbers, parsed
from scoreback.records import TIME
from scoreback.times import micros

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_no_microsecond_is_lost_on_the_way(when: datetime) -> None:
    text = epoch(when)
    assert parsed(text) == when
    assert microseconds(pa.array([text])).to_pylist() == [micros(when)]
    assert str(epochs(pa.array([when], TIME))[0].as_py()) == text
    assert parsed(float(text)) == when


def test_what_is_no_number_is_missing() -> None:
    texts = pa.array(["1.5", "", None, "soon", "nan", "inf", "2"])
    assert numbers(texts).to_pylist() == [1.5, None, None, None, None, None, 2.0]


def test_a_time_before_1970_is_a_time() -> None:
    early = datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    assert epoch(early) == "-0.000001"
    assert parsed("-0.000001") == early
