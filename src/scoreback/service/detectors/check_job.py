"""Finds what a detector lacks: in the SIEM, in its labels, and for its window features."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from scoreback.disk.files import open_to_others
from scoreback.errors import ArtifactError, ConfigError, DataError, SiemRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.history import WindowQueries, all_series
from scoreback.models.features.key_cap import MAX_KEYS, REMEDY, estimated_keys, too_many
from scoreback.models.features.units import UnitPlan
from scoreback.models.features.whole_units import Grouping
from scoreback.models.labels.field_tally import FieldTally, LabelCount
from scoreback.models.labels.truths import labels_from_field
from scoreback.models.training.refusals import MIN_POSITIVES
from scoreback.records import EventBatch, EventQuery, Finding, TimeWindow
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.deploying.differences import refused_overrides
from scoreback.service.deploying.techniques import unknown_techniques
from scoreback.service.detectors.behind import finding as behind_finding
from scoreback.service.detectors.behind import never_scored
from scoreback.service.detectors.golden import missing_attacks
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.detectors.later_labels import later_labels
from scoreback.service.detectors.list_tally import ListTally
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.paused import paused
from scoreback.service.labels.quarantine import in_quarantine, in_words
from scoreback.service.state.versions import Versions

STRETCH = 20_000  # consecutive events, read from each part of the history
_PARTS = 4
_BEGIN, _END = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of a look at the SIEM."""

    findings: Sequence[Finding]  # the fatal ones first
    labels: LabelCount | None  # counts of the field that holds labels, where events could be read


def check_detector(app: App, detector: Detector, now: datetime) -> Sequence[Finding]:
    """The findings of `examine`."""
    return examine(app, detector, now).findings


def examine(app: App, detector: Detector, now: datetime) -> Checked:
    """The SIEM's findings, then those about labels and state; and the labels, counted.

    Raises:
        ConfigError: the file has no selection for this SIEM.
    """
    labels = None
    query, all_fields = app.scoring_query(detector), app.query(detector)
    found = [*app.connector.check(query), *_open_to_others(app)]
    unreadable = _unreadable_incidents(detector)
    if not any(finding.fatal for finding in found):
        about_labels = []
        if query != all_fields:
            about_labels = [f for f in app.connector.check(all_fields) if f not in found]
            if not any(finding.fatal for finding in about_labels):
                query = all_fields
        found += [_only_training(finding) for finding in about_labels]
        of_events, labels = _of_events(app, detector, query, now)
        found += of_events
        found += _not_in_force(app, detector, now)
        count = never_scored(app, detector)
        if count:
            found.append(behind_finding(detector.name, count))
    found += [
        Finding(what=what, fix="write it as https://attack.mitre.org does", fatal=False)
        for what in unknown_techniques(detector)
    ]
    ordered = sorted([*unreadable, *found], key=lambda finding: not finding.fatal)
    return Checked(findings=ordered, labels=labels)


def _not_in_force(app: App, detector: Detector, now: datetime) -> list[Finding]:
    """Findings about a champion that cannot score, and about overrides that are refused."""
    champion = Versions(app.state).champion(detector.name)
    if champion is not None:
        try:
            stored_artifact(app, detector.name, champion)
        except ArtifactError as error:
            return [Finding(what=error.message, fix=error.hint)]
    fix = f"take it back with: scoreback settings remove {detector.name} KEY"
    refused = refused_overrides(app, detector)
    found = [Finding(what=what, fix=fix, fatal=False) for what in refused]
    doubted = in_words(in_quarantine(app, detector, now))
    if doubted is not None:
        fix = "look at them with: scoreback quarantine list FILE"
        found.append(Finding(what=doubted, fix=fix, fatal=False))
    found += _golden(app, detector)
    held = paused(in_force(app.state, detector))
    if held is not None and held.since is not None:
        fix = "to raise alerts again: scoreback resume FILE"
        found.append(Finding(what=held.in_words, fix=fix, fatal=False))
    return found


def _golden(app: App, detector: Detector) -> list[Finding]:
    """Findings about golden attacks: errors in their file, or events that the SIEM lacks."""
    try:
        missing = missing_attacks(app, detector)
    except (ConfigError, DataError) as error:
        return [Finding(what=error.message, fix=error.hint)]
    if not missing:
        return []
    names = ", ".join(one.name for one in missing)
    return [
        Finding(
            what=f"golden attacks name events that the SIEM does not have: {names}",
            fix="correct event_id and time in labels.golden, or the selection; training goes on"
            " without them",
            fatal=False,
        )
    ]


