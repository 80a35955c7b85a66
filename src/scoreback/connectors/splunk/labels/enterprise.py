"""Whether there is Enterprise Security, and where its findings are asked for."""

from threading import Lock

from scoreback.connectors.splunk.labels.findings import Findings
from scoreback.connectors.splunk.wire.client import Client
from scoreback.errors import SiemRefused

SUITE, CONTROL = "SplunkEnterpriseSecuritySuite", "missioncontrol"


class EnterpriseSecurity:
    """What one Splunk has of it, asked once."""

    def __init__(self, client: Client) -> None:
        """Ask through *client*, when somebody wants to know."""
        self._client, self._lock = client, Lock()
        self._there: bool | None = None
        self._findings: Findings | None = None

    def is_there(self) -> bool:
        """Whether it is used: what the settings say, or else whether it is installed.

        Raises:
            SiemUnavailable: no answer.
        """
        said = self._client.settings.enterprise_security
        if said != "auto":
            return said == "true"
        with self._lock:
            if self._there is None:
                self._there = self._installed(SUITE)
            return self._there

    def findings(self) -> Findings | None:
        """Its findings; None where it is not used."""
        if not self.is_there():
            return None
        with self._lock:
            if self._findings is None:
                given = self._client.settings
                app = given.findings_app or (CONTROL if self._installed(CONTROL) else SUITE)
                self._findings = Findings(self._client, given.dispositions, app, self._user())
            return self._findings

    def _user(self) -> str:
        """Whom the connection is for Splunk; a token says no name."""
        if self._client.settings.user:
            return self._client.settings.user
        found = self._client.call("GET", "/services/authentication/current-context")
        return str(found["entry"][0]["content"]["username"])

    def _installed(self, app: str) -> bool:
        try:
            found = self._client.call("GET", f"/services/apps/local/{app}", absent=(404,))
        except SiemRefused:  # this user may not see apps, so the settings have to say it
            return False
        if found is None:
            return False
        disabled = found["entry"][0]["content"].get("disabled")
        return disabled not in (True, 1, "1", "true")
