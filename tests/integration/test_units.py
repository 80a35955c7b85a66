"""Groups of events as units: train, score in runs, alert, close, train again, see it on events."""

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local import open_enriched
from scoreback.connectors.local.scores import RECEIVED
from scoreback.connectors.local.storage.segments import listed
from scoreback.errors import ArtifactError, DataError
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector, Split
from scoreback.naming import members_of
from scoreback.records import (
    EVENT_COLUMNS,
    LABEL_COLUMNS,
    TIME,
    EventBatch,
    LabelBatch,
    Verdict,
)
from scoreback.service.app import App, opened
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import read_training_data, train_detector
from tests.integration import embedded
from tests.integration.embedded import siem_of

PROGRAM = Path(__file__).with_name("killed_run.py")
START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TRAINED, END = START + 14 * DAY, START + 18 * DAY
FIELDS = ("host.name", "rule.id", "network.bytes", "event.peak", "network.name", "outcome")

FILE = """
name: grouped
events: {local: {stream: alerts}}
unit:
  group: [host.name, rule.id]
  every: 10m
  fields:
    network.bytes: sum
    event.peak: max
    network.name: first
    size: {count: events}
entity: host.name
labels:
  field: {name: outcome, positive: bad, negative: good, delay: 2h}
  verdicts: {join: event}
  mature_after: 1d
features:
  - category: rule.id
  - number: network.bytes
  - number: event.peak
  - number: size
  - {count: events, by: host.name, over: 1d}
  - {distinct: rule.id, by: host.name, over: 1d}
  - {sum: network.bytes, by: host.name, over: 6h}
train: {algorithms: [xgboost]}
split: {hold_out: [network.name]}
alerts: {budget: 10/day, throttle: 10m}
write: {keep: {top: 100%}, copy_fields: [network.bytes, size]}
"""


def events() -> EventBatch:
    """Bursts of one to four events of a host and rule; two sums only tell together."""
    draw = np.random.default_rng(3)
    count = 3000
    begin = np.sort(draw.integers(0, 18 * 86_400, count))
    host, rule = draw.integers(0, 60, count), draw.integers(0, 12, count)
    volume, peak = draw.normal(size=count), draw.normal(size=count)
    odds = 3.0 * volume * peak + 2.0 * np.isin(rule, [2, 3]) * np.sign(peak) - 5.0
    bad = draw.random(count) < 1 / (1 + np.exp(-odds))
    size = draw.integers(1, 5, count)
    burst = np.repeat(np.arange(count), size)
    number = np.arange(len(burst)) - np.repeat(np.cumsum(size) - size, size)
    seconds = begin[burst] // 600 * 600 + np.minimum(begin[burst] % 600 + 40 * number, 599)
    delay = draw.choice([0, 1, 60, 240, 2000], len(burst), p=[0.5, 0.3, 0.1, 0.08, 0.02])
    times = pa.array(START.timestamp() * 1e6 + seconds * 1e6).cast(pa.int64()).cast(TIME)
    arrivals = pc.add(times, pa.array(delay * 1_000_000).cast(pa.duration("us")))
    # Only the burst's last event shows the peak, and only its first the outcome.
    shown = [
        f"{peak[b]:.4f}" if n == size[b] - 1 else None for b, n in zip(burst, number, strict=True)
    ]
    outcome = [
        ("bad" if bad[b] else "good") if n == 0 else None
        for b, n in zip(burst, number, strict=True)
    ]
    columns = [
        pa.array([f"e{i:06}" for i in range(len(burst))]),
        pa.array(["alerts"] * len(burst)),
        times,
        arrivals,
        pa.array([f"h{host[b]}" for b in burst]),
        pa.array([f"r{rule[b]}" for b in burst]),
        pa.array([f"{(volume[b] + 10) / size[b]:.4f}" for b in burst]),
        pa.array(shown, pa.string()),
        pa.array([f"net{host[b] % 3}" for b in burst]),
        pa.array(outcome, pa.string()),
    ]
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in FIELDS)])
    return EventBatch(pa.RecordBatch.from_arrays(columns, schema=schema))


