"""Our alert rules have the keys that Splunk's own detections have.

Which those are is asked of contentctl, which builds Splunk's own content: it is given a detection
with our search, throttle, entity and technique, and the keys of what it writes are compared. Only
names of keys are: no text of theirs is kept.
"""

import json
import subprocess
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from scoreback.connectors.splunk.rules.enterprise_security import ACTIONS
from scoreback.connectors.splunk.rules.spl import KNOWN, NO_FILTER, filter_name, search_of
from scoreback.connectors.splunk.rules.stanza import PARAM, wanted
from scoreback.deployment import AlertRule, Delivery
from scoreback.records import Severity
from tests.elasticsearch.node import in_ci
from tests.packaging.splunk_app import ROOT
from tests.shared_data import require

VENDOR = ROOT / ".." / "shared" / "vendor"
TOOL = ROOT / ".venv-splunk-content" / "bin" / "contentctl"
RULE = AlertRule(
    name="probe", detector="probe", version="v1-aa", per_entity=3, throttle=timedelta(hours=1),
    budget=20.0, severity=Severity.MEDIUM, entity_field="source.ip", attack=("T1071.004",),
    description="A probe.",
)  # fmt: skip
# Names of the REST interface, where the file has others.
IN_THE_FILE = {
    "alert_comparator": "relation", "alert_threshold": "quantity", "alert_type": "counttype",
    "is_scheduled": "enableSched",
}  # fmt: skip
# What theirs have and ours do not, and why.
NOT_OURS = {
    "action.escu.creation_date": "a rule has no date of its own",
    "action.escu.modification_date": "a rule has no date of its own",
    "disabled": "whether it is enabled is the user's",
}
# What ours have beside theirs.
BESIDE = {
    "dispatch.index_earliest": "scores are read by when Splunk got them",
    "dispatch.index_latest": "scores are read by when Splunk got them",
    "alert.severity": "for the list of triggered alerts",
    "alert.track": "for the list of triggered alerts",
}
# The keys of a detection of contentctl 5.6.2 that opens findings, by what they are about.
THEIRS = frozenset(
    {
        "action.correlationsearch.annotations", "action.correlationsearch.detection_type",
        "action.correlationsearch.enabled", "action.correlationsearch.label",
        "action.correlationsearch.metadata", "action.escu", "action.escu.analytic_story",
        "action.escu.confidence", "action.escu.creation_date", "action.escu.data_models",
        "action.escu.eli5", "action.escu.enabled", "action.escu.how_to_implement",
        "action.escu.known_false_positives", "action.escu.mappings",
        "action.escu.modification_date", "action.escu.product",
        "action.escu.providing_technologies", "action.escu.search_type", "action.notable",
        "action.notable.param._entities", "action.notable.param.drilldown_searches",
        "action.notable.param.nes_fields", "action.notable.param.rule_description",
        "action.notable.param.rule_title", "action.notable.param.security_domain",
        "action.notable.param.severity", "alert.digest_mode", "alert.suppress",
        "alert.suppress.fields", "alert.suppress.period", "allow_skew", "counttype",
        "cron_schedule", "description", "disabled", "dispatch.earliest_time",
        "dispatch.latest_time", "enableSched", "is_visible", "quantity", "realtime_schedule",
        "relation", "schedule_window", "search",
    }
)  # fmt: skip
RISK = frozenset(
    {
        "action.risk", "action.risk.param._risk", "action.risk.param._risk_message",
        "action.risk.param._risk_score", "action.risk.param.verbose",
    }
)  # fmt: skip
NO_FINDING = frozenset(key for key in THEIRS if key.startswith("action.notable")) - {
    "action.notable.param.drilldown_searches"
}

LOOKUP = {
    "name": KNOWN, "id": "3f9f8c0e-2c0a-4c9e-9a5e-2f0f4a9d5c12", "version": 1,
    "date": "2026-11-01", "author": "Scoreback", "description": "ours", "lookup_type": "kvstore",
    "fields": ["_key", "alert_id"],
}  # fmt: skip


def ours(delivery: Delivery) -> set[str]:
    """The keys of our rule as a file would have them, without those of the app's own action."""
    will = wanted(replace(RULE, delivery=delivery), enterprise_security=True)
    keys = {IN_THE_FILE.get(key, key) for key in {**will.ours, **will.followed}}
    enabled = {f"action.{name}" for name in will.actions if name in ACTIONS.values()}
    return {key for key in keys | enabled if not key.startswith(PARAM)}


