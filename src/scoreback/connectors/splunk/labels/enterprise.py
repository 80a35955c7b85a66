"""Whether Enterprise Security is used, and where its findings are read."""

from threading import Lock

from scoreback.connectors.splunk.labels.findings import Findings
from scoreback.connectors.splunk.wire.client import Client
from scoreback.errors import SiemRefused

SUITE, CONTROL = "SplunkEnterpriseSecuritySuite", "missioncontrol"


class EnterpriseSecurity:
    """What one Splunk has of Enterprise Security; asks Splunk once."""

    def __init__(self, client: Client) -> None:
        """Ask through *client*, on first use."""
        self._client, self._lock = client, Lock()
        self._there: bool | None = None
        self._findings: Findings | None = None

    def is_there(self) -> bool:
        """Whether it is used: as the settings say, or if not set, whether it is installed.

        Raises:
            SiemUnavailable: Splunk did not answer.
        """
        said = self._client.settings.enterprise_security
        if said != "auto":
            return said == "true"
        with self._lock:
            if self._there is None:
                self._there = self._installed(SUITE)
            return self._there

    def findings(self) -> Findings | None:
        """The findings; None where Enterprise Security is not used."""
        if not self.is_there():
            return None
        with self._lock:
            if self._findings is None:
                given = self._client.settings
                app = given.findings_app or (CONTROL if self._installed(CONTROL) else SUITE)
                self._findings = Findings(self._client, given.dispositions, app, self._user())
            return self._findings

    def _user(self) -> str:
        """The connection's user name in Splunk; with a token, Splunk is asked for it."""
        if self._client.settings.user:
            return self._client.settings.user
        found = self._client.call("GET", "/services/authentication/current-context")
        return str(found["entry"][0]["content"]["username"])

    def _installed(self, app: str) -> bool:
        try:
            found = self._client.call("GET", f"/services/apps/local/{app}", absent=(404,))
        except SiemRefused:  # this user may not list apps, so the settings have to name the app
            return False
        if found is None:
            return False
        disabled = found["entry"][0]["content"].get("disabled")
        return disabled not in (True, 1, "1", "true")
