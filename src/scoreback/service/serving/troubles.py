"""Which trouble was said already: each is said once, and that it is over."""

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
        """None yet."""
        self._now: dict[Job, _Trouble] = {}
        self._lock = threading.Lock()

    def is_news(self, job: Job, kind: str, text: str, *, shared: bool = False) -> bool:
        """Write down the trouble of *job*; whether it has to be said.

        Args:
            job: which had it.
            kind: what stays the same while it is the same trouble.
            text: what would be said.
            shared: it is not news either where another job has said the same.
        """
        with self._lock:
            before = self._now.get(job)
            if before is not None and before.kind == kind:
                return False
            known = shared and any(t.said and t.text == text for t in self._now.values())
            self._now[job] = _Trouble(kind, text, said=not known)
            return not known

    def is_over(self, job: Job) -> bool:
        """Forget the trouble of *job*; whether that has to be said."""
        with self._lock:
            before = self._now.pop(job, None)
            return before is not None and before.said
