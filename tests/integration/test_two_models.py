"""Several models in one run: the same rows, one batch of scores, a histogram of each."""

import shutil
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from scoreback.connectors.local import events as reading
from scoreback.errors import SiemRefused
from scoreback.models.detector.spec import Detector
from scoreback.records import Histogram, Stage, TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.scoring import cutter
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.settings import Settings
from scoreback.service.state import tables
from scoreback.service.state.versions import Versions
from tests.integration.alike import DAY, END, TRAINED, Watched, detectors_of, stored, watched
from tests.integration.embedded import model_of, siem_of
from tests.integration.test_while_scoring import second_version

EVER = TimeWindow(since=TRAINED - 99 * DAY, until=END)


@pytest.fixture
def home(alike: Path, tmp_path: Path) -> Path:
    made = tmp_path / "home"
    shutil.copytree(alike, made)
    return made


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutter, "STEP_ROWS", 150)
    monkeypatch.setattr(reading, "BATCH_ROWS", 100)


@pytest.fixture(params=["plain", "grouped"])
def detector(request: pytest.FixtureRequest) -> Detector:
    (found,) = (one for one in detectors_of() if one.name == request.param)
    return found


def models_of(app: App, detector: Detector) -> tuple[Model, Model]:
    """The champion, and beside it a candidate that raises no alerts."""
    version = Versions(app.state).get(detector.name, second_version(app, detector))
    artifact = load_artifact(app, detector, version)
    beside = Model(version=version, artifact=artifact, stage=Stage.SHADOW)
    return model_of(app, detector), beside


def batches(app: App) -> list[tuple[str, str]]:
    with app.state.database.reads() as connection:
        found = connection.execute(sa.select(tables.batches.c.version, tables.batches.c.status))
        return [(row.version, row.status) for row in found]


def histograms(app: App, detector: Detector) -> list[Histogram]:
    siem = app.connector.siem if isinstance(app.connector, Watched) else siem_of(app)
    return list(siem.scores.histograms(detector.name, EVER))


def test_two_models_score_the_same_rows_in_one_batch_with_a_histogram_each(
    home: Path, detector: Detector
) -> None:
    with opened(Settings(home=home)) as app:
        live, beside = models_of(app, detector)
        outcome = score(app, detector, live, beside, now=END)
        names = (live.version.version, beside.version.version)
        assert len(batches(app)) > 2
        assert set(batches(app)) == {(",".join(names), "done")}
        every = stored(app).to_pylist()
        assert outcome.scored > 200
        rows = [row for row in every if row["stage"] != "explore"]  # what the shadow alone shows
        assert len(rows) == 2 * outcome.scored
        assert len(every) - len(rows) == outcome.explored
        by = {
            name: {row["event_id"]: row for row in rows if row["version"] == name} for name in names
        }
        assert by[names[0]].keys() == by[names[1]].keys()
        for event, row in by[names[0]].items():  # it is a copy of the same model
            other = by[names[1]][event]
            assert (row["stage"], other["stage"]) == ("live", "shadow")
            assert row["score"] == other["score"]
            assert row["score_id"] != other["score_id"]
        slices = Counter((h.since, h.until, h.version, h.stage) for h in histograms(app, detector))
        assert set(slices.values()) == {1}
        of = {name: [s[:2] for s in slices if s[2:] == (name, stage)]
              for name, stage in zip(names, ("live", "shadow"), strict=True)}  # fmt: skip
        assert of[names[0]] == of[names[1]]
        assert len(slices) == 2 * len(of[names[0]])
        counted = Counter[str]()
        for one in histograms(app, detector):
            counted[one.version] += sum(sum(counts) for counts in one.counts.values())
        assert set(counted.values()) == {outcome.scored}
        alerts = list(siem_of(app).alerts.find())
        assert {alert.version for alert in alerts} == {names[0]}
        assert sum(alert.events for alert in alerts) == outcome.alerts > 0


def test_a_batch_of_two_models_in_doubt_is_finished_for_both(
    home: Path, detector: Detector
) -> None:
    with watched(home) as (app, siem):
        live, beside = models_of(app, detector)
        score(app, detector, live, beside, now=TRAINED + DAY)
        siem.refuses = {detector.name}
        with pytest.raises(SiemRefused):
            score(app, detector, live, beside, now=TRAINED + 2 * DAY)
        siem.refuses = set()
        (doubtful,) = app.state.open_batches(detector.name)
        before = stored(app).num_rows
        outcome = score(app, detector, live, now=doubtful.until)
        assert outcome.resolved == 1
        fresh = stored(app)
        of = {
            model.stage: pc.sum(pc.equal(fresh["version"], model.version.version)).as_py()
            for model in (live, beside)
        }
        assert fresh.num_rows > before
        assert of[Stage.LIVE] - of[Stage.SHADOW] == outcome.scored
        whole = score(app, detector, live, now=END)
        assert whole.resolved == 0
        slices = [h for h in histograms(app, detector) if h.since == doubtful.since]
        assert {h.stage for h in slices} == {"live", "shadow"}
