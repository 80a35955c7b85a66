"""How objects are read, written and removed in Kibana, which depends on its version."""

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

_FILE = "scoreback.ndjson"  # Kibana recognises the format by the end of the file name
_NDJSON = "application/ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An object in Kibana, as it is there."""

    parts: parts.Parts
    updated_at: str = ""  # when somebody last saved it; Kibana's upgrades do not count


class Way(Protocol):
    """How to handle one kind of object."""

    def read(self, name: str) -> There | None:
        """The object with the id *name*; None if there is none."""
        ...

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts that *body* wants."""
        ...

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:
        """Create the object, or replace the one *there*.

        Raises:
            SiemRefused: Kibana did not accept it, and wrote no part of it.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove the object; it need not exist."""
        ...


class SavedDashboards:
    """Dashboards as saved objects: exported, and imported as a whole."""

    def __init__(self, kibana: Kibana) -> None:
        """Connect through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """The object, read by an export."""
        asked = {"objects": [{"type": DASHBOARD, "id": name}], "excludeExportDetails": True}
        answer = self._kibana.send("POST", "/api/saved_objects/_export", asked, good=(400,))
        if answer.status == 400:
            if _not_there(answer.body, name):
                return None
            raise SiemRefused(
                f"Kibana did not export dashboard {name}: {_said(answer.body)}",
                hint="check whether it opens in Kibana; if not, remove it there and apply again",
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
        """Import it alone: Kibana accepts it as a whole, or refuses it with a reason."""
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
            hint="Kibana wrote no part of it; see `scoreback plan` for what exists",
        )

    def remove(self, name: str) -> None:
        """Delete the saved object."""
        self._kibana.call(
            "DELETE", f"/api/saved_objects/{DASHBOARD}/{quote(name, safe='')}", absent=(404,)
        )


class ApiDashboards:
    """Dashboards by their own API."""

    def __init__(self, kibana: Kibana) -> None:
        """Connect through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """The object, read by the API."""
        found = self._kibana.call("GET", _dashboard(name), absent=(404,))
        if found is None:
            return None
        updated = found.get("meta", {}).get("updated_at")
        return There(parts=parts.of_body(found["data"]), updated_at=str(updated or ""))

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of a body."""
        return parts.of_body(body)

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:  # noqa: ARG002 - one call does both
        """Write it under its id."""
        self._kibana.call("PUT", _dashboard(name), body)

    def remove(self, name: str) -> None:
        """Delete it."""
        self._kibana.call("DELETE", _dashboard(name), absent=(404,))


class DataViews:
    """Data views by their API, which all versions have."""

    def __init__(self, kibana: Kibana) -> None:
        """Connect through *kibana*."""
        self._kibana = kibana

    def read(self, name: str) -> There | None:
        """The object; its time of saving is ignored, because use alone saves a data view."""
        found = self._kibana.call("GET", _data_view(name), absent=(404,))
        return None if found is None else There(parts=parts.of_data_view(found["data_view"]))

    def wanted(self, body: Mapping[str, object]) -> parts.Parts:
        """The parts of a data view."""
        return parts.of_data_view(body)

    def write(self, name: str, body: Mapping[str, object], *, there: bool) -> None:
        """Create it; an existing one keeps what others added."""
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
    """Whether a refused export says that *name* does not exist: Kibana lists what is missing."""
    try:
        missed = msgspec.json.decode(body)["attributes"]["objects"]
        return any(
            one.get("id") == name and (one.get("error") or {}).get("statusCode") == 404
            for one in missed
        )
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError):
        return False


def _import_error(one: Mapping[str, Any]) -> str:
    """What Kibana says about one object, with the references that are missing."""
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
