"""Detector files while they are served: broken ones keep their last sound detector."""

import logging
from pathlib import Path

import pytest

from scoreback.service.serving.detector_watch import DetectorWatch

TEXT = """
name: {name}
events: {{local: {{stream: tiny}}}}
entity: host.name
labels: {{verdicts: {{join: event}}}}
features: [number: size]
alerts: {{budget: {budget}/day}}
"""


def write(path: Path, name: str = "one", budget: int = 5) -> Path:
    path.write_text(TEXT.format(name=name, budget=budget))
    return path


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "scoreback")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    caplog.clear()
    return found


def budgets(watch: DetectorWatch) -> dict[str, float]:
    return {name: served.detector.alerts.budget for name, served in watch.look().items()}


def test_a_changed_file_counts_at_the_next_look(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yml")
    watch = DetectorWatch([path])
    assert budgets(watch) == {"one": 5}
    write(path, budget=6)
    assert budgets(watch) == {"one": 6}


def test_a_broken_file_keeps_the_last_sound_one_and_is_named_once_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.yml")
    watch = DetectorWatch([path])
    watch.look()
    path.write_text(path.read_text().replace("budget", "budgte"))
    for _ in range(3):
        assert budgets(watch) == {"one": 5}
    (said,) = errors(caplog)
    assert f"{path}:7: alerts.budgte" in said
    assert "did you mean 'budget'" in said
    assert "keeps running" in said
    path.write_text("name: [")
    watch.look()
    assert len(errors(caplog)) == 1  # another trouble is said again
    write(path, budget=7)
    assert budgets(watch) == {"one": 7}
    assert "is valid again" in caplog.text
    assert not watch.troubles


def test_a_file_that_is_gone_or_unreadable_keeps_running_and_may_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.yml")
    watch = DetectorWatch([tmp_path])
    watch.look()
    path.unlink()
    assert budgets(watch) == {"one": 5}
    path.mkdir()
    assert budgets(watch) == {"one": 5}
    gone, folder = errors(caplog)
    assert "does not exist" in gone
    assert "is a directory" in folder
    path.rmdir()
    write(path)
    assert budgets(watch) == {"one": 5}
    assert "is valid again" in caplog.text


def test_a_new_file_in_a_folder_is_picked_up_once_it_is_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "a.yml")
    watch = DetectorWatch([tmp_path])
    watch.look()
    (tmp_path / "b.yaml").write_text("name: two\n")
    assert set(watch.look()) == {"one"}
    assert "It is not run" in errors(caplog)[0]
    write(tmp_path / "b.yaml", "two")
    assert set(watch.look()) == {"one", "two"}


def test_a_folder_that_goes_keeps_its_detectors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "detectors"
    folder.mkdir()
    write(folder / "a.yml")
    watch = DetectorWatch([folder])
    watch.look()
    folder.rename(tmp_path / "away")
    for _ in range(2):
        assert set(watch.look()) == {"one"}
    assert any("is gone" in said for said in errors(caplog))


def test_a_name_belongs_to_the_file_that_had_it_until_that_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = write(tmp_path / "a.yml")
    watch = DetectorWatch([tmp_path])
    watch.look()
    second = write(tmp_path / "b.yml", budget=9)
    for _ in range(2):
        assert budgets(watch) == {"one": 5}
    (said,) = errors(caplog)
    assert str(first) in said
    assert str(second) in said
    first.unlink()
    assert budgets(watch) == {"one": 9}
    assert watch.look()["one"].path == second


def test_a_file_may_describe_another_detector_from_now_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yml")
    watch = DetectorWatch([path])
    watch.look()
    write(path, "other")
    assert set(watch.look()) == {"other"}
