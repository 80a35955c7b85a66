"""What things of ours are called in the cluster: outside ``logs-*``, one set for each namespace."""

from dataclasses import dataclass

OBJECTS = ("ecs", "event", "rule", "scoreback")  # of every document of ours
LONGEST_KEYWORD = 1_024  # characters; a longer text of ours is kept, but no search finds it
OWN = "scoreback."  # how our own fields begin, on events too


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
        """Index of what is in force instead of detector files' own values."""
        return f"scoreback-settings-{self.namespace}"

    @property
    def kibana(self) -> str:
        """Index of what we put into Kibana, as it was when we had written it."""
        return f"scoreback-kibana-{self.namespace}"

    @property
    def events_lookup(self) -> str:
        """Lookup index of scores by event."""
        return f"scoreback-lookup-events-{self.namespace}"

    @property
    def entities_lookup(self) -> str:
        """Lookup index of scores by entity."""
        return f"scoreback-lookup-entities-{self.namespace}"
