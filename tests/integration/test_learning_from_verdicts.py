"""What training learns of verdicts, whatever becomes of them in the SIEM afterwards."""

from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.local.storage import ledger
from scoreback.models.detector.spec import Detector
from scoreback.records import TIME, Alert, LabelBatch, Verdict
from scoreback.service.app import App, opened
from scoreback.service.cli.training_view import training_tables
from scoreback.service.settings import Settings
from scoreback.service.state.own_closures import OwnClosure, record
from scoreback.service.training.train_job import read_training_data, train_detector
from scoreback.times import micros
from tests.integration.embedded import score_until, siem_of

DAY = timedelta(days=1)


def alerts_of(app: App, detector: Detector, end: datetime) -> list[Alert]:
    """Alerts on all that arrived before *end*, open."""
    score_until(app, detector, end)
    query = AlertQuery(detector=detector.name, still_open=True)
    return list(siem_of(app).alerts.find(query))


def labels_of(app: App, detector: Detector, as_of: datetime, event: str) -> list[tuple[str, bool]]:
    """What training as of *as_of* may learn of *event*."""
    found = read_training_data(app, detector, as_of).labels.to_pylist()
    return [
        (row["labeller"], row["withdrawn"])
        for row in found
        if row["event_id"] == event and row["label_time"] <= as_of
    ]


def test_training_as_of_a_day_is_the_same_whatever_becomes_of_the_labels_afterwards(
    workspace: Path, detector: Detector, end: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(Settings(home=workspace)) as app:
        siem = siem_of(app)
        for alert in alerts_of(app, detector, end)[:9]:
            siem.alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=end)
        once = train_detector(app, detector, as_of=end + DAY, now=end + DAY)
        assert once.synced is not None
        assert once.synced.new > 0
        training_tables(detector, once)
        held = f"The label ledger has {once.synced.labels:,} verdicts, {once.synced.new:,} new\n"
        assert held in capsys.readouterr().out

        for alert in islice(siem.alerts.find(AlertQuery(detector=detector.name)), 9):
            siem.alerts.reopen(alert.alert_id, at=end + 2 * DAY)
        with siem.store.ledger.writing() as transaction:  # as SIEMs forget their old alerts
            of = ledger.verdicts.c
            old = sa.delete(ledger.verdicts).where(of.label_time < micros(end - 5 * DAY))
            assert transaction.execute(old).rowcount > 0
        late = pa.array([end - 4 * DAY] * 30, TIME)
        rows = read_training_data(app, detector, end + DAY).rows["event_id"].slice(0, 30)
        columns = {
            "event_id": rows.combine_chunks(),
            "verdict": pa.repeat("true_positive", 30),
            "label_time": late,
            "labeller": pa.repeat("bob", 30),
            "source": pa.repeat("verdict", 30),
        }
        siem.intake.add_verdicts(LabelBatch.of(columns, 30))

        again = train_detector(app, detector, as_of=end + DAY, now=end + 3 * DAY)
        assert again.version.artifact_hash == once.version.artifact_hash
        assert again.synced is not None
        assert (again.synced.late, again.synced.withdrawals) == (30, 9)
        training_tables(detector, again)
        said = capsys.readouterr().out
        assert "30 of the new verdicts were given before the last training" in said
        assert "9 withdrawn since" in said
        later = train_detector(app, detector, as_of=end + 4 * DAY, now=end + 4 * DAY)
        assert later.training.artifact.manifest.data.row_hash != (
            once.training.artifact.manifest.data.row_hash
        )


def test_a_user_called_like_us_is_learnt_from_and_our_own_closing_is_not(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        theirs, ours, both = alerts_of(app, detector, end)[:3]
        for alert in (theirs, ours, both):
            closed = siem_of(app).alerts.close(
                alert.alert_id, Verdict.FALSE_POSITIVE, labeller="scoreback", at=end
            )
            assert closed.closed_at is not None
            if alert is not theirs:
                own = OwnClosure(
                    connection=app.connector.name,
                    alert_id=alert.alert_id,
                    verdict=Verdict.FALSE_POSITIVE,
                    closed_at=closed.closed_at,
                )
                record(app.state, [own])
        siem_of(app).alerts.close(both.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=end)
        for alert, labellers in ((theirs, ["scoreback"]), (ours, []), (both, ["ann"])):
            found = labels_of(app, detector, end + DAY, alert.event_id)
            new = [who for who, _ in found if who in ("scoreback", "ann")]
            assert new == labellers


def test_one_closing_told_three_times_is_one_label_and_a_reopening_is_learnt(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        alert = alerts_of(app, detector, end)[0]
        for hours in range(3):
            at = end + timedelta(hours=hours)
            siem_of(app).alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=at)
        siem_of(app).alerts.reopen(alert.alert_id, at=end + 2 * DAY)
        told = [
            [entry for entry in labels_of(app, detector, moment, alert.event_id)
             if entry[0] == "ann"]
            for moment in (end + DAY, end + 3 * DAY)
        ]  # fmt: skip
    assert told == [[("ann", False)], [("ann", False), ("ann", True)]]
