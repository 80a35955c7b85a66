"""Records who changed what on the settings page, and when.

The add-on generator's handlers call it for each change of a detector's settings. Author and time
sent by a browser are discarded. Python 3.9 and 3.13.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import import_declare_test  # noqa: F401 - makes the libraries of the app importable
from solnlib.user_access import get_current_username
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

KEPT = 100  # how many of a detector's latest changes its history keeps
STAMPS = ("changed_by", "changed_at", "history")
_NOT_SETTINGS = (*STAMPS, "reason", "name", "disabled")


class ChangesHandler(AdminExternalHandler):
    """The settings of detectors, with their history."""

    def handleCreate(self, confInfo: object) -> object:  # noqa: N802, N803 - Splunk's names
        """Accept the settings of a detector that had none here."""
        self.payload = stamped(self.payload, {}, self._user(), _now())
        return super().handleCreate(confInfo)

    def handleEdit(self, confInfo: object) -> object:  # noqa: N802, N803
        """Change the settings of a detector."""
        found = next(iter(self.handler.get(self.callerArgs.id)))
        self.payload = stamped(self.payload, found.content, self._user(), _now())
        return super().handleEdit(confInfo)

    def handleRemove(self, confInfo: object) -> object:  # noqa: N802, N803, ARG002
        """Refuse, because a deleted entry would no longer name its author."""
        raise RestError(
            400, "Settings are not deleted: empty a field to use the value in the detector's file."
        )

    def _user(self) -> str:
        return get_current_username(self.getSessionKey(), **_address(get_splunkd_endpoint()))


def stamped(
    payload: Mapping[str, str], before: Mapping[str, str], user: str, now: str
) -> dict[str, str]:
    """*payload* with the author *user*, the time *now* and the history since *before*."""
    payload = {key: value for key, value in payload.items() if key not in STAMPS}
    reason = payload.get("reason", "")
    changes = [
        {"at": now, "by": user, "key": key, "value": value, "reason": reason}
        for key, value in sorted(payload.items())
        if key not in _NOT_SETTINGS and value != (before.get(key) or "")
    ]
    history = [*_history(before), *changes][-KEPT:]
    payload["history"] = json.dumps(history, ensure_ascii=False, separators=(",", ":"))
    if changes:
        payload.update(changed_by=user, changed_at=now.partition(".")[0] + "Z")
    return payload


def _history(before: Mapping[str, str]) -> list[dict[str, str]]:
    """The history so far; empty if somebody damaged it by hand."""
    try:
        found = json.loads(before.get("history") or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _address(uri: str) -> dict[str, Any]:
    scheme, _, rest = uri.partition("://")
    host, _, port = rest.rpartition(":")
    return {"scheme": scheme, "host": host.strip("[]"), "port": int(port)}


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
