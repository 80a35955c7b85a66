"""A draft's sample shows all of a history, however unevenly its events lie in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import DataError
from scoreback.records import EventQuery, TimeWindow
from scoreback.service.app import opened
from scoreback.service.detectors.draft_job import draft_detector, sampled
from scoreback.service.settings import Settings

START = datetime(2020, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=2500)
EVER = TimeWindow(since=datetime(1971, 1, 1, tzinfo=UTC), until=NOW)


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    """Five quiet years with 500 events, then 20,000 within ten days."""
    found = LocalConnector.open("test", {"path": str(tmp_path / "siem")})
    quiet = [START + timedelta(days=3.65 * n) for n in range(500)]
    busy = [START + timedelta(days=1825, seconds=43 * n) for n in range(20_000)]
    lines = (f"{when.isoformat()},{n}" for n, when in enumerate((*quiet, *busy)))
    path = tmp_path / "export.csv"
    path.write_text("time,n\n" + "\n".join(lines) + "\n")
    load_file(found.store, path, "s", LoadMapping(time="time"))
    return found


@pytest.mark.parametrize("counted", [True, False])
def test_a_sample_is_of_the_whole_history(siem: LocalConnector, counted: bool) -> None:
    query = EventQuery(selection={"stream": "s"}, fields=("n",))
    table = sampled(siem.events, query, EVER, 2000, 20_500 if counted else None)
    number = table["n"].cast(pa.int64()).to_numpy()
    assert 1800 <= len(number) <= 2400
    assert len(set(number.tolist())) == len(number)
    assert (np.diff(number) > 0).all()
    assert (number < 500).sum() >= 20  # quiet years show
    tenths = np.histogram(number, np.linspace(500, 20_500, 11))[0]
    assert tenths.min() >= 60  # and so does each day of the busy ones, the last too


def test_a_small_history_is_read_whole(siem: LocalConnector) -> None:
    query = EventQuery(selection={"stream": "s"}, fields=("n",))
    early = TimeWindow(since=EVER.since, until=START + timedelta(days=1800))
    assert sampled(siem.events, query, early, 2000, 494).num_rows == 494


def test_without_events_there_is_nothing_to_draft(tmp_path: Path) -> None:
    with opened(Settings(home=tmp_path)) as app:
        path = tmp_path / "export.csv"
        path.write_text("time,n\n2020-01-01T00:00:00Z,1\n")
        assert app.connector.exports is not None
        app.connector.exports.load(path, "s", LoadMapping(time="time"))
        with pytest.raises(DataError, match="selects no events"):
            draft_detector(app, "d", {"stream": "s"}, START - timedelta(days=9))
