"""Counts of all scores: an event for each hour of a slice, at the start of the slice."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from scoreback.connectors.splunk.names import HISTOGRAMS
from scoreback.connectors.splunk.times import epoch
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.writing.own_events import OwnEvents
from scoreback.errors import SiemRefused
from scoreback.health import moment_of
from scoreback.records import Histogram, TimeWindow


class _Hour(msgspec.Struct, rename="scoreback_{}".format):
    """The counts of one hour as their event holds them; lists are JSON texts, like fields."""

    histogram_id: str  # id of this hour's counts; readers drop repeats by it
    detector: str
    version: str
    stage: str
    histogram: str  # id of the whole histogram
    hour: str
    since: str
    until: str
    scored: int
    edges: str
    counts: str


_DECODER = msgspec.json.Decoder(_Hour)


class Histograms:
    """The histograms in Scoreback's index."""

    def __init__(self, client: Client, hec: Hec) -> None:
        """Write through *hec*, read through *client*."""
        self._hec = hec
        self._events = OwnEvents(client, HISTOGRAMS)

    def write(self, histograms: Sequence[Histogram]) -> None:
        """Write *histograms*; readers drop repeated ones."""
        events = [
            (epoch(one.since), msgspec.to_builtins(_hour(one, hour)))
            for one in histograms
            for hour in sorted(one.counts)
        ]
        if not events:
            return
        report = self._hec.send(self._events.sent(events))
        if report.refused:
            raise SiemRefused(
                f"Splunk refused the counts of a run: {next(iter(report.refused.values()))}",
                hint="run `scoreback check`: do the index and Scoreback's app exist?",
            )

    def read(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each once, in order of slice."""
        named = {"scoreback_detector": detector}
        for stored in self._events.read(named, window, _DECODER.decode):
            told = {hour.histogram_id: hour for hour in stored}
            hours = sorted(told.values(), key=lambda hour: (hour.since, hour.histogram, hour.hour))
            for _, of_one in groupby(hours, key=lambda hour: hour.histogram):
                found = _whole(list(of_one))
                asked = window.since <= found.since < window.until
                if asked and found.detector == detector:
                    yield found


def _hour(histogram: Histogram, hour: str) -> _Hour:
    counts = histogram.counts[hour]
    return _Hour(
        histogram_id=f"{histogram.histogram_id}-{hour}",
        detector=histogram.detector,
        version=histogram.version,
        stage=histogram.stage,
        histogram=histogram.histogram_id,
        hour=hour,
        since=histogram.since.isoformat(),
        until=histogram.until.isoformat(),
        scored=sum(counts),
        edges=msgspec.json.encode(list(histogram.edges)).decode(),
        counts=msgspec.json.encode(list(counts)).decode(),
    )


def _whole(hours: Sequence[_Hour]) -> Histogram:
    first = hours[0]
    return Histogram(
        histogram_id=first.histogram,
        detector=first.detector,
        version=first.version,
        stage=first.stage,
        since=moment_of(first.since),
        until=moment_of(first.until),
        edges=msgspec.json.decode(first.edges, type=tuple[float, ...]),
        counts={hour.hour: msgspec.json.decode(hour.counts, type=list[int]) for hour in hours},
    )
