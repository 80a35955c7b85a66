"""Tags as notes in the reviews of findings: there analysts of Enterprise Security see them.

It has no tags of single findings, so a comment says what was tagged, and another what was untagged.
Neither changes status, owner or disposition, so nothing is told of the alert by it.
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
    """Have the reviews of the alerts' findings say last that *tag* is on them, or off again.

    What they say last already is not said again. Where the connection's user may not edit
    findings, that is logged: the tag itself is kept elsewhere.

    Args:
        findings: of one Enterprise Security.
        alert_ids: whose findings; those without one are left out.
        tag: its text.
        since: no alert's event is earlier.
        tagged: whether it is put on or taken off.

    Raises:
        SiemUnavailable: no answer; what was noted stands.
    """
    ours = findings.of_alerts(alert_ids, since)
    ids = [finding.finding_id for finding in ours.values()]
    changes = findings.changes(ids)
    due = [name for name in ids if is_noted(changes.get(name, ()), tag) is not tagged]
    try:
        findings.comment(due, _words(tag, tagged=tagged))
    except SiemRefused as error:
        _log.warning("findings are not told that they are tagged %r: %s", tag, error.message)


def is_noted(changes: Iterable[Change], tag: str) -> bool:
    """Whether the last of *changes* that is ours and speaks of *tag* says that it is on."""
    texts = {_words(tag, tagged=on): on for on in (True, False)}
    said = False
    for change in sorted(changes, key=lambda one: (one.at, one.order)):
        if change.is_ours:
            said = texts.get(change.comment, said)
    return said


def _words(tag: str, *, tagged: bool) -> str:
    return f"{_TAGGED if tagged else _UNTAGGED} {tag} {MARK}"
