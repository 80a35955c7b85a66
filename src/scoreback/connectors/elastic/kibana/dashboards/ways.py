"""How things are read from, put into and taken out of Kibana; the version decides the way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.dashboards import parts
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import DASHBOARD, line
from scoreback.errors import SiemRefused

_FILE = "scoreback.ndjson"  # Kibana goes by how its name ends
_NDJSON = "application/ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Something in Kibana, as it stands there."""

    parts: parts.Parts
    updated_at: str = ""  # when somebody last saved it; an upgrade of Kibana is not saving


class Way(Protocol):
    """A way to one kind of thing."""

    def read(self, name: str) -> There | None:
        """What stands under the id *name*; None: nothing."""
        ...

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of what *body* asks for."""
        ...

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:
        """Create it, or replace what is *there*.

        Raises:
            SiemRefused: Kibana did not take it; nothing of it is half there.
        """
        ...

    def remove(self, name: str) -> None:
        """Take it away; it need not be there."""
        ...


class SavedDashboards:
    """Dashboards as saved objects: exported, imported whole."""

    def __init__(self, kibana: Kibana) -> None:
        """Go through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """What an export gives."""
        asked = {"objects": [{"type": DASHBOARD, "id": name}], "excludeExportDetails": True}
        answer = self._kibana.send("POST", "/api/saved_objects/_export", asked, good=(400,))
        if answer.status == 400:
            if _not_there(answer.body, name):
                return None
            raise SiemRefused(
                f"Kibana did not export dashboard {name}: {_said(answer.body)}",
                hint="see whether it opens in Kibana; remove it there, then apply again",
            )
        for text in answer.body.splitlines():
            saved = msgspec.json.decode(text) if text.strip() else {}
            if saved.get("type") == DASHBOARD and saved.get("id") == name:
                return There(
                    parts=parts.of_saved(saved), updated_at=str(saved.get("updated_at") or "")
                )
        return None

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of a saved object."""
        return parts.of_saved(body)

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:
        """Import it alone: it is taken whole, or refused with why."""
        file = line({"type": DASHBOARD, "id": name, **body}).encode()
        answer = self._kibana.call(
            "POST",
            "/api/saved_objects/_import",
            params={"overwrite": there},
            files={"file": (_FILE, file, _NDJSON)},
        )
        if answer.get("success") and not answer.get("errors"):
            return
        why = "; ".join(_import_error(one) for one in answer.get("errors") or ()) or "no reason"
        raise SiemRefused(
            f"Kibana did not import dashboard {name}: {why}",
            hint="nothing of it was made; see `scoreback plan` for what is there",
        )

    def remove(self, name: str) -> None:
        """Delete the saved object."""
        self._kibana.call(
            "DELETE", f"/api/saved_objects/{DASHBOARD}/{quote(name, safe='')}", absent=(404,)
        )


class ApiDashboards:
    """Dashboards by their own API."""

    def __init__(self, kibana: Kibana) -> None:
        """Go through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """What the API gives."""
        found = self._kibana.call("GET", _dashboard(name), absent=(404,))
        if found is None:
            return None
        updated = found.get("meta", {}).get("updated_at")
        return There(parts=parts.of_body(found["data"]), updated_at=str(updated or ""))

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of a body."""
        return parts.of_body(body)

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:  # noqa: ARG002 - one call does both
        """Put it under its id."""
        self._kibana.call("PUT", _dashboard(name), body)

    def remove(self, name: str) -> None:
        """Delete it."""
        self._kibana.call("DELETE", _dashboard(name), absent=(404,))


class DataViews:
    """Data views by their API, which all versions have."""

    def __init__(self, kibana: Kibana) -> None:
        """Go through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """What the API gives; when it was saved says nothing, as use alone saves it anew."""
        found = self._kibana.call("GET", _data_view(name), absent=(404,))
        return None if found is None else There(parts=parts.of_data_view(found["data_view"]))

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of a data view."""
        return parts.of_data_view(body)

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:
        """Create it; one that is there keeps what others added."""
        if there:
            ours = {key: body[key] for key in parts.of_data_view(body)}
            self._kibana.call("POST", _data_view(name), {"data_view": ours})
            return
        path = "/api/data_views/data_view"
        self._kibana.call("POST", path, {"data_view": {"id": name, **body}})

    def remove(self, name: str) -> None:
        """Delete it."""
        self._kibana.call("DELETE", _data_view(name), absent=(404,))


def _dashboard(name: str) -> str:
    return f"/api/dashboards/{quote(name, safe='')}"


def _data_view(name: str) -> str:
    return f"/api/data_views/data_view/{quote(name, safe='')}"


def _not_there(body: bytes, name: str) -> bool:
    """Whether a refused export says that *name* is not there, as Kibana lists what it missed."""
    try:
        missed = msgspec.json.decode(body)["attributes"]["objects"]
        return any(
            one.get("id") == name and (one.get("error") or {}).get("statusCode") == 404
            for one in missed
        )
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError):
        return False


def _import_error(one: Mapping[str, Any]) -> str:
    """What Kibana says of one object, with the references that it missed."""
    error = one.get("error") or {}
    missed = ", ".join(
        f"{found.get('type')} {found.get('id')}" for found in error.get("references") or ()
    )
    said = str(error.get("message") or error.get("type") or json.dumps(error))
    return f"{said}: {missed}" if missed else said


def _said(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])[:300]
    except (msgspec.DecodeError, TypeError, KeyError):
        return body[:200].decode(errors="replace")
