"""What is missing in the SIEM for a detector, and what its window features would need."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from scoreback.disk.files import open_to_others
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import WindowQueries, all_series
from scoreback.models.features.key_cap import MAX_KEYS, REMEDY, estimated_keys, too_many
from scoreback.records import EventBatch, Finding, TimeWindow
from scoreback.service.app import App
from scoreback.service.detectors.behind import finding as behind_finding
from scoreback.service.detectors.behind import never_scored

STRETCH = 20_000  # events that follow each other, read from each part of the history
_PARTS = 4
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)


def check_detector(app: App, detector: Detector, now: datetime) -> Sequence[Finding]:
    """Findings of the SIEM, then those about state that would not fit; the fatal ones first.

    Raises:
        ConfigError: the file has no selection for this SIEM.
    """
    found = [*app.connector.check(app.query(detector)), *_open_to_others(app)]
    if not any(finding.fatal for finding in found):
        found += _keys(app, detector, now)
        count = never_scored(app, detector)
        if count:
            found.append(behind_finding(detector.name, count))
    return sorted(found, key=lambda finding: not finding.fatal)


def _open_to_others(app: App) -> list[Finding]:
    """Parts of the workspace that other users can read: older versions made them so."""
    home = app.settings.home
    found = [home / name for name in ("state", "models", "accounts") if open_to_others(home / name)]
    if not found:
        return []
    names = " ".join(map(str, found))
    return [
        Finding(
            what=f"other users of this machine can read or change {', '.join(map(str, found))}",
            fix=f"chmod -R go-rwx {names}",
            fatal=False,
        )
    ]


def _keys(app: App, detector: Detector, now: datetime) -> list[Finding]:
    """Window features with more keys than fit, as far as a few stretches of events tell."""
    plan = FeaturePlan.of(detector)
    series = all_series(plan)
    if not series:
        return []
    most = dict.fromkeys(series, 0.0)
    queries = WindowQueries(plan)
    try:
        for stretch in _stretches(app, detector, now):
            asked = pa.concat_tables(queries.of(batch) for batch in stretch)
            for one in series:
                most[one] = max(most[one], estimated_keys(one, asked))
    finally:
        queries.close()
    return [
        Finding(what=too_many(one, plan.window_features, f"about {keys:,.0f}"), fix=REMEDY)
        for one, keys in most.items()
        if keys > MAX_KEYS
    ]


def _stretches(app: App, detector: Detector, now: datetime) -> Iterator[list[EventBatch]]:
    window = TimeWindow(since=_BEGIN, until=now + timedelta(days=1))
    for piece in app.connector.events.slices(app.query(detector), window, parts=_PARTS):
        read, left = [], STRETCH
        for events in app.connector.events.read(piece):
            read.append(EventBatch(events.batch.slice(0, left)))
            left -= events.num_rows
            if left <= 0:
                break
        if read:
            yield read
