"""A backtest does what training and scoring would have done then, and leaves no trace."""

import csv
import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from scoreback.connectors.doors import AlertQuery, LoadMapping
from scoreback.errors import TrainingRefused
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector, When
from scoreback.records import LABEL_COLUMNS, LabelBatch, TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.backtesting.backtest import Wish, backtest
from scoreback.service.backtesting.known import Units
from scoreback.service.backtesting.material import Material
from scoreback.service.backtesting.replay import Played, Replay
from scoreback.service.backtesting.scratch import scratch_workspace
from scoreback.service.deploying.promotion import promote
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.train_job import train_detector
from tests.contract.double import DoubleConnector
from tests.integration.embedded import siem_of

EXPORT = Path(__file__).parents[2] / "packaging" / "ci" / "template" / "example" / "closed.csv"
FIELDS = {
    "rule.name": "rule", "host.name": "host", "labels.host_group": "host_group",
    "destination.port": "dest_port", "network.kbytes": "kbytes", "closed.as": "closed_as",
    "closed.at": "closed_at",
}  # fmt: skip
VERDICTS = {"true positive": "true_positive", "false positive": "false_positive",
            "benign": "benign_positive"}  # fmt: skip
NOW = datetime(2026, 2, 20, tzinfo=UTC)
WEEK = timedelta(days=7)

FILE = """
name: queue
lag: 5m
events: {local: {stream: alerts}}
entity: host.name
labels:
  field: {name: closed.as, positive: [true positive], negative: [false positive, benign],
          time: closed.at}
  mature_after: 2d
features:
  - category: rule.name
  - category: labels.host_group
  - number: network.kbytes
  - {count: events, by: host.name, over: 2h}
  - {distinct: rule.name, by: host.name, over: 2h}
  - {rarity: rule.name, by: host.name, over: 7d}
train: {algorithms: [xgboost]}
alerts: {budget: 5/day, per_entity: 3/day, throttle: 5m}
"""
BY_FIELD = parse_detector(FILE)
BY_VERDICT = parse_detector(
    FILE.replace(
        FILE[FILE.index("  field:") : FILE.index("  mature_after")], "  verdicts: {join: event}\n"
    )
)
GROUPED = parse_detector("""
name: groups
lag: 5m
unit: {group: [host.name, labels.host_group], every: 2h, fields: {rule.name: distinct,
       network.kbytes: sum}}
events: {local: {stream: alerts}}
entity: host.name
labels:
  field: {name: closed.as, positive: [true positive], negative: [false positive, benign],
          time: closed.at}
  mature_after: 2d
features:
  - number: rule.name
  - category: labels.host_group
  - number: network.kbytes
  - {count: events, by: host.name, over: 1d}
train: {algorithms: [xgboost], accept: {equal_to_rule: true}}
alerts: {budget: 5/day, per_entity: 3/day, throttle: 5m}
""")


def day(month: int, of_month: int) -> datetime:
    return datetime(2026, month, of_month, tzinfo=UTC)


