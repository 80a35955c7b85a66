"""Cases of a space, with their comments and attached alerts."""

import base64
import uuid
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.kibana.objects.store import Json
from tests.kibana.refusals import Refusal

MOST_ALERTS = 1000
"""That a case may have."""


@dataclass
class Comment:
    """What was written on a case, or which alerts were attached to it."""

    id: str
    attributes: Json
    created_at: str
    created_by: Json
    number: int
    updated_at: str | None = None
    updated_by: Json | None = None

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """Id and index of each attached alert."""
        if self.attributes["type"] != "alert":
            return []
        ids, indices = self.attributes["alertId"], self.attributes["index"]
        return list(zip(ids, indices, strict=True))

    def shown(self) -> Json:
        """As the API returns it."""
        return {
            "id": self.id,
            "version": version(self.number),
            **self.attributes,
            "created_at": self.created_at,
            "created_by": self.created_by,
            "pushed_at": None,
            "pushed_by": None,
            "updated_at": self.updated_at,
            "updated_by": self.updated_by,
        }


@dataclass
class Case:
    """One case."""

    id: str
    attributes: Json
    number: int
    comments: dict[str, Comment] = field(default_factory=dict)

    @property
    def alerts(self) -> dict[str, tuple[str, str]]:
        """By id: the index of each attached alert, and when it was attached."""
        return {
            one: (index, comment.created_at)
            for comment in self.comments.values()
            for one, index in comment.alerts
        }

    @property
    def syncs(self) -> bool:
        """Whether its alerts follow its status."""
        return bool(self.attributes["settings"]["syncAlerts"])

    def shown(self, *, comments: bool = True) -> Json:
        """As the API returns it."""
        written = [one for one in self.comments.values() if one.attributes["type"] == "user"]
        return {
            "id": self.id,
            "version": version(self.number),
            "comments": [one.shown() for one in self.comments.values()] if comments else [],
            "totalComment": len(written),
            "totalAlerts": len(self.alerts),
            **self.attributes,
        }


def version(number: int) -> str:
    """What a client shows to prove that it saw the newest state."""
    return base64.b64encode(f"[{number},1]".encode()).decode()


class Cases:
    """The cases of one space."""

    def __init__(self) -> None:
        self.all: dict[str, Case] = {}
        self._numbers = count(1)

    def get(self, identifier: str) -> Case:
        """One; 404 where there is none."""
        if identifier not in self.all:
            raise Refusal(404, f"Saved object [cases/{identifier}] not found")
        return self.all[identifier]

    def create(self, attributes: Json) -> Case:
        """Make one."""
        made = Case(str(uuid.uuid4()), attributes, next(self._numbers))
        self.all[made.id] = made
        return made

    def touch(self, case: Case, now: str, by: Json, **changes: Any) -> None:  # noqa: ANN401
        """Change attributes, and with them the version."""
        case.attributes.update(changes, updated_at=now, updated_by=by)
        case.number = next(self._numbers)

    def comment(self, case: Case, attributes: Json, now: str, by: Json) -> Comment:
        """Write a comment, or attach alerts."""
        made = Comment(str(uuid.uuid4()), attributes, now, by, next(self._numbers))
        case.comments[made.id] = made
        self.touch(case, now, by)
        return made

    def rewrite(self, comment: Comment, text: str, now: str, by: Json) -> None:
        """Change what a comment says."""
        comment.attributes["comment"] = text
        comment.updated_at, comment.updated_by = now, by
        comment.number = next(self._numbers)

    def with_alert(self, identifier: str) -> list[Case]:
        """The cases that an alert is attached to."""
        return [case for case in self.all.values() if identifier in case.alerts]
