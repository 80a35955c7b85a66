"""How long to wait before a request is repeated, and what is logged meanwhile."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

SILENT = 4.0  # seconds after which an unanswered request is logged

log = logging.getLogger(__name__)
_silence: ContextVar[Timer | None] = ContextVar("silence", default=None)


def pause(attempt: int, longest: float, retry_after: str | None = None) -> float:
    """Seconds to sleep before attempt *attempt* + 1: longer each time, or as the server asks.

    Args:
        attempt: the attempt that failed, counted from 1.
        longest: the maximum in seconds, where the server asks for nothing.
        retry_after: the header of that name; at most ten times *longest* is granted.
    """
    drawn = random.uniform(0.5, 1.0) * min(longest, 2.0 ** (attempt - 1))  # noqa: S311 - jitter
    return max(drawn, min(_seconds(retry_after), 10 * longest))


def longest_try(attempts: int, longest: float, spent: float = 0.0) -> float:
    """The maximum number of seconds for which a request is repeated after its first failure.

    Args:
        attempts: how many in total.
        longest: the maximum number of seconds between two attempts.
        spent: seconds that the first attempt took; each of the others may take as long.
    """
    pauses = sum(min(longest, 2.0 ** (attempt - 1)) for attempt in range(1, attempts))
    return pauses + (attempts - 1) * spent


def tell(what: str, attempts: int, longest: float, spent: float = 0.0) -> None:
    """Log at INFO that *what* went wrong with the first attempt, and how long retries go on."""
    seconds = longest_try(attempts, longest, spent)
    silence = _silence.get()
    if silence is not None:
        silence.cancel()  # that message says more, and a second figure would contradict it
    log.info("%s; trying again, for up to %s more", what, _for(seconds))


@contextmanager
def unanswered(what: str, timeout: float, attempts: int, longest: float) -> Iterator[None]:
    """Log at INFO, once, that *what* has not answered for `SILENT` seconds while the block runs."""
    seconds = timeout + longest_try(attempts, longest, timeout)
    told = Timer(
        SILENT, log.info, ("%s: no answer yet; waiting for up to %s in all", what, _for(seconds))
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
    """The seconds that the header asks for, as a number or a date; 0 where it is neither."""
    if not retry_after:
        return 0.0
    try:
        return Retry().parse_retry_after(retry_after)
    except InvalidHeader:
        return 0.0
