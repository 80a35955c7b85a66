"""Advanced settings of a space: those of Elastic Security that analysts meet."""

from typing import Any

DEFAULTS: dict[str, Any] = {
    "securitySolution:alertCloseReasons": [],
    "securitySolution:alertTags": ["Duplicate", "False Positive", "Further investigation required"],
    "securitySolution:defaultIndex": ["logs-*"],
    "securitySolution:defaultAnomalyScore": 50,
    "defaultIndex": None,
}


class Settings:
    """What was set, over what Kibana sets by itself."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def get(self, name: str) -> Any:  # noqa: ANN401
        """The value in force; None for a setting that nobody knows."""
        return self.given.get(name, DEFAULTS.get(name))

    def change(self, changes: dict[str, Any]) -> None:
        """Set some; null takes a setting back to what Kibana sets."""
        for name, value in changes.items():
            if value is None:
                self.given.pop(name, None)
            else:
                self.given[name] = value

    def shown(self) -> dict[str, Any]:
        """All that was set, as ``/internal/kibana/settings`` shows it."""
        return {name: {"userValue": value} for name, value in self.given.items()}
