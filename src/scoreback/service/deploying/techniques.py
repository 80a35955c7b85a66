"""Techniques in detector files that ATT&CK does not have; needs neither an engine nor a SIEM."""

from scoreback.attack import VERSION, unknown
from scoreback.models.detector.spec import Detector


def unknown_techniques(detector: Detector) -> list[str]:
    """A sentence for each technique of *detector* that ATT&CK does not have; no SIEM is asked."""
    return [
        f"alerts.attack of {detector.name!r} names {name}, which ATT&CK {VERSION} does not have:"
        " alert rules in the SIEM leave it out"
        for name in unknown(detector.alerts.attack)
    ]
