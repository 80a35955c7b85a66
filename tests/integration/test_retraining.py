"""What a detector scores drifts: it is trained once, for that reason, whatever is killed."""

import json
import logging
import shutil
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.errors import TrainingRefused
from scoreback.health import HealthDocument, Kind
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import EventBatch, ModelVersion, Verdict
from scoreback.service.app import App, opened
from scoreback.service.deploying.artifacts import unusable_versions
from scoreback.service.in_force.change import change
from scoreback.service.labels.harvest import harvest
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.scoring.champions import score_live
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.serving.kinds.monitoring import MONITOR
from scoreback.service.serving.kinds.retraining import RETRAIN
from scoreback.service.serving.kinds.training import SCHEDULED
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.runs import runs
from scoreback.service.state.versions import Versions
from tests.integration.alike import DAY, END, HOUR, events, text_of
from tests.integration.command import Run, runner
from tests.integration.embedded import siem_of
from tests.integration.served_run import DAILY
from tests.integration.test_serving import serving

NOW = END + 4 * DAY
NAME = "plain"


def text(when: str = "{drift: 0.25}", more: str = "") -> str:
    trains = "train: {algorithms: [xgboost], trials: 0"
    return text_of(NAME).replace(trains, f"{trains}, when: {when}{more}")


def detector(when: str = "{drift: 0.25}", more: str = "") -> Detector:
    return parse_detector(text(when, more))


