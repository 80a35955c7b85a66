"""Who lets hits join alerts, by cap and throttle: the SIEM's rules, or we ourselves."""

from datetime import timedelta

from scoreback.connectors.doors.rules import RulesDoor
from scoreback.deployment import Suppress


def held_back_here(door: RulesDoor | None, throttle: timedelta) -> bool:
    """Whether we hold back the hits of a detector with that *throttle*, by all that it asks for.

    One party does it all. A cap that we keep beside a throttle of the SIEM's own would count alerts
    that nobody sees: a SIEM throttles by its own clock, so that after a catch-up the hits of hours
    come at once, and it shows one of them. Without a door to rules nobody raises alerts from
    scores but who reads them, and they may go by all that is over the threshold.
    """
    asked = {Suppress.PER_ENTITY} | ({Suppress.THROTTLE} if throttle else set())
    return door is not None and not asked <= door.suppresses