def _open_to_others(app: App) -> list[Finding]:
    """Findings about parts of the workspace that others can read: older versions made them so."""
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


def _unreadable_incidents(detector: Detector) -> list[Finding]:
    """Findings about an incidents file that cannot be used: training would refuse it."""
    if detector.labels.incidents is None:
        return []
    try:
        incident_labels(Path(detector.labels.incidents))
    except (ConfigError, DataError) as error:
        return [Finding(what=error.message, fix=error.hint)]
    return []


def _only_training(finding: Finding) -> Finding:
    """*finding*, reworded for label-only fields: events that are scored live have no labels yet."""
    return replace(
        finding,
        what=f"labels: {finding.what}",
        fix=f"for training, {finding.fix}; scoring goes on without it",
        fatal=False,
    )


def _of_events(
    app: App, detector: Detector, query: EventQuery, now: datetime
) -> tuple[list[Finding], LabelCount | None]:
    """What samples of events show: unreadable labels, windows and lists that do not fit."""
    spec = detector.labels.field
    tally = None if spec is None or spec.name not in query.fields else FieldTally(spec)
    keys, lists = _Keys(detector), ListTally(detector)
    later = None if tally is None else later_labels(app, detector)
    whole = True  # whether all events were looked at
    try:
        for stretch in _stretches(app, query, now):
            if spec is not None and tally is not None:
                for stored in stretch:
                    events = stored if later is None else later.current(stored)
                    tally.add(events, labels_from_field(events, spec))
            whole = whole and sum(events.num_rows for events in stretch) < STRETCH
            for events in stretch:
                lists.add(events)
            keys.add(stretch)
    except SiemRefused as error:
        return [Finding(what=error.message, fix=error.hint)], None
    finally:
        keys.close()
    problems = [] if tally is None else tally.problems
    found = [
        *keys.findings(),
        *lists.findings(),
        *(Finding(what=f"labels: {what}", fix=_FIX, fatal=False) for what in problems),
    ]
    if tally is not None and whole and not problems:
        found += _too_few(detector, tally.counted)
    return found, None if tally is None else tally.counted


def _too_few(detector: Detector, labels: LabelCount) -> list[Finding]:
    """A finding if training would refuse for too few positives, judging by the label field."""
    if labels.positive >= MIN_POSITIVES:
        return []
    others = [name for name in ("incidents", "verdicts") if getattr(detector.labels, name)]
    beside = f", beside those of {' and '.join(others)}" if others else ""
    return [
        Finding(
            what=f"labels: {labels.positive:,} positive{beside}; training refuses fewer than"
            f" {MIN_POSITIVES}",
            fix="label more true alerts, or select a longer history",
            fatal=False,
        )
    ]


_FIX = "write labels.field as the events have it, or correct the source of the field"


class _Keys:
    """Window features with more keys than fit, as far as samples of events show."""

    def __init__(self, detector: Detector) -> None:
        self._units = UnitPlan.of(detector)
        self._plan = FeaturePlan.of(detector)
        self._most = dict.fromkeys(all_series(self._plan), 0.0)
        self._queries = WindowQueries(self._plan)

    def add(self, stretch: Sequence[EventBatch]) -> None:
        if not self._most:
            return
        units = stretch if self._units is None else _grouped(self._units, stretch)
        if not units:
            return
        asked = pa.concat_tables(self._queries.of(batch) for batch in units)
        for one in self._most:
            self._most[one] = max(self._most[one], estimated_keys(one, asked))

    def findings(self) -> list[Finding]:
        windows = self._plan.window_features
        return [
            Finding(what=too_many(one, windows, f"about {keys:,.0f}"), fix=REMEDY)
            for one, keys in self._most.items()
            if keys > MAX_KEYS
        ]

    def close(self) -> None:
        self._queries.close()


def _grouped(plan: UnitPlan, stretch: Sequence[EventBatch]) -> list[EventBatch]:
    """The units of a *stretch* of events; units at its ends may lack some events."""
    grouping = Grouping(plan, _BEGIN, _END)
    try:
        for batch in stretch:
            grouping.add(batch)
        return list(grouping.units())
    finally:
        grouping.close()


def _stretches(app: App, query: EventQuery, now: datetime) -> Iterator[list[EventBatch]]:
    window = TimeWindow(since=_BEGIN, until=now + timedelta(days=1))
    for piece in app.connector.events.slices(query, window, parts=_PARTS):
        read, left = [], STRETCH
        for events in app.connector.events.read(piece):
            read.append(EventBatch(events.batch.slice(0, left)))
            left -= events.num_rows
            if left <= 0:
                break
        if read:
            yield read
