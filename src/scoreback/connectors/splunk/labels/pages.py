"""The Splunk page that shows an alert's score: a search, because Splunk has no page for alerts."""

import math
from dataclasses import dataclass
from urllib.parse import urlencode

from scoreback.connectors.splunk.names import SCORES
from scoreback.connectors.splunk.spl import text
from scoreback.errors import SiemRefused
from scoreback.records import Alert


@dataclass(frozen=True, slots=True)
class ScorePages:
    """Where people open Splunk, and where scores are stored."""

    web_url: str
    index: str

    def of(self, alert: Alert) -> str | None:
        """The address of the search for the score behind *alert*; None if no search finds it."""
        try:
            event, detector = text(alert.event_id), text(alert.detector)
        except SiemRefused:
            return None
        second = math.floor(alert.event_time.timestamp())
        found = (
            f"search index={self.index} sourcetype={SCORES} scoreback_event_id={event}"
            f" scoreback_detector={detector} | dedup scoreback_score_id"
        )
        asked = urlencode({"q": found, "earliest": second, "latest": second + 1})
        return f"{self.web_url.rstrip('/')}/app/search/search?{asked}"
