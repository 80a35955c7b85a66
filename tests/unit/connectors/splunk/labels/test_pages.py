"""An alert is linked to the search that finds its score."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from scoreback.connectors.splunk.labels.pages import ScorePages
from scoreback.records import Alert, Severity

ALERT = Alert(
    alert_id="a1", rule="exfil", detector="exfil", version="v1-x", entity="10.0.0.1",
    event_id='e"1', event_time=datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC),
    raised_at=datetime(2026, 3, 1, 10, 5, tzinfo=UTC), score=0.5, risk=50.0,
    severity=Severity.MEDIUM, events=1, reasons="[]",
)  # fmt: skip
PAGES = ScorePages("https://splunk.example.org/siem/", "scoreback")


def test_the_link_is_the_search_for_the_score_in_the_second_of_its_event() -> None:
    link = urlsplit(PAGES.of(ALERT) or "")
    assert (link.netloc, link.path) == ("splunk.example.org", "/siem/app/search/search")
    asked = parse_qs(link.query)
    (search,) = asked["q"]
    assert search.startswith("search index=scoreback sourcetype=scoreback:score ")
    assert r'scoreback_event_id="e\"1" scoreback_detector="exfil"' in search
    assert int(asked["latest"][0]) - int(asked["earliest"][0]) == 1
    assert int(asked["earliest"][0]) == int(ALERT.event_time.timestamp())


def test_an_event_that_no_search_can_name_has_no_link() -> None:
    assert PAGES.of(replace(ALERT, event_id="a*")) is None
