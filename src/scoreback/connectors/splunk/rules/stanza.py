"""An alert rule as the keys of a saved search, with the names of Splunk's REST API.

There are three kinds of keys. *Ours* are compared, and each apply writes them: the search, its
schedule, what happens with a hit. *Followed* keys are written until the user changes them: the
throttle. All others belong to the user and are never sent: whether the search is enabled, added
actions, other settings.
"""

import json
import math
from dataclasses import dataclass, field

from scoreback.connectors.splunk.rules.enterprise_security import ACTIONS, detection_keys
from scoreback.connectors.splunk.rules.spl import SUPPRESS, harmless, search_of
from scoreback.deployment import AlertRule, Delivery, RuleKind, rule_body
from scoreback.records import Severity

ACTION = "scoreback_alert"  # the app's own action: keeps a row for each alert
PARAM = f"action.{ACTION}.param."
OUR_ACTIONS = frozenset({ACTION, *ACTIONS.values()})
LOOK_BACK = "-60m@m"  # by index time; the search itself leaves out what was already raised
EVERY = "*/5 * * * *"
DAY = 86_400  # seconds

_LEAST_SUPPRESSED = 2 * 3600  # seconds; longer than a rule looks back
_SEVERITIES = {Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4, Severity.CRITICAL: 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The saved search that Scoreback wants for a rule."""

    ours: dict[str, str]
    followed: dict[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ()


def wanted(rule: AlertRule, *, enterprise_security: bool) -> Wanted:
    """The saved search of *rule*, with or without *enterprise_security*.

    Raises:
        SiemRefused: a name in it cannot be part of a search.
    """
    ours = {
        "search": search_of(rule),
        "description": harmless(rule.description),
        **_schedule(rule),
        **_trigger(rule),
        **_params(rule, enterprise_security=enterprise_security),
    }
    if not enterprise_security:
        return Wanted(
            ours=ours, followed={f"{PARAM}throttle": str(_seconds(rule))}, actions=(ACTION,)
        )
    return Wanted(
        ours={**ours, **detection_keys(rule)},
        followed=_suppression(rule),
        actions=(ACTIONS[rule.delivery], ACTION),
    )


def _schedule(rule: AlertRule) -> dict[str, str]:
    return {
        "cron_schedule": EVERY,
        "is_scheduled": "0" if rule.paused else "1",
        # Splunk makes up for each missed period, however late; it may still spread the load.
        "realtime_schedule": "0",
        "schedule_window": "auto",
        "allow_skew": "100%",
        # A score has the time of its event, which may be long ago: only the index time bounds the
        # search.
        "dispatch.earliest_time": "0",
        "dispatch.latest_time": "now",
        "dispatch.index_earliest": LOOK_BACK,
        "dispatch.index_latest": "now",
        "is_visible": "0",
    }


def _trigger(rule: AlertRule) -> dict[str, str]:
    return {
        "alert_type": "number of events",
        "alert_comparator": "greater than",
        "alert_threshold": "0",
        "alert.digest_mode": "1",
        "alert.track": "1",
        "alert.severity": str(_SEVERITIES[rule.severity]),
    }


def _params(rule: AlertRule, *, enterprise_security: bool) -> dict[str, str]:
    """The parameters of the app's action: whose alert it is, and what joins it."""
    delivery = rule.delivery.value if enterprise_security else "alert"
    return {
        f"{PARAM}rule": rule.name,
        f"{PARAM}detector": rule.detector,
        f"{PARAM}severity": rule.severity.value,
        f"{PARAM}per_entity": str(rule.per_entity),
        f"{PARAM}delivery": delivery,
        f"{PARAM}owner": harmless(rule.owner),
        f"{PARAM}body": json.dumps(rule_body(rule), sort_keys=True),
    }


def _suppression(rule: AlertRule) -> dict[str, str]:
    """Splunk's throttling; at least, no score is raised again while rules look back at it."""
    period = _seconds(rule)
    if rule.kind is RuleKind.HEALTH:  # one alert per detector and day, so throttle for about a day
        period = max(period, DAY)
    return {
        "alert.suppress": "1",
        "alert.suppress.fields": SUPPRESS if period else "scoreback_score_id",
        "alert.suppress.period": f"{period or _LEAST_SUPPRESSED}s",
    }


def _seconds(rule: AlertRule) -> int:
    return math.ceil(rule.throttle.total_seconds())


def deliveries(*, enterprise_security: bool) -> tuple[Delivery, ...]:
    """What saved searches can do with a hit, the default first."""
    if enterprise_security:
        return (Delivery.RISK, Delivery.FINDING)
    return (Delivery.FINDING,)
