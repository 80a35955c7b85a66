"""Writes alert rules as files, in the format of the SIEM's own tools for rule repositories."""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from scoreback.connectors.doors.rules import WritesRuleFiles
from scoreback.deployment import AlertRule
from scoreback.errors import ConfigError
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.health_rules import health_rules
from scoreback.service.deploying.reconcile import champions_rules

_CREATED = re.compile(r'^creation_date = "(\d{4})/(\d{2})/(\d{2})"$', re.MULTILINE)
_UPDATED = re.compile(r'^updated_date = ".*"$', re.MULTILINE)


def write_rule_files(
    app: App, detectors: Iterable[Detector], folder: Path, *, today: date
) -> list[Path]:
    """Write the rules of those *detectors* that score, and the health rules, into *folder*.

    A file whose rule has not changed is left as it is; a changed one keeps its creation date.

    Raises:
        ConfigError: this SIEM's rules have no file format, or *folder* cannot be written.
    """
    door = app.connector.rules
    if not isinstance(door, WritesRuleFiles):
        raise ConfigError(
            f"rules of the connection {app.connector.name!r} are not kept as files",
            hint="--toml is for a connection to Elasticsearch that names its Kibana",
        )
    found = [rule for detector in detectors for rule in champions_rules(app, detector)]
    rules = [*found, *health_rules(app)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_written(door, rule, folder, today) for rule in rules]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"rules cannot be written into {folder}: {error}",
            hint="name a folder that this user may write to",
        ) from error


def _written(door: WritesRuleFiles, rule: AlertRule, folder: Path, today: date) -> Path:
    path = folder / f"scoreback_{rule.name.replace('.', '_')}.toml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    dated = _CREATED.search(before)
    created = date(*map(int, dated.groups())) if dated else today
    now = door.rule_file(rule, created=created, updated=today)
    if _UPDATED.sub("", before) != _UPDATED.sub("", now):
        path.write_text(now, encoding="utf-8")
    return path
