"""The door to labels: how analysts judged what they saw."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from scoreback.records import LabelBatch, LabelQuery


@runtime_checkable
class LabelsDoor(Protocol):
    """Reads analysts' verdicts."""

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts that *query* asks for, in order of label time.

        A label names the event that was judged or, where a finding names none, an entity by the
        value of ``query.entity`` with ``[since, until)``. Each batch has at most `BATCH_ROWS` rows.

        Another verdict on an alert is a new label with a later time; the same closing told again
        while it stands is not a label. A verdict that was taken back, as by reopening its alert, is
        told as it was given, and once more as a row that differs in ``label_time`` and
        ``withdrawn`` alone: when it was taken back. A SIEM that forgets what it was told of an
        alert has it told otherwise: a withdrawn row that names its ``alert_id``, and neither an
        event nor an entity, says that nothing that was told of the alert before holds any more.
        Our own closings are told like any other.

        A verdict that the SIEM has forgotten is told no more; one that it was told of late comes
        with the time that it names, so a later call may give more of the same time.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
            SiemRefused: the SIEM refused.
        """
        ...
