"""What a detection rule tells people: how to judge an alert of it, and what it needs to work."""

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
    """*text* as one line of which markdown makes nothing else: no link, no HTML, no plug-in."""
    return _MARKDOWN.sub(r"\\\1", plain(text))


def title(rule: AlertRule) -> str:
    """What the rule is called in Kibana."""
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
        return f"A sample of what the detector {plain(rule.detector)} did not alert of: {said}."
    if rule.stage is Stage.EXPLORE:
        return f"What a shadow of the detector {plain(rule.detector)} alone would show: {said}."
    return f"Scores of the detector {plain(rule.detector)} at or above its threshold: {said}."


def note(rule: AlertRule, kibana: Differences) -> str:
    """The triage guide."""
    if rule.kind is RuleKind.HEALTH:
        where = in_markdown(rule.notes)
        return (
            "## Triage\n\n"
            "The alert is about a detector, not about an event: `scoreback.detector` names it, and"
            f" `event.reason` says why. It is raised once a day while it lasts. What to do is in"
            f" {where} of Scoreback's documentation. How you close the alert teaches nothing."
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
            " Reasons of your own count as the connection's `verdicts` say."
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
    """What has to be there."""
    if rule.kind is RuleKind.HEALTH:
        return (
            "## Setup\n\nScoreback writes how its detectors do while `scoreback serve` runs with"
            " this connection."
        )
    what = "the data stream of scores"
    if rule.reads is Reads.EVENTS:
        what = "events beside which Scoreback has put their scores, and the lookup index of these"
    return (
        "## Setup\n\n"
        "The rule reads scores that Scoreback writes: run `scoreback serve` with this connection."
        " The threshold is on each score, so there is none in the rule. Which events are scored,"
        " how many alerts a day and what an alert is worth are in the detector's file.\n\n"
        "The rule runs with the rights of the API key that wrote it: while that key is valid, and"
        f" may read {what}, alerts are raised."
    )


def false_positives(rule: AlertRule) -> list[str]:
    """What it finds that is harmless."""
    if rule.kind is RuleKind.HEALTH:
        return ["A source that is meant to be quiet for a while."]
    if rule.stage is Stage.AUDIT:
        return ["Nearly all: the sample is there to find the few attacks that were missed."]
    harmless = (
        "What is unusual and allowed. Close such an alert as a benign or false positive: the next"
        " version of the detector learns from it. An exception hides it from this rule alone."
    )
    return [harmless]
