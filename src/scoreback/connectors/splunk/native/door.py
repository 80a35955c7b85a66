"""The native scoring door: one document per detector, which every search of it reads."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scoreback.connectors.doors.native import TrialEvent
from scoreback.connectors.splunk.names import IN_FORCE
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import DetectorNeeds, ModelResource, NativePoint


class Native:
    """What the search command of one Splunk scores with."""

    def __init__(self, client: Client) -> None:
        """Access the collection through *client*."""
        self._kv = KvStore(client)

    def in_force(self) -> Mapping[str, NativePoint]:
        """The stored points; an unreadable one counts as missing."""
        found = (_point(row) for row in self._kv.rows(IN_FORCE))
        return {point.detector: point for point in found if point is not None}

    def put_in_force(self, point: NativePoint) -> None:
        """Write *point*."""
        document: dict[str, object] = {
            "_key": point.detector,
            "detector": point.detector,
            "entity_field": point.entity_field,
            "version": point.version,
            "updated_at": point.updated_at.timestamp(),
        }
        if point.why:
            document["why"] = point.why
        else:
            document |= {
                "digest": point.digest, "threshold": point.threshold, "cut": point.cut
            }  # fmt: skip
        self._kv.save(IN_FORCE, [document])

    def hindrances(self, needs: DetectorNeeds) -> Sequence[str]:  # noqa: ARG002 - none
        """No hindrances: the app brings its own scorer."""
        return ()

    def tried(
        self,
        wanted: ModelResource,
        events: Sequence[TrialEvent],
        threshold: float,
        cut: float,
    ) -> None:
        """None: the gate runs the app's scorer in Python, so no search is needed."""


def _point(row: Mapping[str, Any]) -> NativePoint | None:
    try:
        return NativePoint(
            detector=str(row["_key"]),
            entity_field=str(row["entity_field"]),
            version=str(row["version"]),
            digest=str(row.get("digest") or ""),
            threshold=float(row.get("threshold", 1.0)),
            cut=float(row.get("cut", 0.0)),
            why=str(row.get("why") or ""),
            updated_at=datetime.fromtimestamp(float(row["updated_at"]), UTC),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
