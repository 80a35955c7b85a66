"""The simulator's clock: the machine's, until a test sets it."""

import time
from threading import Lock


class Clock:
    """Seconds since 1970. Once set, it stands still until it is set or advanced again."""

    def __init__(self, now: float | None = None) -> None:
        self._lock = Lock()
        self._stands_at = now

    def now(self) -> float:
        """The time now."""
        with self._lock:
            return time.time() if self._stands_at is None else self._stands_at

    def set(self, now: float | None) -> None:
        """Stop the clock at *now*, or let it follow the machine's again (None)."""
        with self._lock:
            self._stands_at = now

    def advance(self, seconds: float) -> float:
        """Move the clock on, and stop it there."""
        with self._lock:
            self._stands_at = seconds + (
                time.time() if self._stands_at is None else self._stands_at
            )
            return self._stands_at
