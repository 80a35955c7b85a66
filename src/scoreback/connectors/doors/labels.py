"""The labels door: how analysts judged events and alerts."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from scoreback.records import LabelBatch, LabelQuery


@runtime_checkable
class LabelsDoor(Protocol):
    """Reads analysts' verdicts."""

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts of *query*, in order of label time.

        A label names the event that was judged or, where a finding names none, an entity by the
        value of ``query.entity`` with ``[since, until)``. Each batch has at most `BATCH_ROWS` rows.

        A different verdict on an alert is a new label with a later time; repeating a closing that
        stands adds no label. A verdict that was withdrawn, for example by reopening its alert, is
        yielded as it was given, and again as a row that differs only in ``label_time`` (when it was
        withdrawn) and ``withdrawn``. A SIEM that forgets the earlier verdicts on an alert reports
        withdrawals differently: a withdrawn row with an ``alert_id``, but neither an event nor an
        entity, ends all earlier verdicts on that alert. Closings by Scoreback are yielded like any
        others.

        A verdict that the SIEM has forgotten is no longer yielded; one that reaches the SIEM late
        has the time that it names, so a later call may yield more verdicts of the same time.

        Raises:
            SiemUnavailable: the SIEM did not answer; labels yielded so far are valid.
            SiemRefused: the SIEM refused the query.
        """
        ...
