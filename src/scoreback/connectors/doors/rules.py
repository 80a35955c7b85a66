"""The doors to alert rules, and to the engine where the SIEM has none of its own."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from scoreback.deployment import AlertRule, Delivery, Found, Reads, Suppress
from scoreback.health import HealthDocument

LOOK_BACK = timedelta(minutes=10)  # what a rule looks at again, by the time when the SIEM got it


@runtime_checkable
class RulesDoor(Protocol):
    """Keeps alert rules in the SIEM as we want them.

    Whatever is applied carries a mark: that it is ours, and a digest of what was written. So a
    change by somebody's hand is told from an earlier version of our own.
    """

    @property
    def suppresses(self) -> frozenset[Suppress]:
        """What rules of this SIEM can hold back by themselves.

        Where that is not all that a detector asks for, the service holds back all of it, and the
        rules it wants have no throttle. It asks at each step of scoring.
        """
        ...

    @property
    def delivers(self) -> tuple[Delivery, ...]:
        """What analysts can get of a hit here; first what they get where no file says."""
        ...

    @property
    def reads(self) -> frozenset[Reads]:
        """What rules of this SIEM can look at."""
        ...

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name* as the SIEM has it now, or None."""
        ...

    def standing(self, wanted: AlertRule) -> Found:
        """How *wanted* stands in the SIEM now; changes nothing."""
        ...

    def apply(self, wanted: AlertRule) -> None:
        """Create or replace the rule, whoever changed it; applying it twice changes nothing.

        What belongs to the user (whether the rule is enabled) is kept, also when they change it at
        the same moment.

        Raises:
            SiemRefused: a right is missing, or what is there cannot become what is wanted.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove the rule called so; its alerts stay. Removing what is not there is no error."""
        ...


@runtime_checkable
class WritesRuleFiles(Protocol):
    """A door to rules whose SIEM's own tools keep rules as files in a repository."""

    def rule_file(self, rule: AlertRule, *, created: date, updated: date) -> str:
        """*rule* as such a file, with the days that it names."""
        ...


@runtime_checkable
class RuleEngine(Protocol):
    """Raises alerts where the SIEM does not do it by itself.

    Kibana and Splunk run rules on their own schedule; this is the same for a SIEM without them, by
    the definition of `scoreback.suppression`.
    """

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        """Let the enabled rules look at live scores that the SIEM got at or after *since*.

        Looking at a score again opens nothing twice, so that a look-back costs no double alerts.

        Args:
            since: scores that the SIEM got earlier are not looked at.
            at: written on each alert as the time when it was raised.

        Returns:
            How many alerts were opened.

        Raises:
            SiemUnavailable: some alerts may be there; evaluating again opens the rest.
            SiemRefused: alerts cannot be written.
        """
        ...

    def evaluate_health(self, documents: Sequence[HealthDocument], *, at: datetime) -> int:
        """Let the enabled rules about health look at *documents*, which were just written.

        One alert a day for each rule and detector, whose name is the alert's entity; the alert's
        own detector is `scoreback.health.OWN`, so that no list of a detector's alerts has it.
        Looking at a document again opens nothing twice.

        Returns:
            How many alerts were opened.

        Raises:
            SiemUnavailable: some alerts may be there; evaluating again opens the rest.
            SiemRefused: alerts cannot be written.
        """
        ...
