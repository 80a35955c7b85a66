"""Names that last: of scores and alerts, of the events of a unit, of our fields on an event."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

ID_DIGITS = 32  # of a score's name
MEMBERS = 1000  # events of a unit whose names its event_ref carries: the first by time, then id
UNIT_REF = '{"unit_of":'  # how the ref of a unit begins, and no ref of an event


def score_id(detector: str, version: str, stage: str, connection: str, event_id: str) -> str:
    """The name of one score for ever: of sha256 over the length-prefixed parts 128 bits, in hex.

    Of ten thousand million scores two share a name with a chance of one in 10^19; a longer name is
    what an index of scores would spend most on.
    """
    return score_ids(detector, version, stage, connection, [event_id])[0]


def score_ids(
    detector: str, version: str, stage: str, connection: str, event_ids: Iterable[str]
) -> list[str]:
    """The `score_id` of each of *event_ids*; what they share is digested once."""
    shared = hashlib.sha256()
    for part in (detector, version, stage, connection):
        shared.update(_prefixed(part.encode()))
    found = []
    for event_id in event_ids:
        digest = shared.copy()
        digest.update(_prefixed(event_id.encode()))
        found.append(digest.hexdigest()[:ID_DIGITS])
    return found


def alert_id(rule: str, opened_by: str) -> str:
    """The name of the alert of *rule* that the score *opened_by* opened: the same for ever."""
    data = f"{len(rule)}:{rule}{opened_by}".encode()
    return hashlib.sha256(data).hexdigest()[:24]


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def own_fields(detector: str) -> tuple[str, str]:
    """The fields that hold the score of *detector*, and its version, on an enriched event."""
    return (f"scoreback.detectors.{detector}.score", f"scoreback.detectors.{detector}.version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The events that a unit was made of."""

    events: int  # all of them
    named: tuple[tuple[str, str], ...]  # (event_ref, event_id) of the first `MEMBERS`


def members_of(event_ref: str) -> Members | None:
    """The events of a unit by its *event_ref*; None where that is the ref of an event.

    A unit's ref is ``{"unit_of": 3, "members": [[event_ref, event_id], ...]}``: how many events it
    has, and which. A door writes a unit's score onto each of them.
    """
    if not event_ref.startswith(UNIT_REF):
        return None
    found = json.loads(event_ref)
    return Members(events=found["unit_of"], named=tuple((r, i) for r, i in found["members"]))


def unit_ref(members: Members) -> str:
    """The ref of a unit of *members*, as `members_of` reads it."""
    content = {"unit_of": members.events, "members": members.named[:MEMBERS]}
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
