"""Records of what was put into Kibana, in a separate index: its objects have no room for marks."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from scoreback import __version__
from scoreback.connectors.elastic.kibana.dashboards.parts import Parts
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.required_index import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What was written under one id, and how it looked there right afterwards."""

    kind: str
    name: str
    written: Parts
    seen: Parts = field(default_factory=dict)
    updated_at: str = ""
    # Until a write is confirmed: what was there before; None: the write is confirmed.
    before: Parts | None = None


class Marks:
    """The marks of one namespace."""

    def __init__(self, client: Client, index: str) -> None:
        """Keep them in *index*."""
        self._client, self._index = client, index

    def get(self, kind: str, name: str) -> Mark | None:
        """The mark of *name*; None if there is none, or no index yet."""
        answer = self._client.call("GET", self._path(kind, name), absent=(404,))
        if not answer or not answer.get("found"):
            return None
        kept = answer["_source"]
        return Mark(
            kind=kind,
            name=name,
            written=kept.get("written", {}),
            seen=kept.get("seen", {}),
            updated_at=kept.get("updated_at", ""),
            before=kept.get("before"),
        )

    def save(self, mark: Mark) -> None:
        """Store *mark*, visible at once.

        Raises:
            SiemRefused: the index does not exist, or a privilege is missing.
        """
        require(self._client, self._index)
        body: dict[str, Any] = {
            "kind": mark.kind,
            "name": mark.name,
            "written": mark.written,
            "seen": mark.seen,
            "updated_at": mark.updated_at,
            "before": mark.before,
            "written_by": __version__,
        }
        self._client.call("PUT", self._path(mark.kind, mark.name), body)

    def delete(self, kind: str, name: str) -> None:
        """Delete the mark; it need not exist."""
        self._client.call("DELETE", self._path(kind, name), absent=(404,))

    def _path(self, kind: str, name: str) -> str:
        return f"/{self._index}/_doc/{quote(f'{kind}:{name}', safe='')}"
