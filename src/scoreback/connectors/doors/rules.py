"""The doors for alert rules, and for the rule engine where the SIEM has none."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from scoreback.deployment import AlertRule, Delivery, Found, Reads, Suppress
from scoreback.health import HealthDocument

# how far back a rule looks again, by the time when the SIEM received a score
LOOK_BACK = timedelta(minutes=10)


@runtime_checkable
class RulesDoor(Protocol):
    """Keeps alert rules in the SIEM as Scoreback wants them.

    Each applied rule carries a mark that it is Scoreback's, and a digest of what was written. This
    tells a user's edit from an earlier version by Scoreback.
    """

    @property
    def suppresses(self) -> frozenset[Suppress]:
        """What rules of this SIEM can suppress by themselves.

        Where a detector asks for more than that, the service does all of its suppression, and the
        rules it applies have no throttle. The service asks at each scoring step.
        """
        ...

    @property
    def delivers(self) -> tuple[Delivery, ...]:
        """How analysts can receive a hit here; the first is the default."""
        ...

    @property
    def reads(self) -> frozenset[Reads]:
        """What rules of this SIEM can read."""
        ...

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name* as the SIEM has it now, or None."""
        ...

    def standing(self, wanted: AlertRule) -> Found:
        """How *wanted* stands in the SIEM now; changes nothing."""
        ...

    def apply(self, wanted: AlertRule) -> None:
        """Create or replace the rule, even if somebody edited it; repeating it changes nothing.

        What belongs to the user (whether the rule is enabled) is kept, even if the user changes it
        at the same moment.

        Raises:
            SiemRefused: a permission is missing, or the existing rule cannot be changed into the
                wanted one.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove the rule with this name; its alerts stay. Removing a missing rule is no error."""
        ...


@runtime_checkable
class WritesRuleFiles(Protocol):
    """What a rules door may also offer if the SIEM's own tools keep rules as files."""

    def rule_file(self, rule: AlertRule, *, created: date, updated: date) -> str:
        """*rule* as such a file, with the dates that it needs."""
        ...


@runtime_checkable
class RuleEngine(Protocol):
    """Raises alerts where the SIEM does not.

    Kibana and Splunk run rules on their own schedule; this does the same for a SIEM that cannot, as
    `scoreback.suppression` defines it.
    """

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        """Run the enabled rules on live scores that the SIEM received at or after *since*.

        Evaluating a score again opens nothing twice, so a look-back causes no duplicate alerts.

        Args:
            since: scores that the SIEM received earlier are ignored.
            at: the time when the alerts are raised; stored on each alert.

        Returns:
            How many alerts were opened.

        Raises:
            SiemUnavailable: some alerts may exist; evaluating again opens the rest.
            SiemRefused: alerts cannot be written.
        """
        ...

    def evaluate_health(self, documents: Sequence[HealthDocument], *, at: datetime) -> int:
        """Run the enabled health rules on *documents*, which were just written.

        Each rule opens one alert per day and detector, with the detector's name as the alert's
        entity. The alert itself belongs to the detector `scoreback.health.OWN`, so that no list of
        a detector's alerts includes it. Evaluating a document again opens nothing twice.

        Returns:
            How many alerts were opened.

        Raises:
            SiemUnavailable: some alerts may exist; evaluating again opens the rest.
            SiemRefused: alerts cannot be written.
        """
        ...