@pytest.fixture(scope="module")
def drifted(alike: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace four days later: what is scored is spread three times as wide as training."""
    home = tmp_path_factory.mktemp("drifted") / "home"
    shutil.copytree(alike, home)
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("alerts", later())
        for now in (END, NOW):
            score_live(app, detector(), now=now)
    return home


def later() -> EventBatch:
    """Events once more, from `END` on, with values three times as far from their middle."""
    known = pa.Table.from_batches([events().batch]).slice(0, 1000)
    days = pa.scalar(END - known["event_time"][0].as_py(), pa.duration("us"))

    table = set_to(known, "event_id", pc.binary_join_element_wise("later-", known["event_id"], ""))
    for name in ("event_time", "arrival_time"):
        table = set_to(table, name, pc.add(known[name], days).cast(known.schema.field(name).type))
    for name, middle in (("event.peak", 0.0), ("network.bytes", 10.0)):
        apart = pc.subtract(pc.cast(known[name], pa.float64()), middle)
        farther = pc.add(pc.multiply(apart, 3.0), middle)
        table = set_to(table, name, pc.cast(farther, pa.string()))
    return EventBatch(table.combine_chunks().to_batches()[0])


def set_to(table: pa.Table, name: str, column: Any) -> pa.Table:  # noqa: ANN401 - no stubs
    """*table* with other values in a column."""
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(place), column)


@pytest.fixture
def home(drifted: Path, tmp_path: Path) -> Path:
    made = tmp_path / "home"
    shutil.copytree(drifted, made)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plain.yml"
    path.write_text(text())
    return path


def work(app: App, now: datetime, soon: Callable[[str, str], None] | None = None) -> Work:
    return Work(
        app=app, now=now, pause=lambda _rows: None, warn=lambda *_: None,
        clear=lambda *_: None, apart=None, left=lambda _names: None, soon=soon,
    )  # fmt: skip


def version_document(app: App, of: Detector, now: datetime) -> HealthDocument:
    (found,) = (d for d in health_of(app, of, now=now) if d.kind is Kind.VERSION)
    return found


@pytest.fixture
def scoreback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def test_drift_trains_once_for_that_reason_and_says_so_everywhere(
    home: Path,
    file: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    scoreback: Run,
) -> None:
    caplog.set_level(logging.INFO)
    served = [Served(file, detector())]
    with opened(Settings(home=home)) as app:
        asked = list[tuple[str, str]]()
        MONITOR.run(work(app, NOW, lambda *what: asked.append(what)), served)
        assert asked == [("retrain", NAME)]
        due = version_document(app, detector(), NOW).figures["retrain_due"]
        assert isinstance(due, str)
        assert due.startswith("score drift ")
        assert due.endswith(" > 0.25")
        RETRAIN.run(work(app, NOW), served)
        RETRAIN.run(work(app, NOW + HOUR), served)
        first, second = Versions(app.state).list(NAME)
        assert (first.status, second.status) == ("champion", "shadow")
        assert first.trained_because == ""
        assert second.trained_because == due
        assert f"training starts: {due}" in caplog.text
        registered = [one.detail for one in audit_log(app.state) if one.action == "register"]
        assert [one["because"] for one in registered if one["version"] == second.version] == [due]
        (run,) = runs(app.state, NAME, 1, kind="train")
        assert (run.status, run.started_at) == ("done", NOW)
        later_on = version_document(app, detector(), NOW + HOUR).figures["retrain_due"]
        assert later_on == f"{due}; waits until the gate has decided on {second.version}"
    listed = json.loads(scoreback("versions", file, "--home", home, "--json").out)
    assert [one["trained_because"] for one in listed] == ["", due]
    assert due in " ".join(scoreback("versions", file, "--home", home).out.split())
    page = tmp_path / "report.html"
    assert scoreback("report", file, second.version, "--home", home, "--out", page).code == 0
    assert f"because {due.replace('>', '&gt;')}" in page.read_text()


def test_without_drift_or_without_the_key_nothing_is_trained(home: Path, file: Path) -> None:
    with opened(Settings(home=home)) as app:
        for quiet in (detector("{drift: 90}"), parse_detector(text_of(NAME))):
            asked = list[tuple[str, str]]()
            served = [Served(file, quiet)]
            MONITOR.run(work(app, NOW, lambda *what, into=asked: into.append(what)), served)
            assert asked == []
            RETRAIN.run(work(app, NOW), served)
            assert len(Versions(app.state).list(NAME)) == 1


def test_a_setting_triggers_what_the_file_does_not(home: Path, file: Path) -> None:
    plain = parse_detector(text_of(NAME))
    with opened(Settings(home=home)) as app:
        change(app, plain, "train.when.drift", "0.25", author="ann", reason="", at=NOW)
        asked = list[tuple[str, str]]()
        MONITOR.run(work(app, NOW, lambda *what: asked.append(what)), [Served(file, plain)])
        assert asked == [("retrain", NAME)]
        RETRAIN.run(work(app, NOW), [Served(file, plain)])
        assert len(Versions(app.state).list(NAME)) == 2


def test_a_refused_training_is_counted_and_not_tried_again_until_the_floor_has_passed(
    home: Path, file: Path
) -> None:
    hard = detector(more=", accept: {precision: 100%}")
    served = [Served(file, hard)]
    with opened(Settings(home=home)) as app:
        with pytest.raises(TrainingRefused):
            RETRAIN.run(work(app, NOW), served)
        (run,) = runs(app.state, NAME, 1, kind="train")
        assert (run.status, run.counts["refused"]) == ("failed", 1)
        RETRAIN.run(work(app, NOW + HOUR), served)
        assert runs(app.state, NAME, 1, kind="train") == [run]
        due = version_document(app, hard, NOW + HOUR).figures["retrain_due"]
        assert str(due).endswith(", 3d after the last training, which was refused")
        with pytest.raises(TrainingRefused):
            RETRAIN.run(work(app, NOW + timedelta(days=3)), served)


def test_who_finds_it_being_trained_leaves_it_alone(home: Path, file: Path) -> None:
    with (
        opened(Settings(home=home)) as app,
        opened(Settings(home=home)) as other,
        other.state.lock(NAME, "train"),
    ):
        RETRAIN.run(work(app, NOW), [Served(file, detector())])
        assert len(Versions(app.state).list(NAME)) == 1


@pytest.fixture(scope="module")
def undisturbed(drifted: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The artefact that one undisturbed training makes."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(drifted, home)
    with opened(Settings(home=home)) as app:
        RETRAIN.run(work(app, NOW), [Served(Path("plain.yml"), detector())])
        return Versions(app.state).list(NAME)[-1].artifact_hash


@pytest.mark.parametrize("point", ["learnt", "registered", "shadow"])
def test_killed_in_the_middle_the_training_is_made_good_and_there_is_one_version(
    home: Path, file: Path, undisturbed: str, point: str
) -> None:
    with serving(home, file, NOW, "KILL", 1, point) as service:
        assert service.ended() == -signal.SIGKILL, "".join(service.said)
    with serving(home, file, NOW + timedelta(minutes=10), "-", 0, point) as service:
        service.until("waits until the gate has decided")
        assert service.end() == 0
    with opened(Settings(home=home)) as app:
        first, second = Versions(app.state).list(NAME)
        assert (first.status, second.status) == ("champion", "shadow")
        assert second.artifact_hash == undisturbed
        assert second.trained_because.startswith("score drift ")
        assert unusable_versions(app, detector()) == {}
        assert app.settings.home.joinpath("accounts", NAME, f"{second.version}.json").is_file()


def test_a_training_that_verdicts_asked_for_is_begun_again_though_its_version_was_registered(
    home: Path, tmp_path: Path
) -> None:
    words = text("{verdicts: 5}").replace("labels: {", "labels: {verdicts: {join: event}, ")
    file = tmp_path / "plain.yml"
    file.write_text(words)
    with opened(Settings(home=home)) as app:
        for one in list(siem_of(app).alerts.find())[:8]:
            siem_of(app).alerts.close(
                one.alert_id, Verdict.FALSE_POSITIVE, labeller="ann", at=END + DAY
            )
        harvest(app, parse_detector(words), now=END + DAY)
    second = made_good_after_a_kill(home, file)
    assert second.trained_because == "8 new verdicts >= 5"


def test_a_scheduled_training_that_was_killed_is_begun_again_before_its_next_time(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DAILY, "")
    file = tmp_path / "plain.yml"
    file.write_text(text_of(NAME))
    second = made_good_after_a_kill(home, file)
    assert (second.trained_as_of, second.trained_because) == (NOW, SCHEDULED)


def made_good_after_a_kill(home: Path, file: Path) -> ModelVersion:
    """The version of a training that was killed once the version was registered, served again."""
    with serving(home, file, NOW, "KILL", 1, "registered") as service:
        assert service.ended() == -signal.SIGKILL, "".join(service.said)
    with opened(Settings(home=home)) as app:
        assert [one.status for one in Versions(app.state).list(NAME)] == ["champion", "candidate"]
    with serving(home, file, NOW + timedelta(minutes=10), "-", 0, "registered") as service:
        service.until("trained v2")
        assert service.end() == 0
    with opened(Settings(home=home)) as app:
        first, second = Versions(app.state).list(NAME)
        assert (first.status, second.status) == ("champion", "shadow")
    return second
