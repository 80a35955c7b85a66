"""A stand-in for the parts of Kibana and Elasticsearch that dashboards and their marks need."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from scoreback.connectors.elastic.kibana.client import Answer
from scoreback.connectors.elastic.kibana.versions import SINCE, Differences, Version
from scoreback.errors import SiemRefused, SiemUnavailable


@dataclass
class KibanaStandIn:
    """Data views and dashboards in memory, by either way."""

    space: str = "default"
    dashboards_api: bool = True
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    saved: dict[str, str] = field(default_factory=dict)  # id -> when
    saves: int = 0
    refuses: str = ""  # what Kibana says of the next dashboard
    answer_is_lost: bool = False  # of the next write
    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def differences(self) -> Differences:
        newest = SINCE[max(SINCE)]
        return replace(newest, dashboards_api=self.dashboards_api)

    @property
    def version(self) -> Version:
        return max(SINCE)

    def require_space(self) -> None:
        """It is there."""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON
        *,
        params: Mapping[str, object] | None = None,
        absent: tuple[int, ...] = (),
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        self.calls.append((method, path))
        kind, _, name = path.removeprefix("/api/").rpartition("/")
        name = unquote(name)
        if kind.startswith("data_views"):
            return self._view(method, name, body)
        if kind == "dashboards":
            return self._dashboard(method, name, body, absent)
        if path == "/api/saved_objects/_import":
            assert files is not None
            [text] = files["file"][1].decode().splitlines()
            return self._import(json.loads(text), overwrite=bool((params or {})["overwrite"]))
        assert (method, kind) == ("DELETE", "saved_objects/dashboard"), path
        self.dashboards.pop(name, None)
        return {}

    def send(self, method: str, path: str, body: Any, *, good: tuple[int, ...]) -> Answer:  # noqa: ANN401
        assert (method, path, good) == ("POST", "/api/saved_objects/_export", (400,))
        [asked] = body["objects"]
        found = self.dashboards.get(asked["id"])
        if found is None:
            missed = {**asked, "error": {"statusCode": 404, "error": "Not Found"}}
            said = {"message": "Error fetching objects", "attributes": {"objects": [missed]}}
            return Answer(400, json.dumps(said).encode())
        line = {**found, "updated_at": self.saved[asked["id"]]}
        return Answer(200, json.dumps(line).encode())

    def edit(self, name: str, **attributes: object) -> None:
        """Somebody saves a dashboard with other *attributes*."""
        found = self.dashboards[name]
        inner = found.get("attributes", found)
        inner.update(attributes)
        self._save(name)

    def upgrade(self) -> None:
        """Another version writes what it keeps in its own way; nobody saves anything."""
        for found in self.dashboards.values():
            inner = found.get("attributes", found)
            inner["title"] += " (of another shape)"

    def _save(self, name: str) -> None:
        self.saves += 1
        self.saved[name] = f"2026-06-01T00:00:00.{self.saves:03}Z"
        if self.answer_is_lost:
            self.answer_is_lost = False
            raise SiemUnavailable("the answer is lost", hint="")

    def _view(self, method: str, name: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        if method == "DELETE":
            return self.views.pop(name, None)
        if method == "POST":
            given = dict(body["data_view"])
            if name == "data_view":
                self.views[given.pop("id")] = given
            else:
                self.views[name].update(given)
            return {}
        found = self.views.get(name)
        return None if found is None else {"data_view": {"id": name, **found}}

    def _dashboard(self, method: str, name: str, body: Any, absent: tuple[int, ...]) -> Any:  # noqa: ANN401
        if method == "PUT":
            self._refuse()
            self.dashboards[name] = json.loads(json.dumps(body)) | {"options": {"made": "here"}}
            self._save(name)
            return {"id": name}
        assert absent == (404,)
        if method == "DELETE":
            return self.dashboards.pop(name, None)
        found = self.dashboards.get(name)
        if found is None:
            return None
        return {"id": name, "data": found, "meta": {"updated_at": self.saved[name]}}

    def _import(self, saved: dict[str, Any], *, overwrite: bool) -> Any:  # noqa: ANN401 - JSON
        name = saved["id"]
        if name in self.dashboards and not overwrite:
            taken = {"type": "conflict"}
            return {"success": False, "errors": [{"id": name, "error": taken}]}
        missed = [one for one in saved["references"] if one["id"] not in self.views]
        if missed:
            error: dict[str, Any] = {"type": "missing_references", "references": missed}
            return {"success": False, "errors": [{"id": name, "error": error}]}
        self._refuse()
        self.dashboards[name] = saved
        self._save(name)
        return {"success": True, "successCount": 1}

    def _refuse(self) -> None:
        if self.refuses:
            said, self.refuses = self.refuses, ""
            raise SiemRefused(said, hint="")


class ClusterStandIn:
    """One index in memory."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.made = {"scoreback-kibana-default"}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON
        *,
        absent: tuple[int, ...] = (),
    ) -> Any:  # noqa: ANN401 - JSON
        if method == "PUT":
            self.documents[path] = json.loads(json.dumps(body))
            return {}
        assert absent == (404,)
        if method == "DELETE":
            return self.documents.pop(path, None)
        found = self.documents.get(path)
        return None if found is None else {"found": True, "_source": found}
