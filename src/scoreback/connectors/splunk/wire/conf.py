"""Settings of Scoreback's app in Splunk: read and written by file, stanza and key."""

from collections.abc import Mapping
from typing import Any

from scoreback.connectors.splunk.wire.client import Client

_BESIDE = ("eai:", "disabled")  # keys that every stanza has and nobody wrote


class Conf:
    """The conf files in Scoreback's app."""

    def __init__(self, client: Client) -> None:
        """Read and write through *client*."""
        self._client = client

    def stanza(self, file: str, stanza: str) -> Mapping[str, str] | None:
        """The keys of *stanza* in ``<file>.conf``; None if there is no such stanza."""
        found = self._client.call("GET", self._path(file, stanza), absent=(404,))
        if found is None:
            return None
        content: Mapping[str, Any] = found["entry"][0]["content"]
        return {
            key: "" if value is None else str(value)
            for key, value in content.items()
            if not key.startswith(_BESIDE)
        }

    def stanzas(self, file: str) -> dict[str, Mapping[str, Any]]:
        """All stanzas of ``<file>.conf`` in Scoreback's app, by name."""
        found = self._client.call("GET", self._path(file), params={"count": 0}, absent=(404,))
        entries = [] if found is None else found["entry"]
        return {str(entry["name"]): entry["content"] for entry in entries}

    def write(self, file: str, stanza: str, keys: Mapping[str, str]) -> None:
        """Set *keys* of *stanza*, which is created if it does not exist; its other keys stay.

        Raises:
            SiemRefused: a permission is missing.
        """
        path = self._path(file, stanza)
        if self._client.call("POST", path, form=keys, absent=(404,)) is not None:
            return
        form = {"name": stanza, **keys}
        if self._client.call("POST", self._path(file), form=form, absent=(409,)) is None:
            # somebody else created it at the same moment
            self._client.call("POST", path, form=keys)

    def remove(self, file: str, stanza: str) -> None:
        """Remove the app's version of *stanza*; a missing stanza is no error."""
        self._client.call("DELETE", self._path(file, stanza), absent=(404,))

    def _path(self, file: str, *stanza: str) -> str:
        return self._client.own(f"configs/conf-{file}", *stanza)
