"""What Enterprise Security adds: findings, risk, review, dispositions.

Written from public documentation of its macros, lookups and endpoints.
"""

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from tests.splunkd.confs import Stanza
from tests.splunkd.spl.engine import Shown
from tests.splunkd.store import Event

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance

APP = "SplunkEnterpriseSecuritySuite"
MISSION_CONTROL = "missioncontrol"
REVIEW = "incident_review"
DISPOSITIONS = {
    "disposition:0": "Unassigned",
    "disposition:1": "True Positive - Suspicious Activity",
    "disposition:2": "Benign Positive - Suspicious But Expected",
    "disposition:3": "False Positive - Incorrect Analytic Logic",
    "disposition:4": "False Positive - Inaccurate Data",
    "disposition:5": "Other",
    "disposition:6": "Undetermined",
}
STATUSES = ("Unassigned", "New", "In Progress", "Pending", "Resolved", "Closed")
_ENDS = ("Resolved", "Closed")
_LOOKUPS = {
    "incident_review_lookup": (
        REVIEW, "_key, time, rule_id, status, disposition, owner, reviewer, urgency, comment"
    ),
    "reviewstatuses_lookup": (
        "reviewstatuses", "_key, status, label, description, default, disabled, end, status_type"
    ),
    "disposition_lookup": ("dispositions", "_key, disposition, label, status, default"),
}  # fmt: skip
_CAPABILITIES = {"edit_notable_events", "edit_correlationsearches", "edit_reviewstatuses"}


def install(instance: "Instance") -> None:
    """Add Enterprise Security to a search head."""
    from tests.splunkd.accounts import Role
    from tests.splunkd.instance import App, Index

    instance.enterprise_security = True
    for name, label in ((APP, "Enterprise Security"), (MISSION_CONTROL, "Mission Control"),
                        ("SA-ThreatIntelligence", "SA-ThreatIntelligence"),
                        ("DA-ESS-ContentUpdate", "ESCU")):  # fmt: skip
        instance.add_app(App(name, label, "8.1.0", None))
    for name in ("notable", "risk", "notable_summary"):
        instance.indexes.setdefault(name, Index(name, APP))
    confs = instance.confs
    for lookup, (collection, fields) in _LOOKUPS.items():
        confs.ship("collections", collection, APP, {"replicate": "false", "disabled": "0"})
        kept = {"external_type": "kvstore", "collection": collection, "fields_list": fields,
                "max_matches": "1000"}  # fmt: skip
        confs.ship("transforms", lookup, APP, kept)
    for name, definition in (
        ("get_notable_index", "index=notable"),
        ("get_event_id_meval", "event_id=event_id"),
        ("notable", "search index=notable | eval rule_id=event_id"),
        ("risk_index", "index=risk"),
        ("get_risk_index", "index=risk"),
    ):
        confs.ship("macros", name, APP, {"definition": definition})
    confs.ship("props", "stash", APP, {"KV_MODE": "none"})
    for action in ("notable", "risk"):
        confs.ship("alert_actions", action, APP, {"is_custom": "1", "label": action.title()})
    for number, label in enumerate(STATUSES):
        row = {"_key": str(number), "status": str(number), "label": label, "disabled": "0",
               "end": str(int(label in _ENDS)), "default": str(int(label == "New")),
               "status_type": "notable", "description": label}  # fmt: skip
        instance.kv.put(APP, "reviewstatuses", row)
    for key, label in DISPOSITIONS.items():
        default = str(int(key.endswith(":6")))
        row = {"_key": key, "disposition": key, "label": label, "description": label,
               "status": "enabled", "default": default}  # fmt: skip
        instance.kv.put(APP, "dispositions", row)
    accounts = instance.accounts
    accounts.known_capabilities |= _CAPABILITIES
    accounts.roles["ess_analyst"] = Role("ess_analyst", {"edit_notable_events"}, ["user"])
    accounts.roles["ess_admin"] = Role("ess_admin", set(_CAPABILITIES), ["ess_analyst", "power"])
    accounts.roles["admin"].capabilities |= _CAPABILITIES


def act(
    kind: str, instance: "Instance", stanza: Stanza, sid: str, rows: list[Shown], at: float
) -> str:
    """Write findings or risk of a run's rows; nothing goes wrong."""
    make = _finding if kind == "notable" else _risks
    for number, row in enumerate(rows):
        instance.store.add(make(instance, stanza, f"{sid}:{number}", row, at))
    return ""


