"""The search that an alert rule runs, and the names of its objects, as plain text.

A value from a file or an event enters a search only as a quoted text; the few names that cannot be
quoted are refused unless they are plain.
"""

import hashlib
import re

from scoreback.deployment import AlertRule, RuleKind
from scoreback.errors import SiemRefused
from scoreback.health import HEALTH_RULES, OWN, condition_of

AROUND = 300  # seconds before and after its event that an alert's drill-down shows
HEALTH_RISK = 47  # risk of an alert about a detector: that of a score on its threshold
KNOWN = "scoreback_alert_hits"  # the lookup of scores that are already in an alert
SUPPRESS = "scoreback_suppress"  # the field by which Splunk throttles
NO_FILTER = "search *"  # a new filter macro, which excludes nothing

_PLAIN = re.compile(r"[A-Za-z0-9_.:\-]{1,200}").fullmatch
_NO_MACRO = re.compile(r"[^A-Za-z0-9_]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def search_name(rule: str) -> str:
    """The name of the saved search of the rule called *rule*."""
    plain(rule, "an alert rule's name")
    if rule.startswith(HEALTH_RULES):
        return f"Scoreback Health - {rule.removeprefix(HEALTH_RULES)} - Rule"
    return f"Scoreback - {rule} - Rule"


def rule_name(search: str) -> str | None:
    """The rule whose saved search is called *search*; None if it is not Scoreback's."""
    for before, named in (("Scoreback Health - ", HEALTH_RULES), ("Scoreback - ", "")):
        if search.startswith(before) and search.endswith(" - Rule"):
            return named + search.removeprefix(before).removesuffix(" - Rule")
    return None


def filter_name(rule: str) -> str:
    """The macro that the user fills to exclude hits of *rule*.

    A macro's name can contain only letters, digits and ``_``; where characters were replaced, a
    digest keeps names distinct.
    """
    simple = _NO_MACRO.sub("_", plain(rule, "an alert rule's name"))
    if simple != rule:
        simple += "_" + hashlib.sha256(rule.encode()).hexdigest()[:6]
    return f"{simple}_filter"


def search_of(rule: AlertRule) -> str:
    """The whole search of *rule*: its hits of the last hour that are in no alert yet.

    Each score counts once, however often it is stored. Hits that an earlier run has raised are left
    out, so that looking back repeats nothing; scores that came late, or while a run was skipped,
    are found.
    """
    if rule.kind is RuleKind.HEALTH:
        return _joined(*_health_hits(rule), *_news(rule))
    return _joined(*_score_hits(rule), *_news(rule))


def _score_hits(rule: AlertRule) -> tuple[str, ...]:
    detector = plain(rule.detector, "a detector's name")
    version = ""
    if rule.version:
        version = f" scoreback_version={in_search(plain(rule.version, 'a version'))}"
    return (
        (
            "`scoreback_index` sourcetype=scoreback:score"
            f" scoreback_detector={in_search(detector)}{version}"
            f" scoreback_stage={rule.stage.value} scoreback_alert=true"
        ),
        "dedup scoreback_score_id",
        f"eval scoreback_alert_id={_alert_id(rule, 'scoreback_score_id')}",
    )


def _health_hits(rule: AlertRule) -> tuple[str, ...]:
    condition = plain(condition_of(rule), "a condition")
    reasons = f"json_array(scoreback_health_status_why,{in_eval(f'see {rule.notes}')})"
    return (
        "`scoreback_index` sourcetype=scoreback:health scoreback_health_kind=status",
        "dedup scoreback_health_id",
        f"where scoreback_health_status_{condition}=1",
        (
            "eval scoreback_score_id=scoreback_health_id, scoreback_event_id=scoreback_health_id,"
            " orig_time=_time, scoreback_entity=scoreback_detector, scoreback_score=1,"
            f" event_risk_score={HEALTH_RISK}, scoreback_reasons={reasons},"
            f" scoreback_alert_id={_alert_id(rule, 'scoreback_health_id')}"
        ),
        f"eval scoreback_detector={in_eval(OWN)}",
    )


def _news(rule: AlertRule) -> tuple[str, ...]:
    return (
        f"lookup {KNOWN} _key AS scoreback_alert_id OUTPUT alert_id AS scoreback_known",
        "where isnull(scoreback_known)",
        (
            f"eval {SUPPRESS}=coalesce(scoreback_entity,scoreback_score_id),"
            f" scoreback_around_from=orig_time-{AROUND}, scoreback_around_to=orig_time+{AROUND},"
            " scoreback_raised_at=now()"
        ),
        f"`{filter_name(rule.name)}`",
    )


def _alert_id(rule: AlertRule, score: str) -> str:
    """`scoreback.naming.alert_id` of the score in the field *score*, as Splunk computes it."""
    named = in_eval(f"{len(rule.name)}:{plain(rule.name, 'a rule')}")
    return f"substr(sha256({named}.{score}),1,24)"


def _joined(*commands: str) -> str:
    return " | ".join(commands)


def plain(name: str, what: str) -> str:
    """*name*, if a search may contain it unquoted.

    Raises:
        SiemRefused: it has a character with a meaning in a search.
    """
    if not _PLAIN(name):
        raise SiemRefused(
            f"{what} {name!r} cannot be part of a search in Splunk",
            hint="use only letters, digits, _, -, . and :",
        )
    return name


def in_search(value: str) -> str:
    """*value* quoted for the search command: a text, never an operator."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_eval(text: str) -> str:
    """*text* as an eval string without anything that Splunk would substitute in it."""
    return in_search(harmless(text))


def harmless(text: str) -> str:
    """*text* as one line in which Splunk substitutes nothing.

    A dollar sign would begin a token that an alert's fields fill, a backtick a macro.
    """
    return _CONTROL.sub(" ", text).replace("$", "\uff04").replace("`", "'").strip()
