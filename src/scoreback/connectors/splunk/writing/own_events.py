"""Scoreback's events in the index: sent by the collector, read back as they were written.

Reads use the raw text: Splunk extracts fields only from the beginning of an event, and returns
every value as text. Fields used in searches come first for the same reason.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import pyarrow as pa

from scoreback.connectors.splunk.names import HOST
from scoreback.connectors.splunk.reading.pieces import Reader
from scoreback.connectors.splunk.reading.rows import RowDecoder
from scoreback.connectors.splunk.reading.sources import ByTime
from scoreback.connectors.splunk.spl import text
from scoreback.connectors.splunk.wire.client import Client
from scoreback.records import TimeWindow
from scoreback.times import micros

_RAW = "scoreback_raw"
_SECOND = 1_000_000

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnEvents:
    """The events of one sourcetype."""

    client: Client
    sourcetype: str

    def envelope(self) -> dict[str, object]:
        """What accompanies ``time`` and ``event`` in everything that is sent."""
        return {
            "host": HOST,
            "source": self.client.name,
            "sourcetype": self.sourcetype,
            "index": self.client.settings.index,
        }

    def sent(self, events: Sequence[tuple[str, Mapping[str, object]]]) -> pa.Array:
        """*events* in the collector's form, each with its time in epoch seconds."""
        texts = [
            msgspec.json.encode(
                {"time": msgspec.Raw(time.encode()), **self.envelope(), "event": event}
            ).decode()
            for time, event in events
        ]
        return pa.array(texts, pa.string())

    def base(self, named: Mapping[str, str | None]) -> str:
        """The base search for Scoreback's events with these values."""
        own = [f"index={text(self.client.settings.index)}", f"sourcetype={text(self.sourcetype)}"]
        given = [f"{key}={text(value)}" for key, value in named.items() if value is not None]
        return " ".join([*own, *given])

    def read(
        self,
        named: Mapping[str, str | None],
        window: TimeWindow,
        decode: Callable[[str], T],
    ) -> Iterator[list[T]]:
        """Yield what *decode* makes of events with these values and a time in *window*.

        Some may lie a second outside. Each portion is unordered, and later than the one before.
        Events that are not Scoreback's are skipped and logged.

        Raises:
            SiemUnavailable: the SIEM did not answer; portions yielded so far are valid.
        """
        reader = Reader(
            self.client,
            ByTime(self.base(named)),
            RowDecoder([_RAW]),
            f" | eval {_RAW}=_raw | fields {_RAW} | fields - _*",
        )
        since, until = micros(window.since) // _SECOND, -(-micros(window.until) // _SECOND)
        for table in reader.tables(since, until):
            found = []
            for raw in table[_RAW].to_pylist():
                try:
                    found.append(decode(raw or ""))
                except (msgspec.DecodeError, KeyError, ValueError) as error:
                    _log.warning(
                        "an event of %s was not written by Scoreback: %s", self.sourcetype, error
                    )
            yield found