def _common(stanza: Stanza, rid: str, row: Shown, at: float) -> Shown:
    """What findings and risk of a row both say."""
    values = stanza.values
    own = {k: v for k, v in row.items() if not k.startswith("_")}
    sid, _, number = rid.rpartition(":")
    made: Shown = {
        **own,
        "search_name": stanza.name,
        "orig_sid": sid,
        "orig_rid": number,
        "info_search_time": f"{at:.0f}",
        "security_domain": values.get("action.notable.param.security_domain", "threat"),
    }
    if "_time" in row:
        made.setdefault("orig_time", row["_time"])
    for name in ("index", "host", "source", "sourcetype"):
        if name in own:
            made[f"orig_{name}"] = own[name]
    annotations = _json(values.get("action.correlationsearch.annotations", ""), {})
    for name, value in annotations.items():
        if value:
            listed = value if isinstance(value, list) else [str(value)]
            made[f"annotations.{name}"] = [str(each) for each in listed]
    return made


def _json(text: str, otherwise: Any) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return otherwise


def _finding(instance: "Instance", stanza: Stanza, rid: str, row: Shown, at: float) -> list[Event]:
    from tests.splunkd.scheduling.actions import filled, stash

    values = stanza.values
    fields = _common(stanza, rid, row, at)
    label = values.get("action.correlationsearch.label") or stanza.name
    digest = hashlib.md5(f"{rid}{sorted(row.items())}".encode(), usedforsecurity=False).hexdigest()
    guid = str(uuid.uuid5(uuid.NAMESPACE_DNS, instance.name)).upper()
    fields |= {
        "event_id": f"{guid}@@notable@@{digest}",
        "event_hash": digest,
        "rule_name": label,
        "rule_title": filled(values.get("action.notable.param.rule_title", label), row),
        "rule_description": filled(values.get("action.notable.param.rule_description", ""), row),
        "severity": values.get("action.notable.param.severity", "medium"),
        "drilldown_searches": values.get("action.notable.param.drilldown_searches", ""),
    }
    for entity in _json(values.get("action.notable.param._entities", ""), []):
        name = entity.get("risk_object_field", "N/A")
        if name in row:
            fields |= {
                "risk_object": row[name],
                "risk_object_type": str(entity.get("risk_object_type", "other")),
                "risk_score": str(entity.get("risk_score", 0)),
            }
    return [stash("notable", fields, stanza.name, instance.name, at)]


def _risks(instance: "Instance", stanza: Stanza, rid: str, row: Shown, at: float) -> list[Event]:
    from tests.splunkd.scheduling.actions import filled, stash

    values = stanza.values
    objects = _json(values.get("action.risk.param._risk", ""), [])
    threats = [o for o in objects if o.get("threat_object_field") in row]
    common = _common(stanza, rid, row, at)
    if threats:
        common["threat_object"] = [str(row[o["threat_object_field"]]) for o in threats]
        common["threat_object_type"] = [str(o.get("threat_object_type", "")) for o in threats]
    message = filled(values.get("action.risk.param._risk_message", ""), row)
    made = []
    for entity in objects:
        name = entity.get("risk_object_field")
        if name not in row:
            continue
        score = entity.get("risk_score", 0)
        fields = {
            **common,
            "risk_object": row[name],
            "risk_object_type": filled(str(entity.get("risk_object_type", "other")), row),
            "risk_score": filled(str(score), row),
            "risk_message": message,
        }
        made.append(stash("risk", fields, stanza.name, instance.name, at))
    return made


def review(
    instance: "Instance",
    event_id: str,
    reviewer: str,
    *,
    status: str = "",
    disposition: str = "",
    owner: str = "",
    urgency: str = "",
    comment: str = "",
) -> None:
    """Write down a change of a finding's review; what is not said stays as it was."""
    rows = [r for r in instance.kv.documents(APP, REVIEW) if r.get("rule_id") == event_id]
    last = max(rows, key=lambda r: r["time"], default={})
    row = {
        "time": instance.clock.now(),
        "rule_id": event_id,
        "status": status or last.get("status", "1"),
        "disposition": disposition or last.get("disposition", "disposition:6"),
        "owner": owner or last.get("owner", "unassigned"),
        "urgency": urgency or last.get("urgency", ""),
        "reviewer": reviewer,
        "comment": comment,
    }
    instance.kv.put(APP, REVIEW, row)
