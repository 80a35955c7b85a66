"""The search that an alert rule runs, and the names that go with it: text only.

Nothing that comes from a file or an event is written into a search but as a quoted value, and the
few names that are not values are refused unless they are plain.
"""

import hashlib
import re

from scoreback.deployment import AlertRule, RuleKind
from scoreback.errors import SiemRefused
from scoreback.health import HEALTH_RULES, OWN, condition_of

AROUND = 300  # seconds before and after its event that an alert's drill-down shows
HEALTH_RISK = 47  # of an alert about a detector: that of a score on its threshold
KNOWN = "scoreback_alert_hits"  # the lookup of scores that are in an alert already
SUPPRESS = "scoreback_suppress"  # the field by whose value Splunk throttles
NO_FILTER = "search *"  # a filter macro as it is made: nothing is left out

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
    """The rule whose saved search is called *search*; None where it is none of ours."""
    for before, named in (("Scoreback Health - ", HEALTH_RULES), ("Scoreback - ", "")):
        if search.startswith(before) and search.endswith(" - Rule"):
            return named + search.removeprefix(before).removesuffix(" - Rule")
    return None


def filter_name(rule: str) -> str:
    """The macro that the user fills to leave out hits of *rule*.

    A macro's name has letters, digits and ``_`` alone; what had to be replaced is told apart by a
    digest.
    """
    simple = _NO_MACRO.sub("_", plain(rule, "an alert rule's name"))
    if simple != rule:
        simple += "_" + hashlib.sha256(rule.encode()).hexdigest()[:6]
    return f"{simple}_filter"


def search_of(rule: AlertRule) -> str:
    """The whole search of *rule*: its hits of the last hour that are in no alert yet.

    Each score is looked at once however often it is stored. What an earlier run has raised is left
    out, so that looking back repeats nothing; what came late, or while a run was skipped, is found.
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
    """*name*, which a search may hold as it is.

    Raises:
        SiemRefused: it has a sign that could mean something in a search.
    """
    if not _PLAIN(name):
        raise SiemRefused(
            f"{what} {name!r} cannot be part of a search in Splunk",
            hint="use letters, digits, _, -, . and : alone",
        )
    return name


def in_search(value: str) -> str:
    """*value* in quotes, as the search command takes it: a text, no operator."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def in_eval(text: str) -> str:
    """*text* as a string of eval; what Splunk would replace within it is made harmless."""
    return in_search(harmless(text))


def harmless(text: str) -> str:
    """*text* as one line in which Splunk replaces nothing.

    A dollar sign would begin a token that an alert's fields fill, a backtick a macro.
    """
    return _CONTROL.sub(" ", text).replace("$", "\uff04").replace("`", "'").strip()
