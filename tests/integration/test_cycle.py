"""Train, score, alert, close, train again on the embedded SIEM; and what must stop it."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local.storage.segments import listed
from scoreback.errors import ArtifactError, StateError
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.threshold import suppression_of
from scoreback.records import SCORE_COLUMNS, TimeWindow, Verdict
from scoreback.service.app import App, opened
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.promotion import promote, rollback
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import read_training_data, train_detector
from scoreback.suppression import opened_by
from tests.integration.embedded import score_until, siem_of

DAY = timedelta(days=1)


def stored(app: App) -> pa.Table:
    siem = siem_of(app)
    with siem.store.ledger.reading() as transaction:
        segments = listed(transaction, "scores")
    tables = [pq.read_table(siem.store.segments.intact(segment)) for segment in segments]
    columns = [name for name in SCORE_COLUMNS.names if name != "scored_at"]
    return pa.concat_tables(tables, promote_options="default").select(columns).sort_by("score_id")


def test_one_long_run_and_many_short_ones_write_the_same_scores_and_alert_on_every_hit_once(
    trained: Path, workspace: Path, detector: Detector, end: datetime, tmp_path: Path
) -> None:
    import shutil

    at_once = tmp_path / "at_once"
    shutil.copytree(trained, at_once)
    with opened(Settings(home=at_once)) as app:
        score_until(app, detector, end)
        whole, whole_alerts = (
            stored(app),
            list(siem_of(app).alerts.find(AlertQuery(detector=detector.name))),
        )
    with opened(Settings(home=workspace)) as app:
        now = end - 6 * DAY
        while now < end:
            now += timedelta(hours=7)
            score_until(app, detector, min(now, end))
        assert stored(app).equals(whole)
        alerts = list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))
    hits = pa.compute.sum(whole["alert"]).as_py()
    assert hits == sum(a.events for a in alerts) == sum(a.events for a in whole_alerts)
    # The rule takes hits as they arrive, so how a late one is grouped depends on the cut.
    regrouped = {a.event_id for a in alerts} ^ {a.event_id for a in whole_alerts}
    assert len(regrouped) <= len(whole_alerts) // 10


def test_scores_written_online_are_those_of_the_matrix_that_training_reads(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        rows = read_training_data(app, detector, end).rows
        again = Scorer(load_artifact(app, detector, champion)).score(rows)
        by_id = dict(zip(rows["event_id"].to_pylist(), again.scores.tolist(), strict=True))
        found = stored(app)
        assert found.num_rows > 50
        assert [by_id[i] for i in found["event_id"].to_pylist()] == found["score"].to_pylist()


def test_the_alerts_of_the_siem_are_those_that_evaluation_counts(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        hits = stored(app)
        hits = hits.filter(hits["alert"]).sort_by(
            [("event_time", "ascending"), ("score_id", "ascending")]
        )
        entities = hits["entity"].combine_chunks().dictionary_encode().indices.fill_null(-1)
        opener = opened_by(
            hits["event_time"].cast(pa.int64()).to_numpy(),
            entities.to_numpy().astype(np.int64),
            suppression_of(detector),
        )
        expected = hits.take(pa.array(np.unique(opener)))["event_id"].to_pylist()
        alerts = list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))
        late = {e for a in alerts for e in [a.event_id]} ^ set(expected)
        # Late events reach the rule after the run that scored their neighbours: few, never many.
        assert len(late) <= len(expected) // 10


def test_a_verdict_becomes_a_label_of_the_next_training(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        alert = next(siem_of(app).alerts.find(AlertQuery(detector=detector.name, still_open=True)))
        siem_of(app).alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=end)
        labels = read_training_data(app, detector, end + DAY).labels
        ours = labels.filter(pa.compute.equal(labels["labeller"], "ann"))
        assert ours["event_id"].to_pylist() == [alert.event_id]
        assert ours["label_time"].to_pylist() == [end]


def test_promote_and_rollback_change_the_version_and_the_rule_of_the_siem(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        first = Versions(app.state).champion(detector.name)
        assert first is not None
        second = train_detector(app, detector, as_of=end, now=end).version
        assert (second.status, second.parent) == ("candidate", first.version)
        promote(app, detector, second.version, by="ann", at=end)
        rule = siem_of(app).rules.current(detector.name)
        assert rule is not None
        assert rule.version == second.version
        rollback(app, detector, by="ann", at=end)
        rule = siem_of(app).rules.current(detector.name)
        assert rule is not None
        assert rule.version == first.version


def test_the_same_training_again_is_the_same_version(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        once = train_detector(app, detector, as_of=end, now=end).version
        again = train_detector(app, detector, as_of=end, now=end + DAY).version
        assert once == again


def test_a_clock_that_goes_backwards_is_refused_and_loses_nothing(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end - DAY)
        before = stored(app)
        with pytest.raises(StateError, match="the clock says"):
            score_until(app, detector, end - 3 * DAY)
        assert stored(app).equals(before)
        assert runs(app.state, detector.name)[0].status == "failed"
        assert score_until(app, detector, end).scored > 0


def test_two_services_on_one_state_do_not_score_one_detector_at_once(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with (
        opened(Settings(home=workspace)) as app,
        app.state.lock(detector.name),
        opened(Settings(home=workspace)) as other,
        pytest.raises(StateError, match=r"process \d+"),
    ):
        score_until(other, detector, end)


def test_a_damaged_artefact_is_refused_before_anything_is_scored(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        folder = app.artifact_folder(detector.name, champion.version)
        for path in folder.iterdir():
            if path.name != "manifest.json":
                path.write_bytes(path.read_bytes()[:-3] + b"xyz")
        with pytest.raises(ArtifactError):
            score_until(app, detector, end)
        assert list(siem_of(app).alerts.find()) == []


def test_a_detector_whose_features_changed_asks_for_a_new_training(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    changed = detector.model_copy(update={"lag": timedelta(minutes=9)})
    with (
        opened(Settings(home=workspace)) as app,
        pytest.raises(ArtifactError, match="for other features, or another lag"),
    ):
        score_until(app, changed, end)


def test_nothing_new_changes_nothing(workspace: Path, detector: Detector, end: datetime) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        before = stored(app)
        again = score_until(app, detector, end)
        assert (again.read, again.scored) == (0, 0)
        assert stored(app).equals(before)


def test_every_scored_event_is_counted_once_in_the_histograms(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        scored = score_until(app, detector, end - DAY).scored
        scored += score_until(app, detector, end).scored
        ever = TimeWindow(since=end - 99 * DAY, until=end)
        histograms = siem_of(app).scores.histograms(detector.name, ever)
        assert sum(sum(c) for h in histograms for c in h.counts.values()) == scored
