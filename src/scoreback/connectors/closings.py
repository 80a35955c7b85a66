"""Which closings of one alert stand, and what label time the next one gets.

Every door that keeps verdicts itself works the same way. A history holds all closings of one alert
in order of label time: each closing is later than those recorded before it, and reopening the alert
withdraws all that stand at that time.
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
    """A verdict on an alert or, where it is withdrawn, the end of one."""

    verdict: str
    labeller: str
    label_time: datetime
    withdrawn: bool


def refuse_before_event(alert: Alert, at: datetime) -> None:
    """Refuse to close *alert* with a verdict that is older than the alert's event.

    Training asks what was known when: a verdict older than its event would be known before the
    event happened.

    Raises:
        SiemRefused: the verdict is older; the message names both times.
    """
    if at < alert.event_time:
        raise SiemRefused(
            f"alert {alert.alert_id} cannot be closed as of {at.isoformat()}: its event happened"
            f" at {alert.event_time.isoformat()}",
            hint="give the time at which the alert was judged; the default is now",
        )


def repeated(history: Sequence[Closing], verdict: str, labeller: str) -> Closing | None:
    """The closing that *verdict* by *labeller* repeats, or None.

    Only the latest closing can be repeated: after another verdict, the first one is a change of
    mind.
    """
    if not history:
        return None
    last = history[-1]
    same = not last.withdrawn and (last.verdict, last.labeller) == (verdict, labeller)
    return last if same else None


def next_time(history: Sequence[Closing], at: datetime) -> datetime:
    """The label time of a closing recorded at *at*: after the last, even if clocks went back."""
    return at if not history else max(at, history[-1].label_time + _TICK)


def standing(history: Sequence[Closing]) -> list[int]:
    """The positions in *history* of the closings that were not withdrawn."""
    ended = {(c.verdict, c.labeller): c.label_time for c in history if c.withdrawn}
    return [
        place
        for place, closing in enumerate(history)
        if not closing.withdrawn
        and closing.label_time > ended.get((closing.verdict, closing.labeller), _NEVER)
    ]
