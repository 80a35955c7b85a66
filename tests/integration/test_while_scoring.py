"""What changes between two steps and between two runs: another version, another plan."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App, opened
from scoreback.service.deploying.promotion import promote, rollback
from scoreback.service.scoring.champions import score_live
from scoreback.service.scoring.plan import plan_hash
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from tests.integration.alike import (
    DAY,
    END,
    FILES,
    HOUR,
    TRAINED,
    detectors_of,
    errors,
    stored,
    text_of,
    together,
    watched,
)
from tests.integration.embedded import champion_of, siem_of

pytestmark = pytest.mark.usefixtures("small_steps")

SAME = ["score_id", "event_id", "score", "alert", "version"]  # whatever else is copied


@pytest.fixture(scope="module")
def undisturbed(alike: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """What is stored after each detector was scored in one run."""
    made = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(alike, made)
    with opened(Settings(home=made)) as app:
        for detector in detectors_of():
            assert score_live(app, detector, now=END) is not None
        return stored(app)


def named(name: str) -> Detector:
    (found,) = (one for one in detectors_of() if one.name == name)
    return found


def of(scores: pa.Table, detector: str) -> pa.Table:
    return scores.filter(pc.equal(scores["detector"], detector)).select(SAME)


Change = Callable[[App, Detector, str, str], object]
CHANGES: dict[str, Change] = {
    "promote": lambda app, one, _old, new: promote(app, one, new, by="ann", at=END),
    "rollback": lambda app, one, _old, _new: rollback(app, one, by="ann", at=END),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["plain", "grouped"])
def test_another_version_scores_from_the_next_step_on_and_nothing_is_scored_by_both(
    home: Path, undisturbed: pa.Table, name: str, change: str
) -> None:
    detector = named(name)
    with opened(Settings(home=home)) as app:
        first, second = champion_of(app, detector).version, second_version(app, detector)
        assert score_live(app, detector, now=TRAINED + HOUR) is not None
        before, after = (first, second) if change == "promote" else (second, first)
        if change == "rollback":
            promote(app, detector, second, by="ann", at=TRAINED)
        read = 0

        def in_the_middle(rows: int) -> None:
            nonlocal read
            was, read = read, read + rows
            if was < 600 <= read:
                elsewhere(home, lambda other: CHANGES[change](other, detector, first, second))

        run = score_live(app, detector, now=END, progress=in_the_middle)
        assert run is not None
        assert read > 700
        assert run.champion == champion_of(app, detector)
        assert run.champion.version == after
        rule = siem_of(app).rules.current(name)
        assert rule is not None
        assert rule.version == after
        found = of(stored(app), name)
    whole = of(undisturbed, name)
    assert sorted(found["event_id"].to_pylist()) == sorted(whole["event_id"].to_pylist())
    counts = {row["values"]: row["counts"] for row in found["version"].value_counts().to_pylist()}
    assert set(counts) == {before, after} | {first}
    assert all(count > 50 for version, count in counts.items() if version in (before, after))


def test_a_new_champion_that_is_damaged_ends_the_run_of_its_detector_only(home: Path) -> None:
    detectors = detectors_of()
    with watched(home) as (app, _):
        assert not errors(together(app, detectors, TRAINED + DAY))
        second, read = second_version(app, named("plain")), 0

        def in_the_middle(rows: int) -> None:
            nonlocal read
            was, read = read, read + rows
            if was < 300 <= read:
                promote(app, named("plain"), second, by="ann", at=END)
                for path in app.artifact_folder("plain", second).iterdir():
                    if path.name != "manifest.json":
                        path.write_bytes(b"xyz")

        found = errors(together(app, detectors, END, progress=in_the_middle))
        assert set(found) == {"plain"}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("at", [TRAINED + 5 * HOUR, TRAINED + DAY + 17 * HOUR])
def test_a_changed_file_loses_no_event_that_waited_and_scores_none_twice(
    home: Path, undisturbed: pa.Table, name: str, at: datetime
) -> None:
    detector = named(name)
    # It reads one field more, which no event has: copied or, as units have no such, a label's.
    text = text_of(name)
    if name == "grouped":
        text = text.replace("delay: 2h", "time: note")
    else:
        text = text.replace("copy_fields: [network.bytes]", "copy_fields: [network.bytes, note]")
    changed = parse_detector(text)
    with opened(Settings(home=home)) as app:
        assert plan_hash(changed, app.query(changed)) != plan_hash(detector, app.query(detector))
        for one, now in [(detector, at), (changed, at + 20 * HOUR), (detector, END)]:
            run = score_live(app, one, now=now)
            assert run is not None
            assert sum(batch.already_there for batch in run.outcome.published) == 0
        found = of(stored(app), name)
    assert found.equals(of(undisturbed, name))


def test_who_is_behind_is_read_for_last_and_delays_nobody(home: Path) -> None:
    plain, slow, grouped = detectors_of()
    with watched(home) as (app, siem):
        assert not errors(together(app, [plain, slow, grouped], TRAINED + HOUR))
        for one in (slow, grouped):
            assert not errors(together(app, [one], END - HOUR))
        siem.reads.clear()
        siem.unavailable_after = 2  # batches of one read: only who has much to read is hit
        found = together(app, [plain, slow, grouped], END)
        assert set(errors(found)) == {"plain"}
        ahead, behind = (piece.window.since for piece in siem.reads)
        assert ahead > END - 2 * HOUR > behind
        siem.unavailable_after = None
        assert not errors(together(app, [plain, slow, grouped], END))


def elsewhere(home: Path, act: Callable[[App], object]) -> None:
    """Do it as another command would, while a run goes on."""

    def other() -> None:
        with opened(Settings(home=home)) as app:
            act(app)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(other).result(60)


def second_version(app: App, detector: Detector) -> str:
    """A candidate with the champion's model under a number of its own, without a training."""
    first = champion_of(app, detector)
    for artifact in ("0" * 64, first.artifact_hash):  # equal to the newest, it would be no new one
        second = Versions(app.state).register(
            detector=first.detector, artifact_hash=artifact, algorithm=first.algorithm,
            trained_as_of=first.trained_as_of, created_at=first.created_at,
            row_hash=first.row_hash, metrics=first.metrics,
        )  # fmt: skip
    source, copy = (app.artifact_folder(detector.name, v.version) for v in (first, second))
    shutil.copytree(source, copy)
    return second.version
