"""How long to wait before a request is made again, and what is said meanwhile."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

SILENT = 4.0  # seconds after which a server that does not answer is told of

log = logging.getLogger(__name__)
_silence: ContextVar[Timer | None] = ContextVar("silence", default=None)


def pause(attempt: int, longest: float, retry_after: str | None = None) -> float:
    """Seconds to sleep before attempt *attempt* + 1: longer each time, and as the server asks.

    Args:
        attempt: that failed, from 1 on.
        longest: seconds at most, where the server asks for nothing.
        retry_after: the header of that name; ten times *longest* at most is waited for it.
    """
    drawn = random.uniform(0.5, 1.0) * min(longest, 2.0 ** (attempt - 1))  # noqa: S311 - jitter
    return max(drawn, min(_seconds(retry_after), 10 * longest))


def longest_try(attempts: int, longest: float, spent: float = 0.0) -> float:
    """Seconds for which a request is made again at most, after the first attempt failed.

    Args:
        attempts: in all.
        longest: seconds between two, at most.
        spent: seconds that the first attempt took: the others may take as long.
    """
    pauses = sum(min(longest, 2.0 ** (attempt - 1)) for attempt in range(1, attempts))
    return pauses + (attempts - 1) * spent


def tell(what: str, attempts: int, longest: float, spent: float = 0.0) -> None:
    """Log that *what* went wrong with the first attempt, and for how long it goes on: at INFO."""
    seconds = longest_try(attempts, longest, spent)
    silence = _silence.get()
    if silence is not None:
        silence.cancel()  # this says more, and a second figure would contradict it
    log.info("%s; trying again, for up to %s more", what, _for(seconds))


@contextmanager
def unanswered(what: str, timeout: float, attempts: int, longest: float) -> Iterator[None]:
    """Log while this goes on, once, that *what* has not answered for `SILENT` seconds: at INFO."""
    seconds = timeout + longest_try(attempts, longest, timeout)
    told = Timer(
        SILENT, log.info, ("%s: no answer yet; going on for up to %s", what, _for(seconds))
    )
    told.daemon = True
    told.start()
    before = _silence.set(told)
    try:
        yield
    finally:
        _silence.reset(before)
        told.cancel()


def _for(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _seconds(retry_after: str | None) -> float:
    """What the header asks for, a number or a date; what is neither asks nothing."""
    if not retry_after:
        return 0.0
    try:
        return Retry().parse_retry_after(retry_after)
    except InvalidHeader:
        return 0.0
