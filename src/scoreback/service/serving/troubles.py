"""Which troubles were logged already: each is logged once, and once more when it is over."""

import threading
from dataclasses import dataclass

Job = tuple[str, str]  # detector, and kind of job


@dataclass(frozen=True, slots=True)
class _Trouble:
    kind: str
    text: str
    said: bool


class Troubles:
    """The trouble that each job has now; shared by all threads."""

    def __init__(self) -> None:
        """Begin without any."""
        self._now: dict[Job, _Trouble] = {}
        self._lock = threading.Lock()

    def is_news(self, job: Job, kind: str, text: str, *, shared: bool = False) -> bool:
        """Record the trouble of *job*; return whether to log it.

        Args:
            job: the job that had it.
            kind: identifies the trouble, even if its text changes.
            text: what would be logged.
            shared: not news either if another job has logged the same.
        """
        with self._lock:
            before = self._now.get(job)
            if before is not None and before.kind == kind:
                return False
            known = shared and any(t.said and t.text == text for t in self._now.values())
            self._now[job] = _Trouble(kind, text, said=not known)
            return not known

    def is_over(self, job: Job) -> bool:
        """Forget the trouble of *job*; return whether to log that it is over."""
        with self._lock:
            before = self._now.pop(job, None)
            return before is not None and before.said
