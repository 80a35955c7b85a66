"""The closings of one alert: which of them stand, and when the next one comes to exist.

The same on every door that keeps verdicts itself. A history is all that was told of one alert, in
order of label time: each closing is later than what was told before, and reopening the alert ends
all that stand at one time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scoreback.errors import SiemRefused
from scoreback.records import Alert

_TICK = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A verdict on an alert, or, where it is withdrawn, the end of one."""

    verdict: str
    labeller: str
    label_time: datetime
    withdrawn: bool


def refuse_before_event(alert: Alert, at: datetime) -> None:
    """Refuse to close *alert* with a verdict of a time before its event.

    Training asks what was known when: a verdict that is older than its event would be known of an
    event that had not happened.

    Raises:
        SiemRefused: names both times.
    """
    if at < alert.event_time:
        raise SiemRefused(
            f"alert {alert.alert_id} cannot be closed as of {at.isoformat()}: its event is of"
            f" {alert.event_time.isoformat()}",
            hint="give the time at which it was judged; without one it is now",
        )


def repeated(history: Sequence[Closing], verdict: str, labeller: str) -> Closing | None:
    """The closing that *verdict* by *labeller* tells again, if that is what it does.

    Only the latest can be told again: after another verdict the first one is a change of mind.
    """
    if not history:
        return None
    last = history[-1]
    same = not last.withdrawn and (last.verdict, last.labeller) == (verdict, labeller)
    return last if same else None


def next_time(history: Sequence[Closing], at: datetime) -> datetime:
    """When what is told at *at* comes to exist: after the last, even where a clock was set back."""
    return at if not history else max(at, history[-1].label_time + _TICK)


def standing(history: Sequence[Closing]) -> list[int]:
    """The places in *history* of the closings that were not taken back."""
    ended = {(c.verdict, c.labeller): c.label_time for c in history if c.withdrawn}
    return [
        place
        for place, closing in enumerate(history)
        if not closing.withdrawn
        and closing.label_time > ended.get((closing.verdict, closing.labeller), _NEVER)
    ]
