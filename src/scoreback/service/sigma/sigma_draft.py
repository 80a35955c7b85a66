"""Drafts a detector file from a Sigma rule: selection and features; labels are left to choose.

The rule says which events to look at, not what tells true hits from false ones; so features are
suggested by the names of its fields, and each says why it is there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scoreback.models.detector.draft import Choice, Draft, flow, windows
from scoreback.models.detector.features import WRITTEN_AFTER_CLOSING, is_or_is_under
from scoreback.models.detector.quantities import FIELD_NAME

if TYPE_CHECKING:
    from scoreback.service.sigma.sigma_rule import Rule, RuleField

# Without its #, the first choice of where labels come from makes the file valid.
CHOICE = "  # verdicts: {join: event}"
_NETWORK = frozenset(("proxy", "webserver", "firewall", "dns", "dns_query", "network_connection"))
_NETWORK_PRODUCTS = frozenset(("zeek", "cisco", "fortigate", "juniper", "huawei", "paloalto"))
_CLOUD = frozenset(
    ("aws", "azure", "gcp", "m365", "okta", "onelogin", "github", "bitbucket", "kubernetes",
     "google_workspace", "cisco_duo", "opencanary")
)  # fmt: skip
_TEXTS = re.compile(
    r"(command_?line|args|script_?block_?text|script|payload|url\.(original|query|path|full)|"
    r"uri|c-uri|cs-uri|user_?agent.*|question\.name|query|queryname|body|cookie|details|"
    r"file\.path|target_?filename|registry\.\w+|target_?object)$",
    re.IGNORECASE,
)
_NAMES_ONE = re.compile(
    r"(hash(es)?|md5|sha\d+|imphash|guid|entity_id|\.pid|process_?id|thread_?id|logon_?id|"
    r"logon\.id|session_?id|correlation_?id|request_?id|record_?id)(\.\w+)?$",
    re.IGNORECASE,
)
_TIMES = re.compile(r"(time|timestamp|date|created)$", re.IGNORECASE)
_ADDRESSES = re.compile(r"(\.ip|_ip|ip_?address|[a-z]Ip)$")
_AMOUNTS = re.compile(r"(bytes|size|length|count|duration|packets)$", re.IGNORECASE)
_HABITS = "how much happens at the same time, and what is usual here"
_SEVERITIES = {"informational": "low"}


def draft_of(rule: "Rule", path: Path, name: str, installed: Sequence[str]) -> Draft:
    """Draft the detector *name* from *rule*, with what the *installed* connectors understand."""
    entity, why = _entity(rule)
    features: list[dict[str, object]] = []
    categories: list[str] = []
    choices: list[Choice] = []
    used: list[RuleField] = []
    reasons: dict[str, str] = {}
    for field in rule.fields:
        left_out = _left_out(field)
        if left_out:
            choices.append(Choice(field.event_name, "left out", left_out))
            continue
        mine, reason = _features(field)
        if field.event_name == entity:
            mine = [feature for feature in mine if "category" not in feature]
            choices.append(Choice(entity, "entity", why))
        if not mine:
            continue
        features += mine
        used.append(field)
        if "category" in mine[0]:
            categories.append(field.event_name)
        if not field.mapped:
            reason += "; the name is the rule's own: write the one that your events have"
        kinds = ", ".join(next(iter(feature)) for feature in mine)
        choices.append(Choice(field.event_name, "features", f"{kinds}: {reason}"))
        reasons[field.event_name] = reason
    if entity not in [choice.field for choice in choices]:
        choices.append(Choice(entity, "entity", why))
    features.append({"hour_of_day": "event_time"})
    features += windows(entity, categories)
    fields = {field.event_name: field.name for field in used}
    fields.setdefault(entity, "")
    lines = [
        *_head(rule, path, name),
        *_events(rule, name, installed, fields),
        f"entity: {flow(entity)}  # {why}",
        *_LABELS,
        "features:",
        *_feature_lines(features, reasons),
        *_alerts(rule),
    ]
    return Draft("\n".join(lines) + "\n", tuple(choices), complete=False)


def chosen(text: str) -> str:
    """A draft as it is once its reader has chosen where labels come from."""
    return text.replace(CHOICE, CHOICE.replace("# ", "", 1), 1)


def name_of(title: str) -> str:
    """A detector's name, made from a rule's title."""
    plain = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    plain = plain if plain[:1].isalpha() else f"sigma_{plain}".strip("_")
    return plain[:60].rstrip("_")


_LABELS = (
    "labels:",
    "  # Choose where labels come from: remove the # from one or more of these.",
    CHOICE + "          # how analysts closed the alerts",
    "  # field: {name: event.outcome_label, positive: [attack], negative: [normal], delay: 1d}",
    "  # incidents: incidents.csv          # entity, from, to, verdict: known attacks",
    "  mature_after: 7d                   # more recent days are neither learnt from nor judged",
)


def _head(rule: "Rule", path: Path, name: str) -> list[str]:
    source = " ".join(f"{key}={value}" for key, value in rule.logsource.items())
    lines = [
        f"# Drafted from the Sigma rule {_comment(json.dumps(rule.title, ensure_ascii=False))}",
        f"# in {_comment(path.name)}, which is about {_comment(source)}.",
        "# Not run in any SIEM yet: run the selection there and look at its events, then train.",
        "# The detector scores the events that the rule selects, so it tells true hits of the",
        "# rule from false ones. To find what the rule misses, extend the selection to the log",
        "# source.",
        f"name: {flow(name)}",
        "use_case: threat_detection         # or incident_response, vulnerability_management",
    ]
    if rule.author:
        lines.append(f"owner: {_flow(rule.author)}  # the rule's author; name the person to ask")
    return lines


def _events(
    rule: "Rule", name: str, installed: Sequence[str], fields: Mapping[str, str]
) -> list[str]:
    lines = ["events:"]
    for siem, translation in rule.selections.items():
        if translation.fallback:
            continue
        if translation.why_not:
            lines.append(f"  # {siem}: no selection: {_comment(translation.why_not)}")
            continue
        words = _flow(dict(translation.selection(name, fields)))
        lines += [f"  # {siem}: {hint}" for hint in translation.hints]
        if siem in installed:
            lines.append(f"  {siem}: {words}")
        else:
            lines.append(f"  # {siem}: its connector is not installed; once it is, remove the #:")
            lines.append(f"  # {siem}: {words}")
    return lines + _fallbacks(rule, name, fields)


def _fallbacks(rule: "Rule", name: str, fields: Mapping[str, str]) -> list[str]:
    """Where the draft can be tried: a SIEM that does not select by rules."""
    lines: list[str] = []
    for siem, translation in rule.selections.items():
        if translation.fallback:
            lines += [f"  # {hint}" for hint in translation.hints]
            lines.append(f"  {siem}: {_flow(dict(translation.selection(name, fields)))}")
    return lines


def _entity(rule: "Rule") -> tuple[str, str]:
    names = [field.event_name for field in rule.fields]
    category = rule.logsource.get("category", "")
    product = rule.logsource.get("product", "")
    if product in _CLOUD:
        return "user.name", "log sources of a service are about its users"
    network = category in _NETWORK or product in _NETWORK_PRODUCTS
    if "source.ip" in names or (network and product not in ("windows", "linux", "macos")):
        return "source.ip", "the rule is about connections"
    return "host.name", "the rule is about what happens on a host"


def _left_out(field: "RuleField") -> str:
    name = field.event_name
    if not re.fullmatch(FIELD_NAME, name):
        return "detector files do not accept its name"
    if any(is_or_is_under(name, written) for written in WRITTEN_AFTER_CLOSING):
        return "it is written after an alert is closed"
    if _NAMES_ONE.search(name):
        return "it identifies one thing, like a hash"
    if _TIMES.search(name):
        return "a time never repeats"
    if not field.values:
        return "the rule only asks whether the field exists"
    if field.constant:
        return f"the rule asks for one value of it, {field.values[0][:60]!r}, so it hardly differs"
    return ""


def _features(field: "RuleField") -> tuple[list[dict[str, object]], str]:
    name = field.event_name
    if _ADDRESSES.search(name):
        return [{"is_private_ip": name}], "an address says little but whose it is"
    if _AMOUNTS.search(name):
        return [{"number": name}], "an amount"
    if _TEXTS.search(name):
        return (
            [{"ngrams": name}, {"length": name}, {"entropy": name}],
            "a text; the rule looks for parts of it, and the rest may tell, too",
        )
    return [{"category": name}], "the rule compares it with names"


def _feature_lines(
    features: Sequence[Mapping[str, object]], reasons: Mapping[str, str]
) -> list[str]:
    """Each feature on its line, with a reason where a field, or the windows, come up first."""
    lines: list[str] = []
    told: set[str] = set()
    for feature in features:
        subject = "windows" if "over" in feature else str(next(iter(feature.values())))
        note = _HABITS if subject == "windows" else reasons.get(subject, "")
        known, told = subject in told, {*told, subject}
        lines.append(f"  - {flow(dict(feature))}{f'  # {note}' if note and not known else ''}")
    return lines


def _alerts(rule: "Rule") -> list[str]:
    alerts: dict[str, object] = {"budget": "20/day"}
    if rule.level:
        alerts["severity"] = _SEVERITIES.get(rule.level, rule.level)
    if rule.techniques:
        alerts["attack"] = list(rule.techniques)
    return [f"alerts: {flow(alerts)}  # budget: how many alerts your team can read"]


def _flow(value: object) -> str:
    """YAML on one line, also where a text holds line breaks."""
    found = flow(value)
    return found if "\n" not in found else json.dumps(value, ensure_ascii=True)


def _comment(text: str) -> str:
    plain = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in plain)[:200]
