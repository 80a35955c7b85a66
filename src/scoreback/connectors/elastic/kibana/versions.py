"""What each version of Kibana supports, as data: code reads `Differences`, never a version.

From Elastic's documentation and from what users of its API measured; it was not checked on a
Kibana. A version newer than the table is treated as the newest in it.
"""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class Version(NamedTuple):
    """A version of Kibana."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse ``9.5.1`` or ``9.6.0-SNAPSHOT``.

        Raises:
            ValueError: it does not begin with numbers.
        """
        found = _NUMBERS.match(text)
        if found is None:
            raise ValueError(f"{text!r} is not a valid version")
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    def __str__(self) -> str:
        """The version in Kibana's notation."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The ids of Kibana's features, which privileges of roles and API keys name."""

    rules: str  # detection rules and exceptions
    alerts: str  # their status and tags
    cases: str
    dashboards: str
    saved_objects: str = "savedObjectsManagement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What one version of Kibana supports, as far as code depends on it."""

    features: Features
    closing_reasons: bool = False  # alerts are closed with one of six reasons
    custom_reasons: bool = False  # admins can add their own reasons
    case_closing_reasons: bool = False  # closing a case closes its alerts with a reason
    metadata_injected: bool = False  # ES|QL rules read _id, _index and _version themselves
    joins_fields: bool = False  # LOOKUP JOIN in ES|QL accepts several fields
    dashboards_api: bool = False  # dashboards have a supported API


_8_19 = Differences(
    features=Features(
        rules="siemV2", alerts="siemV2", cases="securitySolutionCasesV2", dashboards="dashboard_v2"
    )
)
_9_2 = replace(
    _8_19,
    closing_reasons=True,
    joins_fields=True,
    features=Features(
        rules="siemV4", alerts="siemV4", cases="securitySolutionCasesV3", dashboards="dashboard_v2"
    ),
)
_9_3 = replace(
    _9_2,
    features=replace(
        _9_2.features, rules="securitySolutionRulesV1", alerts="securitySolutionRulesV1"
    ),
)
_9_4 = replace(
    _9_3,
    custom_reasons=True,
    case_closing_reasons=True,
    metadata_injected=True,
    features=replace(
        _9_3.features, rules="securitySolutionRulesV4", alerts="securitySolutionAlertsV1"
    ),
)
_9_5 = replace(_9_4, dashboards_api=True)
SINCE: dict[Version, Differences] = {
    Version(8, 19): _8_19,
    Version(9, 2): _9_2,
    Version(9, 3): _9_3,
    Version(9, 4): _9_4,
    Version(9, 5): _9_5,
}
OLDEST = min(SINCE)


def differences(version: Version) -> Differences:
    """What Kibana *version* supports; older ones than `OLDEST` are treated as that."""
    return SINCE[max((since for since in SINCE if since <= version), default=OLDEST)]
