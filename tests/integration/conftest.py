"""A small workspace with a trained, promoted detector: made once, copied for each test."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.local import events as reading
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import EVENT_COLUMNS, LABEL_COLUMNS, EventBatch, LabelBatch
from scoreback.service.app import opened
from scoreback.service.demo.company import Company
from scoreback.service.deploying.health_rules import reconcile_health
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring import cutter
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import train_detector
from tests.integration.alike import train_all
from tests.integration.embedded import siem_of

START = datetime(2026, 6, 1, tzinfo=UTC)
TRAINED, DAYS = 18, 24
FILE = Path(__file__).parents[2] / "examples" / "detectors" / "endpoint_threats.yml"


def day(index: int) -> datetime:
    return START + timedelta(days=index)


@pytest.fixture(scope="session")
def file() -> Path:
    return FILE


@pytest.fixture(scope="session")
def end() -> datetime:
    """The clock after the last day."""
    return day(DAYS)


@pytest.fixture(scope="session")
def detector() -> Detector:
    return load_detector(FILE)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Path:
    """A workspace with all days loaded and a version that scores from day `TRAINED` on."""
    home = tmp_path_factory.mktemp("trained") / "home"
    company = Company(seed=7, start=START, days=DAYS)
    with opened(Settings(home=home)) as app:
        intake = siem_of(app).intake
        for one in company.days("endpoint"):
            intake.add_events("endpoint", with_refs(one.events))
        verdicts = company.verdicts("endpoint").cast(LABEL_COLUMNS).combine_chunks()
        intake.add_verdicts(LabelBatch(verdicts.to_batches()[0]))
        outcome = train_detector(app, detector, as_of=day(TRAINED), now=day(TRAINED))
        promote(app, detector, outcome.version.version, by="test", at=day(TRAINED))
        reconcile_health(app, at=day(TRAINED))
    return home


@pytest.fixture(scope="session")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three trained detectors of one selection; copy it before use."""
    home = tmp_path_factory.mktemp("alike") / "home"
    train_all(home)
    return home


@pytest.fixture
def home(alike: Path, tmp_path: Path) -> Path:
    """A copy of the workspace `alike`."""
    made = tmp_path / "home"
    shutil.copytree(alike, made)
    return made


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs have several steps, read in several batches."""
    monkeypatch.setattr(cutter, "STEP_ROWS", 150)
    monkeypatch.setattr(reading, "BATCH_ROWS", 100)


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained workspace."""
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    return home


def with_refs(events: pa.Table) -> EventBatch:
    """Events of the simulated company as records declare them."""
    fields = [f for f in events.schema if f.name not in EVENT_COLUMNS.names]
    table = events.add_column(1, "event_ref", events["event_id"])
    schema = pa.schema([*EVENT_COLUMNS, *fields])
    whole = table.select(schema.names).cast(schema).combine_chunks()
    return EventBatch(whole.to_batches()[0])
