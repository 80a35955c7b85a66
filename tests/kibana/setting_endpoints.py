"""What a client asks to know where it stands: privileges, features, advanced settings.

Advanced settings have no public route: ``/internal/kibana/settings`` is Kibana's own, which answers
only those who say that they are Kibana. Tests set them by ``POST /simulator/settings``.
"""

from starlette.responses import Response

from tests.kibana import privileges
from tests.kibana.refusals import Refusal
from tests.kibana.routing import Call, Router
from tests.kibana.settings import Settings

router = Router()
_SETTINGS = "/internal/kibana/settings"
_NAMES = {
    "actions": "Actions and Connectors",
    "advancedSettings": "Advanced Settings",
    "dashboard_v2": "Dashboard",
    "discover_v2": "Discover",
    "indexPatterns": "Data View Management",
    "savedObjectsManagement": "Saved Objects Management",
    "securitySolutionNotes": "Notes",
    "securitySolutionTimeline": "Timeline",
    "visualize_v2": "Visualize library",
}


@router.on("GET", "/api/security/privileges")
def known_privileges(call: Call) -> Response:
    """The names of all privileges of this version, by feature."""
    levels = list(privileges.LEVELS)
    named = (*call.version.features, *call.version.deprecated_features)
    return call.answer(
        {
            "features": dict.fromkeys(sorted(named), levels),
            "global": ["all", "read"],
            "space": ["all", "read"],
            "reserved": ["fleet-setup", "ml_admin", "ml_apm_user", "ml_user", "monitoring"],
        }
    )


@router.on("GET", "/api/features")
def features(call: Call) -> Response:
    """The features in force, in short."""
    return call.answer(
        [
            {
                "id": feature,
                "name": _NAMES.get(feature, "Security" if "siem" in feature else feature),
                "category": _category(feature),
                "app": ["kibana"],
                "privileges": None,
            }
            for feature in call.version.features
        ]
    )


@router.on("GET", _SETTINGS)
def settings(call: Call) -> Response:
    """What was set in this space."""
    return call.answer({"settings": call.kept(Settings).shown()})


@router.on("POST", _SETTINGS, privileges=("settings-all",))
def change(call: Call) -> Response:
    """Set some; null sets one back."""
    changes = call.given().get("changes")
    if not isinstance(changes, dict):
        raise Refusal(400, "[request body.changes]: expected value of type [object]")
    kept = call.kept(Settings)
    kept.change(changes)
    return call.answer({"settings": kept.shown()})


def _category(feature: str) -> dict[str, object]:
    if feature.startswith(("siem", "securitySolution")):
        return {"id": "securitySolution", "label": "Security", "order": 4000}
    return {"id": "kibana", "label": "Analytics", "order": 1000}
