"""A history that does not fit into the memory that training may take is refused, with numbers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scoreback.errors import ConfigError, TrainingRefused
from scoreback.models.detector.file import load_detector
from scoreback.models.features.whole_history import feature_rows
from scoreback.records import TimeWindow
from scoreback.service.settings import Settings
from scoreback.service.training.memory import PEAK, SHARE, Room, memory_of_machine
from tests.unit.models.features.test_windows import PLAN, START, batch_of

ROOT = Path(__file__).parents[4]
DETECTOR = load_detector(ROOT / "examples" / "detectors" / "endpoint_threats.yml")
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = TimeWindow(since=AS_OF - timedelta(days=90), until=AS_OF)


def test_a_history_that_fits_is_not_refused() -> None:
    room = Room(DETECTOR, WINDOW, limit=PEAK * 1000)
    room.read(10, AS_OF - timedelta(days=45))
    room.keep(400)
    room.hold(600)


def test_what_does_not_fit_is_refused_with_the_numbers_and_a_history_that_would() -> None:
    room = Room(DETECTOR, WINDOW, limit=PEAK * 2**30)
    room.read(1_000_000, AS_OF - timedelta(days=60))
    room.keep(1)
    with pytest.raises(TrainingRefused, match=rf"{PEAK} GiB.*1,000,000 events, 33%") as caught:
        room.hold(2**30)
    assert "shorten train.history" in caught.value.hint
    assert "SCOREBACK_TRAINING_MEMORY" in caught.value.hint
    days = int(DETECTOR.train.history.days * 0.3)
    assert f"{days}d" in caught.value.hint


def test_without_a_setting_half_of_the_machine_or_container_may_be_taken(tmp_path: Path) -> None:
    machine = memory_of_machine(tmp_path / "none")
    assert machine > 2**28
    limit = tmp_path / "memory.max"
    for text, found in (("max\n", machine), ("1048576\n", 2**20), ("nonsense", machine)):
        limit.write_text(text, encoding="ascii")
        assert memory_of_machine(limit) == found
    room = Room(DETECTOR, WINDOW, limit=None)
    room.hold(int(machine * SHARE) // PEAK - 2**26)
    with pytest.raises(TrainingRefused):
        room.hold(machine)


def test_the_setting_is_read_with_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOREBACK_TRAINING_MEMORY", "1.5GiB")
    assert Settings.read().training_memory == 3 * 2**29
    for wrong in ("much", "0", "-1GiB"):
        monkeypatch.setenv("SCOREBACK_TRAINING_MEMORY", wrong)
        with pytest.raises(ConfigError, match="TRAINING_MEMORY"):
            Settings.read()


def test_reading_tells_what_it_holds_and_can_be_ended_by_it() -> None:
    batches = [batch_of([(n, 0, "10.0.0.1", "a", "1")], [n]) for n in range(3)]
    held: list[int] = []
    feature_rows(PLAN, batches, since=START, holding=held.append)
    assert 0 < held[0] < held[1] < held[2]
    window = TimeWindow(since=START, until=START + timedelta(days=1))
    with pytest.raises(TrainingRefused):
        feature_rows(PLAN, batches, since=START, holding=Room(DETECTOR, window, limit=1).hold)
