"""`scoreback test`, with the champion of a workspace and with the folder of a model."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.models.artifact.folder import MANIFEST
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.service import cli
from scoreback.service.app import opened
from scoreback.service.settings import Settings
from scoreback.service.testing import fixture_model
from tests.integration.command import Ended, Run, runner
from tests.integration.conftest import TRAINED, day
from tests.integration.embedded import champion_of

_TESTS = "endpoint_threats.tests.yml"


@pytest.fixture
def scoreback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def fixtures(
    trained: Path, detector: Detector, file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A detector file, beside it two days of events."""
    folder = tmp_path_factory.mktemp("fixtures")
    shutil.copy(file, folder)
    with opened(Settings(home=trained)) as app:
        query = app.scoring_query(detector)
        window = TimeWindow(since=day(TRAINED), until=day(TRAINED + 2))
        tables = [
            pa.Table.from_batches([batch.batch])
            for piece in app.connector.events.slices(query, window)
            for batch in app.connector.events.read(piece)
        ]
    with (folder / "days.ndjson").open("w") as out:
        for row in pa.concat_tables(tables).to_pylist():
            given = {name: value for name, value in row.items() if value is not None}
            del given["event_ref"]
            print(json.dumps(given, default=lambda time: time.isoformat()), file=out)
    return folder


@pytest.fixture
def folder(fixtures: Path, tmp_path: Path) -> Path:
    made = tmp_path / "detectors"
    shutil.copytree(fixtures, made)
    return made


def expect(folder: Path, expected: str) -> Path:
    (folder / _TESTS).write_text(
        f"tests:\n  - {{name: two days, events_file: days.ndjson, expect: {expected}}}\n"
    )
    return folder / "endpoint_threats.yml"


def alerts_said(ended: Ended) -> list[str]:
    """The events that are told to open an alert, unexpectedly."""
    problems = json.loads(ended.out)["tests"][0]["problems"]
    return [p.split()[1] for p in problems if "opens an alert" in p]


def test_the_champion_of_the_workspace_raises_exactly_the_alerts_that_are_expected(
    scoreback: Run, folder: Path, workspace: Path
) -> None:
    file = expect(folder, "{alerts: []}")
    first = scoreback("test", file, "--home", workspace, "--json")
    assert first.code == 3
    alerts = alerts_said(first)
    assert len(alerts) > 2
    again = scoreback("test", expect(folder, f"{{alerts: {alerts}}}"), "--home", workspace)
    assert again.code == 0, again.out
    assert "1 passed" in again.out
    fewer = scoreback("test", expect(folder, f"{{alerts: {alerts[1:]}}}"), "--home", workspace)
    assert fewer.code == 3
    assert f"event {alerts[0]} opens an alert, expected none" in " ".join(fewer.out.split())


def test_a_model_in_a_folder_says_the_same_without_a_workspace(
    scoreback: Run, folder: Path, trained: Path, tmp_path: Path, detector: Detector
) -> None:
    with opened(Settings(home=trained)) as app:
        version = champion_of(app, detector).version
    models = trained / "models" / detector.name
    nowhere = tmp_path / "nowhere"
    file = expect(folder, "{alerts: []}")
    by_champion = alerts_said(scoreback("test", file, "--home", trained, "--json"))
    for model in (models / version, _renamed(models / version, tmp_path, detector.name)):
        ended = scoreback("test", file, "--model", model, "--home", nowhere, "--json")
        assert alerts_said(ended) == by_champion
    assert not nowhere.exists()


def _renamed(artifact: Path, folder: Path, name: str) -> Path:
    """A folder of models, in which that of *artifact* is called *name*."""
    shutil.copytree(artifact, folder / "models" / name)
    return folder / "models"


def test_scores_and_reasons_are_compared(scoreback: Run, folder: Path, workspace: Path) -> None:
    first = scoreback("test", expect(folder, "{alerts: []}"), "--home", workspace, "--json")
    alert = alerts_said(first)[0]
    file = expect(folder, f'{{scores: {{{alert}: "< 0.001"}}}}')
    ended = scoreback("test", file, "--home", workspace)
    assert ended.code == 3
    assert f"event {alert}: its score is" in ended.out
    file = expect(folder, f'{{scores: {{{alert}: "> 0.001"}}}}')
    assert scoreback("test", file, "--home", workspace).code == 0
    file = expect(folder, f"{{reasons: {{{alert}: [hour]}}}}")
    assert "'hour' is not a feature" in scoreback("test", file, "--home", workspace).err
    names = [f.name for f in cli.options.detector(folder / "endpoint_threats.yml").features]
    said = json.loads(
        scoreback(
            "test", expect(folder, f"{{reasons: {{{alert}: {json.dumps(names)}}}}}"),
            "--home", workspace, "--json",
        ).out
    )["tests"][0]["problems"]  # fmt: skip
    given = said[0].partition("which are: ")[2].split(", ")
    assert 1 <= len(given) <= 3
    assert set(given) <= set(names)
    file = expect(folder, f"{{reasons: {{{alert}: {json.dumps(given)}}}}}")
    assert scoreback("test", file, "--home", workspace).code == 0


def test_an_event_of_a_throttled_entity_joins_the_alert_before_it(
    scoreback: Run, folder: Path, workspace: Path
) -> None:
    ended = scoreback("test", expect(folder, "{alerts: []}"), "--home", workspace, "--json")
    alert = alerts_said(ended)[0]
    lines = (folder / "days.ndjson").read_text().splitlines()
    (line,) = [one for one in lines if f'"{alert}"' in one]
    again = line.replace(f'"{alert}"', '"later"')
    (folder / "days.ndjson").write_text("\n".join([*lines, again]) + "\n")
    ended = scoreback("test", expect(folder, "{alerts: [later]}"), "--home", workspace, "--json")
    problems = json.loads(ended.out)["tests"][0]["problems"]
    told = " or ".join(problems)
    assert "event later opens no alert, expected one: it joins the alert of event" in told


def test_a_model_of_another_detector_or_of_other_features_is_refused(
    scoreback: Run, folder: Path, trained: Path, detector: Detector
) -> None:
    file = expect(folder, "{alerts: []}")
    other = file.with_name("other.yml")
    other.write_text(file.read_text().replace(f"name: {detector.name}", "name: other"))
    (folder / _TESTS).rename(folder / "other.tests.yml")
    (model,) = (trained / "models" / detector.name).iterdir()
    ended = scoreback("test", other, "--model", model)
    assert ended.code == 3
    assert f"is of the detector '{detector.name}', not of 'other'" in ended.out
    changed = expect(folder, "{alerts: []}")
    assert "\nlag:" not in changed.read_text()
    changed.write_text(changed.read_text() + "lag: 6m\n")
    ended = scoreback("test", changed, "--model", model)
    assert ended.code == 3
    assert "was trained for other features or another lag" in " ".join(ended.out.split())


def test_the_name_of_the_manifest_is_known_without_the_learning_libraries() -> None:
    assert fixture_model._MANIFEST == MANIFEST