def test_a_finding_has_their_keys_but_for_those_that_are_told() -> None:
    found = ours(Delivery.FINDING)
    assert found - THEIRS == set(BESIDE)
    assert THEIRS - found == set(NOT_OURS)


def test_risk_has_their_keys_but_for_those_that_are_told() -> None:
    found, theirs = ours(Delivery.RISK), (THEIRS - NO_FINDING) | RISK
    assert found - theirs == set(BESIDE)
    assert theirs - found == set(NOT_OURS)


def test_every_key_that_is_no_actions_is_in_splunks_own_specification() -> None:
    require(VENDOR)
    listed = json.loads((VENDOR / "splunk-9.2-conf-keys.json").read_text())["savedsearches.conf"]
    known = {key for keys in listed.values() for key in keys}
    plain = {key for key in ours(Delivery.RISK) if not key.startswith("action.")}
    assert plain - known == set()


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("TTP", THEIRS | RISK), ("Anomaly", (THEIRS - NO_FINDING) | RISK)],
)
def test_contentctl_writes_these_keys_and_takes_our_search(
    kind: str, theirs: frozenset[str], tmp_path: Path
) -> None:
    if not TOOL.is_file():
        (pytest.fail if in_ci() else pytest.skip)(
            "contentctl is missing: `make .venv-splunk-content/tools`"
        )
    built = build(tmp_path, kind)
    assert set(built) == set(theirs)
    assert built["search"].strip() == search_of(RULE)


def build(folder: Path, kind: str) -> Mapping[str, str]:
    """What contentctl makes of our rule, as a detection of *kind*."""
    call(folder, "init")
    for shipped in (folder / "detections").rglob("*.yml"):
        shipped.unlink()
    # What our search names; the filter macro is made by contentctl, as the service makes it.
    macro = {"name": "scoreback_index", "definition": "index=scoreback", "description": "ours"}
    (folder / "macros" / "scoreback_index.yml").write_text(yaml.safe_dump(macro))
    (folder / "lookups").mkdir(exist_ok=True)
    (folder / "lookups" / f"{KNOWN}.yml").write_text(yaml.safe_dump(LOOKUP))
    path = folder / "detections" / "network" / "probe.yml"
    path.write_text(yaml.safe_dump(detection(kind)))
    call(folder, "build")
    (conf,) = (folder / "dist").rglob("savedsearches.conf")
    assert f"[{filter_name(RULE.name)}]\ndefinition = {NO_FILTER}\n" in (
        conf.with_name("macros.conf").read_text()
    )
    parser = RawConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = conf.read_text()
    parser.read_string(text[text.index("\n[", text.index("[default]") + 1) :])
    (name,) = (each for each in parser.sections() if each.endswith("Probe - Rule"))
    return {key: parser[name][key] for key in parser.options(name)}


def call(folder: Path, command: str) -> None:
    """Run contentctl; what it says is shown if it fails."""
    done = subprocess.run(
        [TOOL, command, "--path", folder], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def detection(kind: str) -> Mapping[str, object]:
    """Our rule as contentctl takes a detection."""
    suppressed = wanted(RULE, enterprise_security=True).followed
    return {
        "name": "Probe", "id": "2f9f8c0e-2c0a-4c9e-9a5e-2f0f4a9d5c11", "version": 1,
        "date": "2026-11-01", "author": "Scoreback", "status": "experimental", "type": kind,
        "description": RULE.description, "data_source": [], "search": search_of(RULE),
        "how_to_implement": "Let the service score.", "known_false_positives": "Some.",
        "references": [], "drilldown_searches": [],
        "rba": {
            "message": "$scoreback_entity$", "threat_objects": [],
            "risk_objects": [{"field": "scoreback_entity", "type": "system", "score": 47}],
        },
        "tags": {
            "analytic_story": ["Cobalt Strike"], "asset_type": "Endpoint",
            "mitre_attack_id": list(RULE.attack), "security_domain": "threat",
            "product": ["Splunk Enterprise", "Splunk Enterprise Security", "Splunk Cloud"],
            "throttling": {
                "fields": [suppressed["alert.suppress.fields"]],
                "period": suppressed["alert.suppress.period"],
            },
        },
    }  # fmt: skip
