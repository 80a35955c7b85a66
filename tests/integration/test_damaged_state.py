"""Window state that was damaged or removed: told, rebuilt as its remedy says, nothing changes."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.doors import ScoreQuery
from scoreback.errors import StateError
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings


def scored_up_to(app: App, detector: Detector, now: datetime) -> None:
    assert score_live(app, detector, now=now) is not None


def stored(app: App, detector: Detector, end: datetime) -> list[dict[str, object]]:
    window = TimeWindow(since=end - timedelta(days=60), until=end)
    batches = app.connector.scores.read(ScoreQuery(detector=detector.name, window=window))
    table = pa.Table.from_batches([batch.batch for batch in batches])
    rows: list[dict[str, object]] = table.drop_columns(["scored_at"]).to_pylist()
    return rows


def test_damaged_window_state_is_told_and_rebuilt_once_its_folder_is_removed(
    workspace: Path, detector: Detector, end: datetime, tmp_path: Path
) -> None:
    sound = tmp_path / "sound"
    shutil.copytree(workspace, sound)
    middle = end - timedelta(days=3)
    with opened(Settings(home=sound)) as app:
        for now in (middle, end):
            scored_up_to(app, detector, now)
        expected = stored(app, detector, end)
    with opened(Settings(home=workspace)) as app:
        scored_up_to(app, detector, middle)
        folder = next((workspace / "state" / "windows" / detector.name).iterdir())
        path = next(folder.glob("raw-*.parquet"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        for _ in range(2):
            with pytest.raises(StateError, match=path.name) as caught:
                scored_up_to(app, detector, end)
        assert f"remove the folder {folder}" in caught.value.hint
        shutil.rmtree(folder)
        scored_up_to(app, detector, end)
        assert stored(app, detector, end) == expected
