"""Who makes hits join alerts, by cap and throttle: the SIEM's rules, or Scoreback itself."""

from datetime import timedelta

from scoreback.connectors.doors.rules import RulesDoor
from scoreback.deployment import Suppress


def held_back_here(door: RulesDoor | None, throttle: timedelta) -> bool:
    """Whether Scoreback holds back the hits of a detector with that *throttle*, and caps them.

    One side does all of it. A cap of ours beside a throttle of the SIEM's own would count alerts
    that nobody sees: a SIEM throttles by its own clock, so after a catch-up the hits of hours come
    at once, and it shows one of them. Without a rules door, only readers of the scores raise
    alerts, and they may go by every score over the threshold.
    """
    asked = {Suppress.PER_ENTITY} | ({Suppress.THROTTLE} if throttle else set())
    return door is not None and not asked <= door.suppresses
