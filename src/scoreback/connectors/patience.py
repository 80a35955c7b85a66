"""How long to wait before a request is made again."""

import random

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry


def pause(attempt: int, longest: float, retry_after: str | None = None) -> float:
    """Seconds to sleep before attempt *attempt* + 1: longer each time, and as the server asks.

    Args:
        attempt: that failed, from 1 on.
        longest: seconds at most, where the server asks for nothing.
        retry_after: the header of that name; ten times *longest* at most is waited for it.
    """
    drawn = random.uniform(0.5, 1.0) * min(longest, 2.0 ** (attempt - 1))  # noqa: S311 - jitter
    return max(drawn, min(_seconds(retry_after), 10 * longest))


def _seconds(retry_after: str | None) -> float:
    """What the header asks for, a number or a date; what is neither asks nothing."""
    if not retry_after:
        return 0.0
    try:
        return Retry().parse_retry_after(retry_after)
    except InvalidHeader:
        return 0.0
