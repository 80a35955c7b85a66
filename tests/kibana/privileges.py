"""Which API privileges a Kibana feature grants: what a role or key has, and what a route asks for.

A key names features (``feature_securitySolutionRulesV4.all``); a route asks for API privileges
(``rules-all``). A feature that the version does not know grants nothing, as in Elasticsearch, where
an application privilege that nobody registered is only a name.
"""

from collections.abc import Iterable

from tests.kibana.versions import Version

APPLICATION = "kibana-.kibana"
READ_LEVELS = ("read", "minimal_read")
LEVELS = ("all", "read", "minimal_all", "minimal_read")

_LISTS_READ = {"lists-read", "lists-summary"}
_LISTS_ALL = _LISTS_READ | {"lists-all"}
_RULES_READ = {"rules-read", "exceptions-read", "users-read", *_LISTS_READ}
_RULES_ALL = (
    _RULES_READ
    | _LISTS_ALL
    | {"rules-all", "exceptions-all", "enable-disable-rules", "manual-run-rules",
       "investigation-guide", "custom-highlighted-fields", "rules-settings"}
)  # fmt: skip
_ALERTS_READ = {"alerts-read"}
_ALERTS_ALL = _ALERTS_READ | {"alerts-all"}
_SIEM_READ = {"securitySolution"}
_SIEM_ALL = _SIEM_READ | {"securitySolution-writeEndpoint"}
_BOTH_READ = _SIEM_READ | _RULES_READ | _ALERTS_READ | {"notes_read", "timeline_read"}
_BOTH_ALL = _SIEM_ALL | _RULES_ALL | _ALERTS_ALL | {"notes_write", "timeline_write"}
# From 9.3 on rules and alerts have features of their own, and siemV5 alone does not reach them.
_RULES_FEATURE = {"securitySolution"}

FEATURES: dict[str, tuple[set[str], set[str]]] = {
    "siem": (_BOTH_ALL, _BOTH_READ),
    "siemV2": (_BOTH_ALL, _BOTH_READ),
    "siemV3": (_BOTH_ALL, _BOTH_READ),
    "siemV4": (_BOTH_ALL, _BOTH_READ),
    "siemV5": (_SIEM_ALL, _SIEM_READ),
    "securitySolutionRulesV1": (
        _RULES_FEATURE | _RULES_ALL | _ALERTS_ALL,
        _RULES_FEATURE | _RULES_READ | _ALERTS_READ,
    ),
    "securitySolutionRulesV2": (
        _RULES_FEATURE | _RULES_ALL | _ALERTS_ALL,
        _RULES_FEATURE | _RULES_READ | _ALERTS_READ,
    ),
    "securitySolutionRulesV3": (_RULES_FEATURE | _RULES_ALL, _RULES_FEATURE | _RULES_READ),
    "securitySolutionRulesV4": (_RULES_FEATURE | _RULES_ALL, _RULES_FEATURE | _RULES_READ),
    "securitySolutionAlertsV1": (_RULES_FEATURE | _ALERTS_ALL, _RULES_FEATURE | _ALERTS_READ),
    "securitySolutionCases": ({"cases-all", "cases-read"}, {"cases-read"}),
    "securitySolutionCasesV2": ({"cases-all", "cases-read"}, {"cases-read"}),
    "securitySolutionCasesV3": ({"cases-all", "cases-read"}, {"cases-read"}),
    "securitySolutionNotes": ({"notes_read", "notes_write"}, {"notes_read"}),
    "securitySolutionTimeline": ({"timeline_read", "timeline_write"}, {"timeline_read"}),
    "dashboard_v2": ({"dashboards-all", "dashboards-read"}, {"dashboards-read"}),
    "discover_v2": ({"discover-all"}, {"discover-read"}),
    "visualize_v2": ({"visualize-all"}, {"visualize-read"}),
    "indexPatterns": ({"data-views-all", "data-views-read"}, {"data-views-read"}),
    "savedObjectsManagement": (
        {"saved-objects-all", "saved-objects-read"},
        {"saved-objects-read"},
    ),
    "advancedSettings": ({"settings-all", "settings-read"}, {"settings-read"}),
    "actions": ({"actions-all", "actions-read"}, {"actions-read"}),
}  # fmt: skip
"""Per feature: API privileges of ``all``, and of ``read``.

Those of rules, alerts, exceptions and lists carry Kibana's own names. Where Kibana guards saved
objects by their type instead of by an API privilege, the name is the simulator's.
"""


def granted(names: Iterable[str], version: Version) -> set[str]:
    """The API privileges that features such as ``feature_siemV5.all`` grant in *version*."""
    known = {*version.features, *version.deprecated_features}
    privileges: set[str] = set()
    for name in names:
        if name in ("all", "read", "space_all", "space_read"):
            for every, reading in FEATURES.values():
                privileges |= reading if name.endswith("read") else every
            continue
        feature, _, level = name.removeprefix("feature_").partition(".")
        if feature not in known or feature not in FEATURES:
            continue
        every, reading = FEATURES[feature]
        if level in READ_LEVELS:
            privileges |= reading
        elif level in LEVELS:
            privileges |= every
    return privileges


def asked(privilege: str, version: Version) -> str:
    """What a route of *version* calls the privilege that it asks for."""
    own = ("rules-", "alerts-", "exceptions-")
    if privilege.startswith(own) and not version.rules_privileges:
        return "securitySolution"
    return privilege
