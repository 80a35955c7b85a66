"""How long what an aggregating alert tells of lasted, and what of ours lies in an index."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.labels.hits import Parameters, Source, Threshold
from scoreback.connectors.elastic.kibana.labels.moments import look_back, micros_of
from scoreback.connectors.elastic.kibana.labels.subjects import Origin, Origins, lasting
from scoreback.connectors.elastic.names import Names

RAN, ORIGINAL, BEGAN = (f"2026-03-02T{hour}:00:00.000Z" for hour in ("09", "08", "07"))
MINUTE = 60_000_000
_TIMES = st.none() | st.sampled_from([RAN, ORIGINAL, BEGAN])


def at(text: str) -> int:
    found = micros_of(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("source", "span"),
    [
        (
            Source(threshold=Threshold(since=BEGAN), original=ORIGINAL),
            (at(BEGAN), at(ORIGINAL) + 1),
        ),
        (Source(threshold=Threshold(since=BEGAN), intended=RAN), (at(BEGAN), at(RAN) + 1)),
        (Source(intended=RAN, rule_from="now-6m"), (at(RAN) - 6 * MINUTE, at(RAN) + 1)),
        (
            Source(created=RAN, parameters=Parameters(since="now-1h")),
            (at(RAN) - 60 * MINUTE, at(RAN) + 1),
        ),
        (
            Source(created=RAN, original=BEGAN, rule_from="now-6m"),
            (at(BEGAN), at(RAN) + 1),
        ),
        (Source(original=ORIGINAL, rule_from="now/d"), (at(ORIGINAL), at(ORIGINAL) + 1)),
        (Source(), None),
    ],
)
def test_an_aggregate_lasts_from_what_was_counted_first(
    source: Source, span: tuple[int, int] | None
) -> None:
    assert lasting(source) == span


@given(
    original=_TIMES, intended=_TIMES, created=_TIMES, began=_TIMES,
    back=st.none() | st.sampled_from(["now-6m", "now-2h", "now", ""]),
)  # fmt: skip
def test_a_span_is_never_empty_and_holds_the_alerts_own_time(
    original: str | None,
    intended: str | None,
    created: str | None,
    began: str | None,
    back: str | None,
) -> None:
    threshold = None if began is None else Threshold(since=began)
    found = lasting(
        Source(original=original, intended=intended, created=created, threshold=threshold,
               rule_from=back)
    )  # fmt: skip
    if found is not None:
        since, until = found
        assert since < until
        if original is not None:
            assert at(original) < until
            assert threshold is not None or since <= at(original)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [("now-6m", 6 * MINUTE), ("now-1d", 1_440 * MINUTE), ("now", None), (None, None), ("6m", None)],
)
def test_a_look_back_is_a_duration(text: str | None, microseconds: int | None) -> None:
    assert look_back(text) == microseconds


@pytest.mark.parametrize(
    ("index", "origin"),
    [
        (".ds-scoreback.scores-ns-2026.03.02-000001", Origin.SCORES),
        ("remote:.ds-scoreback.scores-ns-2026.03.02-000001", Origin.SCORES),
        ("partial-.ds-scoreback.scores-ns-2026.03.02-000001", Origin.SCORES),
        ("scoreback.scores-ns", Origin.SCORES),
        (".ds-scoreback.health-ns-2026.03.02-000001", Origin.HEALTH),
        (".ds-scoreback.scores-other-2026.03.02-000001", Origin.EVENTS),
        (".ds-scoreback.scores-ns2-2026.03.02-000001", Origin.EVENTS),
        (".ds-logs-endpoint-default-000001", Origin.EVENTS),
        (None, Origin.EVENTS),
    ],
)
def test_an_index_behind_our_streams_is_known(index: str | None, origin: Origin) -> None:
    assert Origins(Names("ns")).of(index) is origin
