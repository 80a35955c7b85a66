"""What another version says of units already scored: by its stored scores, else scored anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors.scores import ScoreQuery
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.pacing import TIES, Cut
from scoreback.records import Alert, ModelVersion, TimeWindow
from scoreback.sampling import draws
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.in_force.detector import in_force
from scoreback.service.scoring.rows_again import rows_again, soon_after
from scoreback.service.state.pacing_log import latest_cut
from scoreback.times import MICROSECOND


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a version says of one unit."""

    score: float
    would_alert: bool


def opinions(
    app: App, detector: Detector, version: ModelVersion, alerts: Sequence[Alert]
) -> dict[str, Opinion]:
    """What *version* says of the units that opened *alerts*, by unit.

    A stored score is judged by the threshold stored with it. Other units are read and scored
    again, and judged by the threshold that *version* last alerted by while its day had alerts left.
    Units whose events the SIEM no longer has are left out.

    Raises:
        ArtifactError: the model is damaged.
        SiemUnavailable: the SIEM did not answer.
    """
    if not alerts:
        return {}
    found = _stored(app, detector, version, alerts)
    missing = [one for one in alerts if one.event_id not in found]
    if missing:
        found |= _scored_again(app, detector, version, missing)
    return found


def _stored(
    app: App, detector: Detector, version: ModelVersion, alerts: Sequence[Alert]
) -> dict[str, Opinion]:
    wanted = pa.array([one.event_id for one in alerts])
    times = [one.event_time for one in alerts]
    window = TimeWindow(since=min(times), until=max(times) + MICROSECOND)
    query = ScoreQuery(detector=detector.name, window=window, version=version.version)
    found = {}
    for batch in app.connector.scores.read(query):
        mine = batch.batch.filter(pc.is_in(batch.batch.column("event_id"), value_set=wanted))
        columns = (mine.column(name).to_pylist() for name in ("event_id", "score", "threshold"))
        for name, score, threshold in zip(*columns, strict=True):
            found[name] = Opinion(score, score >= threshold)
    return found


def _scored_again(
    app: App, detector: Detector, version: ModelVersion, alerts: Sequence[Alert]
) -> dict[str, Opinion]:
    scorer = Scorer(load_artifact(app, detector, version))
    cut = latest_cut(app.state.database, detector.name, version.version)
    born = Cut(scorer.artifact.manifest.threshold)
    least = in_force(app.state, detector).detector.alerts.least_precision
    rows = _rows(app, detector, alerts)
    if not rows.num_rows:
        return {}
    ids, scores = rows["event_id"], scorer.score(rows).scores
    over = (cut or born).at_least(least).passes(scores, draws(ids, TIES))
    return {
        name: Opinion(score, bool(alert))
        for name, score, alert in zip(ids.to_pylist(), scores.tolist(), over, strict=True)
    }


def _rows(app: App, detector: Detector, alerts: Sequence[Alert]) -> pa.Table:
    """The feature rows of the units that opened *alerts*, as they were when these were scored.

    Events that came much later than they happened are read only if a unit is missing otherwise.
    """
    wanted = pa.array([one.event_id for one in alerts])
    first, last = (pick(one.event_time for one in alerts) for pick in (min, max))
    raised = max(one.raised_at for one in alerts) + MICROSECOND
    found = pa.table({})
    for until in dict.fromkeys([min(soon_after(detector, last), raised), raised]):
        found = rows_again(app, detector, first, until)
        if found.num_rows:
            found = found.filter(pc.is_in(found["event_id"], value_set=wanted))
        if found.num_rows == len(wanted):
            break
    return found
