"""A file that changes what scoring keeps of events: each is scored once, whatever waits for it."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.scoring.champions import score_live
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import plan_hash
from scoreback.service.settings import Settings
from scoreback.service.stopping import Stopped
from tests.integration.alike import DAY, END, FILES, HOUR, TRAINED, detectors_of, stored, text_of
from tests.integration.embedded import siem_of

pytestmark = pytest.mark.usefixtures("small_steps")

# Fields that no event has: reading them too is another plan, and scores the same.
MORE: tuple[tuple[str, ...], ...] = ((), ("no.such",), ("no.such", "nor.this"))
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def detectors() -> dict[str, Detector]:
    return {detector.name: detector for detector in detectors_of()}


@pytest.fixture(scope="module")
def undisturbed(
    alike: Path, tmp_path_factory: pytest.TempPathFactory, detectors: dict[str, Detector]
) -> pa.Table:
    """What is stored where no file ever changed."""
    made = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(alike, made)
    with opened(Settings(home=made)) as app:
        for detector in detectors.values():
            score_live(app, detector, now=END)
        return scores_of(app)


def scores_of(app: App) -> pa.Table:
    """What no plan can change of the scores."""
    found = stored(app)
    return found.select(["score_id", "detector", "event_id", "event_ref", "score", "alert"])


def of(detector: str, scores: pa.Table) -> pa.Table:
    return scores.filter(pc.equal(scores["detector"], detector))


def planned(detector: Detector, number: int) -> Detector:
    """The same detector under another feature plan."""
    if detector.group is None:
        write = detector.write.model_copy(update={"copy_fields": MORE[number]})
        return detector.model_copy(update={"write": write})
    if not number:
        return detector
    field = f"name: {MORE[number][-1]}"  # what units carry are their own fields; labels are read
    return parse_detector(text_of(detector.name).replace("name: outcome", field))


def scored(app: App, detector: Detector, now: datetime) -> ScoreOutcome:
    found = score_live(app, detector, now=now)
    assert found is not None
    return found.outcome


def counted(app: App, detector: str) -> int:
    ever = TimeWindow(since=TRAINED - 99 * DAY, until=END)
    histograms = siem_of(app).scores.histograms(detector, ever)
    return sum(sum(counts) for one in histograms for counts in one.counts.values())


def waits(app: App, detector: Detector) -> bool:
    progress = app.state.progress(detector.name, plan_hash(detector, app.query(detector)))
    assert progress is not None
    return progress.pending is not None


@pytest.mark.parametrize("name", FILES)
def test_each_of_them_is_a_plan_of_its_own(
    home: Path, detectors: dict[str, Detector], name: str
) -> None:
    with opened(Settings(home=home)) as app:
        plans = [planned(detectors[name], number) for number in range(len(MORE))]
        assert len({plan_hash(plan, app.query(plan)) for plan in plans}) == len(MORE)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("plans", [(0, 1), (0, 1, 0), (0, 1, 2, 0, 1)])
def test_a_changed_file_loses_nothing_that_waits_and_scores_nothing_twice(
    home: Path,
    detectors: dict[str, Detector],
    undisturbed: pa.Table,
    name: str,
    plans: Sequence[int],
) -> None:
    with opened(Settings(home=home)) as app:
        now, count = TRAINED + 7 * HOUR, 0
        for plan in plans:
            detector = planned(detectors[name], plan)
            count += scored(app, detector, now).scored
            assert waits(app, detector)  # so that there is something to lose
            now += 5 * HOUR
        count += scored(app, planned(detectors[name], plans[-1]), END).scored
        assert of(name, scores_of(app)).equals(of(name, undisturbed))
        assert count == counted(app, name) == of(name, undisturbed).num_rows


@pytest.mark.parametrize("name", FILES)
def test_a_plan_that_comes_back_at_the_same_moment_scores_what_waited_once(
    home: Path, detectors: dict[str, Detector], undisturbed: pa.Table, name: str
) -> None:
    """Nothing new arrives between the changes: all that there is to score waits."""
    with opened(Settings(home=home)) as app:
        now, count = TRAINED + DAY, 0
        for minutes, plan in enumerate((0, 1, 0, 2, 1, 0)):
            at = now + minutes * MINUTE / 4
            count += scored(app, planned(detectors[name], plan), at).scored
        count += scored(app, planned(detectors[name], 0), END).scored
        assert of(name, scores_of(app)).equals(of(name, undisturbed))
        assert count == counted(app, name) == of(name, undisturbed).num_rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FILES)
def test_however_plans_change_and_runs_break_off_each_event_is_scored_once(
    home: Path, detectors: dict[str, Detector], undisturbed: pa.Table, name: str, seed: int
) -> None:
    draw = np.random.default_rng(seed)

    with opened(Settings(home=home)) as app:
        now = TRAINED + float(draw.uniform(0, 30)) * HOUR
        while now < END:
            detector = planned(detectors[name], int(draw.integers(len(MORE))))
            left = int(draw.integers(1, 12))

            def stop(_read: int) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Stopped

            try:
                score_live(app, detector, now=now, progress=stop)
            except Stopped:
                now += MINUTE
                continue
            now += float(draw.choice([1 / 60, 0.3, 3, 20])) * HOUR
        assert scored(app, planned(detectors[name], int(draw.integers(len(MORE)))), END)
        assert of(name, scores_of(app)).equals(of(name, undisturbed))
        assert counted(app, name) == of(name, undisturbed).num_rows
