"""Permanent names of scores and alerts, references to a unit's events, and names of our fields."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

ID_DIGITS = 32  # of a score's name
MEMBERS = 1000  # events named in a unit's event_ref: the first by time, then id
UNIT_REF = '{"unit_of":'  # prefix of a unit's ref; no event's ref begins like this


def score_id(detector: str, version: str, stage: str, connection: str, event_id: str) -> str:
    """The permanent id of a score: 128 bits of sha256 over the length-prefixed parts, in hex.

    Among 10^10 scores, two share an id with a probability of one in 10^19; a longer id would take
    most of the space of an index of scores.
    """
    return score_ids(detector, version, stage, connection, [event_id])[0]


def score_ids(
    detector: str, version: str, stage: str, connection: str, event_ids: Iterable[str]
) -> list[str]:
    """The `score_id` of each of *event_ids*; the shared parts are hashed once."""
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
    """The permanent id of the alert of *rule* that the score *opened_by* opened."""
    data = f"{len(rule)}:{rule}{opened_by}".encode()
    return hashlib.sha256(data).hexdigest()[:24]


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def own_fields(detector: str) -> tuple[str, str]:
    """The fields that hold the score of *detector*, and its version, on an enriched event."""
    return (f"scoreback.detectors.{detector}.score", f"scoreback.detectors.{detector}.version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The events of a unit."""

    events: int  # all of them
    named: tuple[tuple[str, str], ...]  # (event_ref, event_id) of the first `MEMBERS`


def members_of(event_ref: str) -> Members | None:
    """The events of a unit by its *event_ref*; None if that is the ref of an event.

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
