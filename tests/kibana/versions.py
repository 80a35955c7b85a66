"""What each simulated version of Kibana does differently, in one table.

The entries come from Elastic's documentation and published source, and from what the authors of
kibana-py measured on 9.4.3, 9.5.1 and 9.5.2. No Kibana was asked.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version's differences."""

    number: str
    """What ``/api/status`` says."""
    line: str
    """Of the rule schemas: major and minor."""
    closing_reasons: bool
    """Whether an alert is closed with a reason."""
    custom_reasons: bool
    """Whether the reason may be free text."""
    case_close_reason: bool
    """Whether a case is closed with a reason, which its alerts take over."""
    dashboards_api: str
    """Whether ``/api/dashboards`` is there: empty, ``preview`` or ``ga``."""
    rules_privileges: bool
    """Whether rules ask for privileges of their own (``rules-all``), not ``securitySolution``."""
    toggle_by_patch: bool
    """Whether PATCH of ``enabled`` and the bulk actions enable and disable are allowed."""
    internal_routes_refused: bool
    """Whether ``/internal`` answers 400 to a client that is not Kibana's own."""
    threshold_fields: int
    """How many fields a threshold rule may group by."""
    gap_actions: bool
    """Whether bulk actions include ``fill_gaps``."""
    old_bulk_routes: bool = False
    """Whether ``_bulk_create``, ``_bulk_update`` and ``_bulk_delete`` of rules are still there."""
    features: tuple[str, ...]
    """The ids in force, in ``privileges.FEATURES``."""
    deprecated_features: tuple[str, ...]
    """Ids of older versions that roles made there still have."""


_OLD = ("siem", "securitySolutionCases")
_SHARED = (
    "dashboard_v2", "discover_v2", "visualize_v2", "indexPatterns", "savedObjectsManagement",
    "advancedSettings", "actions",
)  # fmt: skip
_NOTES = ("securitySolutionNotes", "securitySolutionTimeline")
_8_19 = ("siemV3", "securitySolutionCasesV3", *_NOTES, *_SHARED)
_9_2 = ("siemV4", "securitySolutionCasesV3", *_NOTES, *_SHARED)
_9_4 = (
    "siemV5", "securitySolutionRulesV4", "securitySolutionAlertsV1", "securitySolutionCasesV3",
    *_NOTES, *_SHARED,
)  # fmt: skip

VERSIONS: dict[str, Version] = {
    "8.19": Version(
        number="8.19.9",
        line="8.19",
        closing_reasons=False,
        custom_reasons=False,
        case_close_reason=False,
        dashboards_api="",
        rules_privileges=False,
        toggle_by_patch=True,
        internal_routes_refused=False,
        threshold_fields=3,
        gap_actions=False,
        old_bulk_routes=True,
        features=_8_19,
        deprecated_features=(*_OLD, "siemV2", "securitySolutionCasesV2"),
    ),
    "9.2": Version(
        number="9.2.4",
        line="9.2",
        closing_reasons=True,
        custom_reasons=False,
        case_close_reason=False,
        dashboards_api="",
        rules_privileges=False,
        toggle_by_patch=True,
        internal_routes_refused=True,
        threshold_fields=5,
        gap_actions=True,
        features=_9_2,
        deprecated_features=(*_OLD, "siemV2", "siemV3", "securitySolutionCasesV2"),
    ),
    "9.4": Version(
        number="9.4.3",
        line="9.4",
        closing_reasons=True,
        custom_reasons=True,
        case_close_reason=True,
        dashboards_api="preview",
        rules_privileges=True,
        toggle_by_patch=False,
        internal_routes_refused=True,
        threshold_fields=5,
        gap_actions=True,
        features=_9_4,
        deprecated_features=(
            *_OLD, "siemV2", "siemV3", "siemV4", "securitySolutionCasesV2",
            "securitySolutionRulesV1", "securitySolutionRulesV2", "securitySolutionRulesV3",
        ),
    ),
    "9.5": Version(
        number="9.5.2",
        line="9.5",
        closing_reasons=True,
        custom_reasons=True,
        case_close_reason=True,
        dashboards_api="ga",
        rules_privileges=True,
        toggle_by_patch=True,
        internal_routes_refused=True,
        threshold_fields=5,
        gap_actions=True,
        features=_9_4,
        deprecated_features=(
            *_OLD, "siemV2", "siemV3", "siemV4", "securitySolutionCasesV2",
            "securitySolutionRulesV1", "securitySolutionRulesV2", "securitySolutionRulesV3",
        ),
    ),
}  # fmt: skip
NEWEST = "9.5"
