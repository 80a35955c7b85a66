"""Tags as comments in the reviews of findings, where analysts of Enterprise Security see them.

Single findings cannot have tags, so one comment says that a tag was added, and another that it was
removed. Neither changes status, owner or disposition, so neither is read as a verdict.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from scoreback.connectors.splunk.labels.findings import Findings
from scoreback.connectors.splunk.labels.reviews import MARK, Change
from scoreback.errors import SiemRefused

_TAGGED, _UNTAGGED = "tagged", "untagged"

_log = logging.getLogger(__name__)


def note_tag(
    findings: Findings, alert_ids: Sequence[str], tag: str, *, since: datetime, tagged: bool
) -> None:
    """Make the reviews of the alerts' findings say last that *tag* is on them, or was removed.

    A comment that is already the last one is not repeated. If the connection's user may not edit
    findings, that is logged: the tag itself is stored elsewhere.

    Args:
        findings: the findings of one Enterprise Security.
        alert_ids: the alerts; those without a finding are ignored.
        tag: the text of the tag.
        since: the time of the earliest event of the alerts, or before.
        tagged: whether the tag is added or removed.

    Raises:
        SiemUnavailable: no answer; comments written so far stay.
    """
    ours = findings.of_alerts(alert_ids, since)
    ids = [finding.finding_id for finding in ours.values()]
    changes = findings.changes(ids)
    due = [name for name in ids if is_noted(changes.get(name, ()), tag) is not tagged]
    try:
        findings.comment(due, _words(tag, tagged=tagged))
    except SiemRefused as error:
        _log.warning("findings got no comment about the tag %r: %s", tag, error.message)


def is_noted(changes: Iterable[Change], tag: str) -> bool:
    """Whether the last comment by Scoreback about *tag* in *changes* says that the tag is on."""
    texts = {_words(tag, tagged=on): on for on in (True, False)}
    said = False
    for change in sorted(changes, key=lambda one: (one.at, one.order)):
        if change.is_ours:
            said = texts.get(change.comment, said)
    return said


def _words(tag: str, *, tagged: bool) -> str:
    return f"{_TAGGED if tagged else _UNTAGGED} {tag} {MARK}"
