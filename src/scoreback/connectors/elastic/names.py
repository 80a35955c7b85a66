"""The names of Scoreback's objects in the cluster: outside ``logs-*``, a set per namespace."""

from dataclasses import dataclass

OBJECTS = ("ecs", "event", "rule", "scoreback")  # in every document of Scoreback
LONGEST_KEYWORD = 1_024  # characters; longer text is stored, but no search finds it
OWN = "scoreback."  # the prefix of Scoreback's fields, on events too


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one namespace."""

    namespace: str

    @property
    def scores(self) -> str:
        """Data stream of scores."""
        return f"scoreback.scores-{self.namespace}"

    @property
    def health(self) -> str:
        """Data stream of what detectors do."""
        return f"scoreback.health-{self.namespace}"

    @property
    def alerts(self) -> str:
        """Index of alerts."""
        return f"scoreback-alerts-{self.namespace}"

    @property
    def verdicts(self) -> str:
        """Index of verdicts on alerts."""
        return f"scoreback-verdicts-{self.namespace}"

    @property
    def rules(self) -> str:
        """Index of alert rules."""
        return f"scoreback-rules-{self.namespace}"

    @property
    def settings(self) -> str:
        """Index of settings in force instead of detector files' own values."""
        return f"scoreback-settings-{self.namespace}"

    @property
    def kibana(self) -> str:
        """Index of what Scoreback put into Kibana, as it was right after writing."""
        return f"scoreback-kibana-{self.namespace}"

    @property
    def events_lookup(self) -> str:
        """Lookup index of scores by event."""
        return f"scoreback-lookup-events-{self.namespace}"

    @property
    def entities_lookup(self) -> str:
        """Lookup index of scores by entity."""
        return f"scoreback-lookup-entities-{self.namespace}"
