"""The labels door: Scoreback's collection, and Enterprise Security if it is installed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from typing import Any

from scoreback.connectors.closings import Closing, standing
from scoreback.connectors.splunk.labels.dispositions import Dispositions
from scoreback.connectors.splunk.labels.findings import (
    Finding,
    Findings,
    findings_of,
    moment_of,
)
from scoreback.connectors.splunk.labels.reviews import told
from scoreback.connectors.splunk.labels.rows import Row, asked_for, batches
from scoreback.connectors.splunk.labels.verdicts import Verdicts, closing
from scoreback.records import LabelBatch, LabelQuery, Verdict
from scoreback.times import EPOCH

Entity = Callable[[str, Mapping[str, Any]], str | None]


class Labels:
    """The verdicts that one connection can read."""

    def __init__(
        self, verdicts: Verdicts, findings: Callable[[], Findings | None], entity: Entity
    ) -> None:
        """Read from *verdicts* and, if available, from *findings*.

        Args:
            verdicts: Scoreback's own collection.
            findings: returns Enterprise Security's findings; None where it is not used.
            entity: returns the value of an event field from a finding's fields, under their names
                here.
        """
        self._verdicts, self._findings, self._entity = verdicts, findings, entity

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts of *query*, in order of label time."""
        rows: Iterator[Row] = self._verdicts.rows(query)
        findings = self._findings()
        if findings is not None:
            theirs = sorted(self._of_findings(findings, query), key=_order)
            rows = merge(rows, theirs, key=lambda row: row["label_time"])
        yield from batches(rows)

    def _of_findings(self, findings: Findings, query: LabelQuery) -> Iterator[Row]:
        dispositions = findings.dispositions()
        changed = findings.changed(query.since, query.until)
        every = list(findings.investigations(EPOCH))
        investigated = [each for each in every if moment_of(each) >= query.since]
        undecided = {
            name: investigation
            for name, investigation in _undecided(every, dispositions).items()
            if moment_of(investigation) >= query.since
        }
        changes = findings.changes(changed | undecided.keys())
        ids = {*changed, *(one for each in investigated for one in findings_of(each))}
        known = findings.named(ids, query.since)
        own = self._verdicts.told_of(
            [finding.alert_id for finding in known.values() if finding.event_id]
        )
        for name in sorted((changed | undecided.keys()) & known.keys()):
            finding = known[name]
            ours = [closing(row) for row in own.get(finding.alert_id, ())]
            reviewed = told(changes.get(name, ()), dispositions, ours)
            if name in changed:
                for one in reviewed:
                    yield from self._rows(finding, one, query)
            if name in undecided and not standing([*ours, *reviewed]):
                end = _end(finding, undecided[name])
                if asked_for(end, query):
                    yield end
        for investigation in investigated:
            for one in _of_investigation(investigation, dispositions):
                for name in findings_of(investigation):
                    if name in known:
                        yield from self._rows(known[name], one, query)

    def _rows(self, finding: Finding, said: Closing, query: LabelQuery) -> Iterator[Row]:
        row = {
            **self._about(finding, query),
            "verdict": said.verdict,
            "label_time": said.label_time,
            "labeller": said.labeller,
            "source": "verdict",
            "alert_id": finding.alert_id,
            "rule": finding.rule,
            "withdrawn": said.withdrawn,
        }
        named = row.get("event_id") or row.get("entity")
        if named and asked_for(row, query):
            yield row

    def _about(self, finding: Finding, query: LabelQuery) -> Row:
        """The subject of *finding*: its event, or an entity around the finding's time."""
        if finding.event_id:
            return {"event_id": finding.event_id}
        entity = self._entity(query.entity, finding.fields)
        if entity is None or query.window is None:
            return {}
        return {
            "entity": entity,
            "since": finding.at - query.window,
            "until": finding.at + query.window,
        }


def _undecided(
    investigations: Iterable[Mapping[str, Any]], dispositions: Dispositions
) -> dict[str, Mapping[str, Any]]:
    """The findings under investigation for which no investigation has a verdict.

    An investigation shows its present state, not its history: if one of them had ended with a
    verdict before, it has been reopened.
    """
    found: dict[str, Mapping[str, Any]] = {}
    decided: set[str] = set()
    for investigation in sorted(investigations, key=moment_of):
        if any(_of_investigation(investigation, dispositions)):
            decided.update(findings_of(investigation))
        else:
            found.update(dict.fromkeys(findings_of(investigation), investigation))
    return {name: investigation for name, investigation in found.items() if name not in decided}


def _end(finding: Finding, investigation: Mapping[str, Any]) -> Row:
    """A row that ends earlier verdicts on *finding* as of the last change of *investigation*."""
    return {
        "verdict": Verdict.UNDETERMINED.value,
        "label_time": moment_of(investigation),
        "labeller": _led_by(investigation),
        "source": "verdict",
        "alert_id": finding.alert_id,
        "rule": finding.rule,
        "withdrawn": True,
    }


def _led_by(investigation: Mapping[str, Any]) -> str:
    return str(investigation.get("owner") or investigation.get("assignee") or "unknown")


def _of_investigation(
    investigation: Mapping[str, Any], dispositions: Dispositions
) -> Iterator[Closing]:
    """The verdict of a finished investigation, on each of its findings."""
    if not dispositions.ended(investigation.get("status")):
        return
    verdict = dispositions.verdict(investigation.get("disposition"))
    if verdict is Verdict.UNDETERMINED:
        return
    yield Closing(
        verdict=verdict.value,
        labeller=_led_by(investigation),
        label_time=moment_of(investigation),
        withdrawn=False,
    )


def _order(row: Row) -> tuple[Any, ...]:
    return (row["label_time"], row["alert_id"] or "", row["withdrawn"])