@pytest.fixture(scope="module")
def detector() -> Detector:
    return parse_detector(FILE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Path:
    home = tmp_path_factory.mktemp("grouped") / "home"
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("alerts", events())
        outcome = train_detector(app, detector, as_of=TRAINED, now=TRAINED)
        assert outcome.training.held_out is not None
        assert outcome.history.late > 0
        promote(app, detector, outcome.version.version, by="test", at=TRAINED)
    return home


@pytest.fixture(scope="module")
def at_once(
    trained: Path, tmp_path_factory: pytest.TempPathFactory, detector: Detector
) -> tuple[Path, int]:
    """A workspace that was scored in one run, and how many units that scored."""
    home = tmp_path_factory.mktemp("at_once") / "home"
    shutil.copytree(trained, home)
    return home, score_until(home, detector, END).scored


@pytest.fixture(scope="module")
def undisturbed(at_once: tuple[Path, int]) -> pa.Table:
    with opened(Settings(home=at_once[0])) as app:
        return stored(app)


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    return home


def score_until(home: Path, detector: Detector, now: datetime) -> ScoreOutcome:
    """One run of its own: everything is opened anew."""
    with opened(Settings(home=home)) as app:
        return embedded.score_until(app, detector, now)


def stored(app: App) -> pa.Table:
    siem = siem_of(app)
    with siem.store.ledger.reading() as transaction:
        segments = listed(transaction, "scores")
    tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
    whole = pa.concat_tables(tables, promote_options="default")
    names = sorted(set(whole.column_names) - {"scored_at", RECEIVED})
    return whole.select(names).sort_by("score_id")


def test_one_run_and_many_write_the_same_units_and_they_are_those_that_training_reads(
    at_once: tuple[Path, int], undisturbed: pa.Table, workspace: Path, detector: Detector
) -> None:
    (home, scored), whole = at_once, undisturbed
    now, in_runs = TRAINED, 0
    while now < END:
        now += timedelta(hours=5, minutes=7)
        in_runs += score_until(workspace, detector, min(now, END)).scored
    with opened(Settings(home=home)) as app:
        rows = read_training_data(app, detector, END).rows
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        again = Scorer(load_artifact(app, detector, champion)).score(rows)
    with opened(Settings(home=workspace)) as app:
        assert stored(app).equals(whole)
    assert scored == in_runs == whole.num_rows > 500
    by_id = {
        unit: (score, size)
        for unit, score, size in zip(
            rows["event_id"].to_pylist(), again.scores.tolist(), rows["size"].to_pylist(),
            strict=True,
        )
    }  # fmt: skip
    for row in whole.to_pylist():
        assert by_id[row["event_id"]] == (row["score"], float(row["size"]))
        members = members_of(row["event_ref"])
        assert members is not None
        assert members.events == len(members.named) == int(row["size"])
    arrived = pc.greater_equal(rows["arrival_time"], pa.scalar(TRAINED, TIME))
    assert scored == pc.sum(arrived).as_py()


def test_an_alert_on_a_unit_is_closed_learnt_from_and_seen_on_each_of_its_events(
    workspace: Path, detector: Detector
) -> None:
    score_until(workspace, detector, END)
    with opened(Settings(home=workspace)) as app:
        alerts = list(siem_of(app).alerts.find(AlertQuery(detector=detector.name, still_open=True)))
        assert 5 < len(alerts) < 90
        alert = alerts[0]
        siem_of(app).alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=END)
        (hit,) = stored(app).filter(pc.equal(stored(app)["event_id"], alert.event_id)).to_pylist()
        members = members_of(hit["event_ref"])
        assert members is not None
        with open_enriched(siem_of(app).store, "alerts") as view:
            shown = view.sql(
                'SELECT event_id FROM events_enriched WHERE "scoreback.score" = $1'
                ' AND "host.name" = $2 ORDER BY event_id',
                params=[hit["score"], alert.entity],
            ).fetchall()
        assert [("alerts", i) for (i,) in shown] == sorted(members.named)
        labels = read_training_data(app, detector, END + DAY).labels
        ours = labels.filter(pc.equal(labels["labeller"], "ann"))
        assert ours["event_id"].to_pylist() == [alert.event_id]
        first = Versions(app.state).champion(detector.name)
        assert first is not None
        quicker = detector.model_copy(update={"split": Split()})
        second = train_detector(app, quicker, as_of=END + DAY, now=END + DAY).version
        assert (second.status, second.parent) == ("candidate", first.version)


def test_a_verdict_on_an_event_is_a_label_of_its_unit(workspace: Path, detector: Detector) -> None:
    given: dict[str, object] = {
        "event_id": "e000500", "verdict": "benign_positive", "label_time": START + 9 * DAY,
        "labeller": "ann", "source": "verdict",
    }  # fmt: skip
    types = {field.name: field.type for field in LABEL_COLUMNS}
    columns = {name: pa.array([value], types[name]) for name, value in given.items()}
    with opened(Settings(home=workspace)) as app:
        siem_of(app).intake.add_verdicts(LabelBatch.of(columns, 1))
        data = read_training_data(app, detector, TRAINED)
    ours = data.labels.filter(pc.equal(data.labels["labeller"], "ann"))
    assert ours["event_id"].to_pylist() == ["e000500"]
    (unit,) = ours["unit"].to_pylist()
    (row,) = data.rows.filter(pc.equal(data.rows["event_id"], unit)).to_pylist()
    assert row["first_event"] <= row["event_time"].timestamp() * 1e6


@pytest.mark.parametrize(
    ("point", "when"),
    [("open units", "after"), ("begin", "after"), ("sent", "before"), ("tidy", "before")],
)
def test_a_run_killed_with_units_open_is_made_good_by_the_next(
    point: str,
    when: str,
    undisturbed: pa.Table,
    workspace: Path,
    detector: Detector,
    tmp_path: Path,
) -> None:
    file = tmp_path / "grouped.yml"
    file.write_text(FILE)
    command = [sys.executable, str(PROGRAM), str(workspace), str(file), END.isoformat()]
    done = subprocess.run([*command, point, when, "2"], check=False)
    assert done.returncode == -signal.SIGKILL
    score_until(workspace, detector, END)
    with opened(Settings(home=workspace)) as app:
        assert stored(app).equals(undisturbed)


def test_another_unit_asks_for_a_new_training(workspace: Path) -> None:
    changed = parse_detector(FILE.replace("every: 10m", "every: 20m"))
    with pytest.raises(ArtifactError, match="another lag or unit"):
        score_until(workspace, changed, END)


def test_a_group_that_no_event_has_is_refused_with_what_to_do(workspace: Path) -> None:
    text = FILE.replace("[host.name, rule.id]", "[network.zone]").replace(
        "network.bytes: sum", "network.bytes: sum\n    host.name: first\n    rule.id: first"
    )
    with opened(Settings(home=workspace)) as app:
        empty = events().batch.slice(0, 5)
        zones = pa.array(["", "", "", "", ""])
        siem_of(app).intake.add_events(
            "zoned", EventBatch(empty.append_column("network.zone", zones))
        )
        grouped = parse_detector(text.replace("stream: alerts", "stream: zoned"))
        with pytest.raises(DataError, match="no unit between") as caught:
            read_training_data(app, grouped, TRAINED)
        assert "5 events have none of the fields of unit.group" in caught.value.hint
