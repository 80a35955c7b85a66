"""The texts of a detection rule: how to judge its alerts, and what it needs to work."""

import re

from scoreback.connectors.elastic.kibana.versions import Differences
from scoreback.deployment import AlertRule, Reads, RuleKind
from scoreback.records import Stage

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!<>|~&$-])")


def plain(text: str) -> str:
    """*text* as one line."""
    return _CONTROL.sub(" ", text).strip()


def in_markdown(text: str) -> str:
    """*text* as one line that Markdown shows literally: no link, no HTML, no plug-in."""
    return _MARKDOWN.sub(r"\\\1", plain(text))


def title(rule: AlertRule) -> str:
    """The rule's name in Kibana."""
    if rule.kind is RuleKind.HEALTH:
        return f"Scoreback: {plain(rule.description)}"
    beside = {Stage.AUDIT: ", audit", Stage.EXPLORE: ", explore"}.get(rule.stage, "")
    return f"Scoreback: {plain(rule.detector)}{beside}"


def about(rule: AlertRule) -> str:
    """What the rule finds."""
    if rule.kind is RuleKind.HEALTH:
        return plain(rule.description)
    said = plain(rule.description) or f"what the detector {plain(rule.detector)} finds"
    if rule.stage is Stage.AUDIT:
        return f"Sampled events without an alert by the detector {plain(rule.detector)}: {said}."
    if rule.stage is Stage.EXPLORE:
        return (
            f"Events that only a shadow of the detector {plain(rule.detector)} alerts on: {said}."
        )
    return f"Scores of the detector {plain(rule.detector)} at or above its threshold: {said}."


def note(rule: AlertRule, kibana: Differences) -> str:
    """The triage guide."""
    if rule.kind is RuleKind.HEALTH:
        where = in_markdown(rule.notes)
        return (
            "## Triage\n\n"
            "The alert is about a detector, not about an event: `scoreback.detector` names it, and"
            f" `event.reason` says why. It is raised once a day while the condition lasts. For"
            f" what to do, see {where} of Scoreback's documentation. The detector learns nothing"
            " from how you close this alert."
        )
    owner = f"\n\nOwner of the detector: {in_markdown(rule.owner)}." if rule.owner else ""
    more = f"\n\n{in_markdown(rule.notes)}" if rule.notes else ""
    where = (
        "`scoreback.reason` says what raised the event's score."
        if rule.reads is Reads.EVENTS
        else "`event.reason` says what raised the score. `scoreback.event.index` and"
        " `scoreback.event.id` name the event; the alert has a copy of its main fields."
    )
    return (
        "## Triage\n\n"
        f"{where}"
        f"{more}{owner}\n\n"
        "## Closing\n\n"
        "The detector learns from how you close the alert.\n\n"
        f"{_closing(kibana)}"
    )


def _closing(kibana: Differences) -> str:
    if kibana.closing_reasons:
        own = (
            " For your own reasons, the connection's `verdicts` set the meaning."
            if kibana.custom_reasons
            else ""
        )
        return (
            "- **True positive**: what it found is malicious.\n"
            "- **Benign positive**: it happened as told, and is allowed.\n"
            "- **False positive**: it did not happen, or means nothing.\n"
            "- **Duplicate**: counts as its sibling does.\n\n"
            "Closed as *Other*, *Automated closure* or without a reason it says nothing."
            f"{own} An alert that is opened again takes its verdict back."
        )
    return (
        "This version of Kibana has no closing reasons: tag the alert, then close it.\n\n"
        "- `True Positive`: what it found is malicious.\n"
        "- `Benign Positive`: it happened as told, and is allowed.\n"
        "- `False Positive`: it did not happen, or means nothing.\n"
        "- `Duplicate`: counts as its sibling does.\n\n"
        "Closed without such a tag it says nothing. An alert that is opened again takes its"
        " verdict back."
    )


def setup(rule: AlertRule) -> str:
    """What the rule needs to work."""
    if rule.kind is RuleKind.HEALTH:
        return (
            "## Setup\n\nScoreback writes how its detectors do while `scoreback serve` runs with"
            " this connection."
        )
    what = "the data stream of scores"
    if rule.reads is Reads.EVENTS:
        what = "the events that Scoreback scored, and the lookup index of their scores"
    return (
        "## Setup\n\n"
        "The rule reads scores that Scoreback writes: run `scoreback serve` with this connection."
        " The threshold is on each score, so there is none in the rule. Which events are scored,"
        " how many alerts a day and what an alert is worth are in the detector's file.\n\n"
        "The rule runs with the rights of the API key that wrote it: while that key is valid, and"
        f" may read {what}, alerts are raised."
    )


def false_positives(rule: AlertRule) -> list[str]:
    """Harmless activity that the rule finds."""
    if rule.kind is RuleKind.HEALTH:
        return ["A source that is expected to be quiet for a while."]
    if rule.stage is Stage.AUDIT:
        return ["Nearly all of them: the sample exists to find the few attacks that were missed."]
    harmless = (
        "Unusual but permitted activity. Close such an alert as a benign or false positive: the"
        " next"
        " version of the detector learns from it. An exception hides it only from this rule."
    )
    return [harmless]