START, RETRAINED, END = day(1, 26), day(2, 2), day(2, 6)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six weeks of alerts that were closed, with the verdicts also as a SIEM has them."""
    made = tmp_path_factory.mktemp("backtest") / "home"
    with opened(Settings(home=made)) as app:
        siem = siem_of(app)
        mapping = LoadMapping(time="raised_at", id="alert_id", fields=FIELDS)
        assert siem.exports.load(EXPORT, "alerts", mapping).rejected == 0
        siem.intake.add_verdicts(_verdicts())
    return made


def _verdicts() -> LabelBatch:
    with EXPORT.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["closed_as"]]
    times = [datetime.fromisoformat(row["closed_at"]) for row in rows]
    return verdicts(
        [row["alert_id"] for row in rows], [VERDICTS[row["closed_as"]] for row in rows], times
    )


def verdicts(
    events: list[str], values: list[str], times: list[datetime], people: list[str] | None = None
) -> LabelBatch:
    count = len(events)
    given = {
        "event_id": pa.array(events),
        "verdict": pa.array(values),
        "label_time": pa.array(times, LABEL_COLUMNS.field("label_time").type),
        "labeller": pa.array(people or ["dana"] * count),
        "source": pa.array(["verdict"] * count),
    }
    return LabelBatch.of(given, count)


def replayed(
    app: App, detector: Detector, until: datetime = END, moments: tuple[datetime, ...] = (START,)
) -> tuple[Played, list[str], Units]:
    """What a replay gives, the ids of all units in its order, and the units."""
    with scratch_workspace(app) as scratch:
        material = Material.read(scratch, detector, START, until, now=NOW)
        units = Units.of(material, NOW)
        ids = [one for batch in material.batches() for one in batch["event_id"].to_pylist()]
        return Replay(scratch, material, units).play(moments, until), ids, units


def alerts_of(played: Played, ids: list[str]) -> list[str]:
    return sorted(ids[row] for row in np.flatnonzero(played.opened).tolist())


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize(
    ("detector", "moments"),
    [(BY_FIELD, (START, RETRAINED)), (BY_VERDICT, (START,)), (GROUPED, (RETRAINED,))],
    ids=["field", "verdict", "group"],
)
def test_a_replayed_training_makes_the_model_that_training_then_makes(
    home: Path, tmp_path: Path, detector: Detector, moments: tuple[datetime, ...]
) -> None:
    with opened(Settings(home=home)) as app:
        played, _, _ = replayed(app, detector, moments=moments)
    assert {one.refused for one in played.trainings} == {""}
    hashes = [one.artifact_hash for one in played.trainings]
    assert len(set(hashes)) == len(moments)
    with opened(_copied(home, tmp_path)) as app:
        for at, hashed in zip(moments, hashes, strict=True):
            outcome = train_detector(app, detector, as_of=at, now=at)
            assert outcome.version.artifact_hash == hashed


@pytest.mark.parametrize(
    ("detector", "start"), [(BY_FIELD, START), (GROUPED, RETRAINED)], ids=["event", "group"]
)
def test_the_alerts_are_those_that_scoring_raises(
    home: Path, tmp_path: Path, detector: Detector, start: datetime
) -> None:
    with opened(Settings(home=home)) as app:
        played, ids, units = replayed(app, detector, moments=(start,))
    with opened(_copied(home, tmp_path)) as app:
        outcome = train_detector(app, detector, as_of=start, now=start)
        promote(app, detector, outcome.version.version, by="test", at=start)
        at = start
        while at < END:
            at += timedelta(hours=17)
            score_live(app, detector, now=min(at, END))
        assert app.connector.alerts is not None
        raised = app.connector.alerts.find(AlertQuery(detector=detector.name, touched=False))
        first = sorted(alert.event_id for alert in raised)
    assert len(first) >= 8
    ready = played.opened & (units.ready <= _us(END))
    assert sorted(ids[row] for row in np.flatnonzero(ready).tolist()) == first


def test_a_poorer_siem_gives_the_same(home: Path, tmp_path: Path) -> None:
    with opened(Settings(home=home)) as app:
        local, ids, _ = replayed(app, BY_FIELD, moments=(RETRAINED,))
        events = app.connector.events
        window = TimeWindow(since=day(1, 1), until=day(3, 1))
        batches = [b for s in events.slices(app.query(BY_FIELD), window) for b in events.read(s)]
    settings = Settings(home=tmp_path / "home", connector="double", connection="double")
    double = DoubleConnector.open("double", {"path": str(tmp_path / "double")})
    double.log.set_clock(END)
    for batch in batches:
        double.intake.add_events("alerts", batch)
    double.log.set_clock(NOW)  # it shows late what it took
    there = BY_FIELD.model_copy(update={"events": {"double": {"stream": "alerts"}}})
    with State.open(settings.state) as state:
        found, others, _ = replayed(App(settings, double, state), there, moments=(RETRAINED,))
    assert found.trainings == local.trainings
    assert found.trainings[0].artifact_hash
    assert alerts_of(found, others) == alerts_of(local, ids) != []


def test_what_is_said_after_a_day_changes_nothing_on_that_day(home: Path, tmp_path: Path) -> None:
    with opened(_copied(home, tmp_path)) as app:
        before, ids, units = replayed(app, BY_VERDICT, moments=(START, RETRAINED))
        early = np.flatnonzero((units.event_times < _us(START)) & (units.truth == 0)).tolist()
        changed = [ids[row] for row in early]
        after_training = [RETRAINED + timedelta(hours=1)] * len(changed)
        siem_of(app).intake.add_verdicts(
            verdicts(changed, ["true_positive"] * len(changed), after_training)
        )
        after, _, known = replayed(app, BY_VERDICT, moments=(START, RETRAINED))
        assert (known.truth[early] == 1).all()  # they are seen by whoever judges today
        assert after.trainings == before.trainings
        assert alerts_of(after, ids) == alerts_of(before, ids)
        # Given by one person in one hour before the second training, they wait in quarantine;
        siem_of(app).intake.add_verdicts(said_by(changed, ["eve"] * len(changed)))
        told, _, _ = replayed(app, BY_VERDICT, moments=(RETRAINED,))
        assert told.trainings[0].artifact_hash == before.trainings[1].artifact_hash
        # given by many, they change that training, and not the first.
        people = [f"analyst {number}" for number in range(len(changed))]
        siem_of(app).intake.add_verdicts(said_by(changed, people))
        told, _, _ = replayed(app, BY_VERDICT, moments=(START, RETRAINED))
        assert told.trainings[0] == before.trainings[0]
        assert told.trainings[1].artifact_hash != before.trainings[1].artifact_hash


def said_by(events: list[str], people: list[str]) -> LabelBatch:
    """Verdicts that all are true, given after the first training and before the second."""
    times = [START + timedelta(hours=1)] * len(events)
    return verdicts(events, ["true_positive"] * len(events), times, people)


def test_a_verdict_that_was_told_late_is_known_from_then_on_only(
    home: Path, tmp_path: Path
) -> None:
    with opened(_copied(home, tmp_path)) as app:
        train_detector(app, BY_VERDICT, as_of=RETRAINED, now=RETRAINED)  # the ledger was told all
        before, ids, units = replayed(app, BY_VERDICT, moments=(RETRAINED,))
        early = np.flatnonzero((units.event_times < _us(START)) & (units.truth == 0)).tolist()
        changed = [ids[row] for row in early]
        given = [START - timedelta(hours=1)] * len(changed)
        siem_of(app).intake.add_verdicts(verdicts(changed, ["true_positive"] * len(changed), given))
        after, _, _ = replayed(app, BY_VERDICT, moments=(RETRAINED,))
        assert after.trainings == before.trainings


def test_a_golden_attack_holds_trainings_after_its_own_time_alone(
    home: Path, tmp_path: Path
) -> None:
    with EXPORT.open(newline="") as file:
        closed = [row for row in csv.DictReader(file) if row["closed_as"] == "false positive"]
    between = [row for row in closed if "2026-01-27" < row["raised_at"] < "2026-02-01"]
    names = "\n".join(f"{row['alert_id']},{row['raised_at']}" for row in between[:20])
    golden = tmp_path / "golden.csv"
    golden.write_text(f"event_id,time\n{names}\n")
    labels = BY_FIELD.labels.model_copy(update={"golden": str(golden)})
    detector = BY_FIELD.model_copy(update={"labels": labels})
    with opened(Settings(home=home)) as app:
        free, _, _ = replayed(app, BY_FIELD, moments=(START, RETRAINED))
        held, _, _ = replayed(app, detector, moments=(START, RETRAINED))
    assert held.trainings[0] == free.trainings[0]
    assert "of 20 golden attacks" in held.trainings[1].refused
    with opened(_copied(home, tmp_path)) as app:
        outcome = train_detector(app, detector, as_of=START, now=NOW)
        assert outcome.version.artifact_hash == free.trainings[0].artifact_hash
        with pytest.raises(TrainingRefused, match="of 20 golden attacks"):
            train_detector(app, detector, as_of=RETRAINED, now=NOW)


def test_what_a_killed_backtest_leaves_is_gone_when_the_workspace_is_opened_next(
    home: Path, tmp_path: Path
) -> None:
    settings = _copied(home, tmp_path)
    left = settings.home / "spill" / ".0123456789abcdef.draft"
    (left / "state").mkdir(parents=True)
    (left / "state" / "state.sqlite").write_bytes(b"labels")
    with opened(settings) as app, scratch_workspace(app) as scratch:
        assert not left.exists()
        assert scratch.settings.home.parent == settings.home / "spill"
        with opened(settings):  # another command meanwhile
            assert scratch.settings.home.exists()
    assert not scratch.settings.home.exists()


def test_the_end_of_the_window_changes_nothing_before_it(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        whole = backtest(app, BY_FIELD, Wish(since=START, until=END), now=NOW)
        cut = backtest(app, BY_FIELD, Wish(since=START, until=day(2, 1)), now=NOW)
    assert whole["days"][: len(cut["days"])] == cut["days"]
    assert whole["versions"][: len(cut["versions"])] == cut["versions"]
    assert len(whole["days"]) == 11


def test_nothing_is_written_to_the_workspace_or_the_siem(home: Path, tmp_path: Path) -> None:
    settings = _copied(home, tmp_path)
    with opened(settings) as app:
        train_detector(app, BY_VERDICT, as_of=START, now=START)
    before = digests(settings.home)
    with opened(settings) as app:
        backtest(app, BY_VERDICT, Wish(since=START, until=END), now=NOW)
    assert digests(settings.home) == before


def test_enough_new_verdicts_train_at_the_next_look_after_the_floor(home: Path) -> None:
    closed = np.array([_us(one) for one in _verdicts().batch["label_time"].to_pylist()])
    mature, floor = timedelta(days=2), START + timedelta(days=3)
    looks = [floor + timedelta(minutes=15, hours=hour) for hour in range(150)]

    def new(at: datetime) -> int:
        return int(((closed > _us(START - mature)) & (closed <= _us(at - mature))).sum())

    wanted = new(looks[20])  # more than there are when the floor has passed
    assert wanted > new(looks[19]) > 20
    due = looks[20]
    with opened(Settings(home=home)) as app:
        asks = with_when(BY_VERDICT, verdicts=wanted)
        found = backtest(app, asks, Wish(since=START, until=END, every=WEEK), now=NOW)
        plain = backtest(app, BY_VERDICT, Wish(since=START, until=END, every=WEEK), now=NOW)
        as_of, _, _ = replayed(app, BY_VERDICT, moments=(due,))
    versions = found["versions"]
    assert [one["as_of"] for one in versions[:2]] == [START, due]
    assert [one["because"] for one in versions[:2]] == [
        "the replay began", f"{wanted} new verdicts >= {wanted}",
    ]  # fmt: skip
    assert versions[1]["artifact_hash"] == as_of.trainings[0].artifact_hash
    assert found["when"] == f"verdicts: {wanted}, at_most_every: 3d"
    before = (due - START).days
    assert found["days"][:before] == plain["days"][:before]
    assert plain["when"] is None
    assert [one["because"] for one in plain["versions"]] == ["the replay began", "7d had passed"]


def with_when(detector: Detector, verdicts: int) -> Detector:
    train = detector.train.model_copy(update={"when": When(verdicts=verdicts)})
    return detector.model_copy(update={"train": train})


def test_start_days_are_compared_on_the_days_that_all_have(home: Path) -> None:
    wish = Wish(since=START, until=day(2, 9), every=timedelta(days=7), starts=2)
    with opened(Settings(home=home)) as app:
        found = backtest(app, BY_FIELD, wish, now=NOW)
    first, second = found["starts"]
    assert [one["as_of"] for one in first["versions"]] == [START, RETRAINED]
    assert [one["as_of"] for one in second["versions"]] == [day(1, 29), day(2, 5)]
    assert found["common_since"] == day(1, 29)
    assert first["figures"]["days"] == second["figures"]["days"] == 11
    spread = found["spread"]["precision"]
    of_starts = sorted(one["figures"]["precision"] for one in (first, second))
    assert [spread["least"], spread["most"]] == of_starts
    counts = [day["alerts"] for day in found["days"]]
    assert sum(counts) == found["figures"]["counts"]["alerts"]
    assert max(counts) <= 7  # the burst is half the budget


def _copied(home: Path, folder: Path) -> Settings:
    made = folder / "home"
    shutil.copytree(home, made)
    return Settings(home=made)


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
