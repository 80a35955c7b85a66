"""Changes a key that is in force: checks the value, dates it with its author, and logs it."""

from datetime import datetime

from scoreback.connectors.doors.settings import Override
from scoreback.errors import ConfigError
from scoreback.models.detector.alerts import OVERRIDABLE
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force, overridden, value_of
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.state.workspace_state import CONTROL, PATIENCE


def change(
    app: App,
    detector: Detector,
    key: str,
    value: str | None,
    *,
    author: str,
    reason: str,
    at: datetime,
) -> tuple[str, str]:
    """Set *key* of *detector* to *value*; None makes the file's own value hold again.

    Returns:
        The value before and after, as the file writes them.

    Raises:
        ConfigError: the key cannot be set, the file locks it, or the value is wrong; or there is
            nothing to remove.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        now = in_force(app.state, detector)
        before = None if key not in OVERRIDABLE else value_of(now.detector, key)
        if value is not None:
            overridden(detector, key, value)
        elif key not in {one.key for one in (*now.overrides, *(r.override for r in now.refused))}:
            raise ConfigError(
                f"nothing overrides {key!r} of {detector.name!r}",
                hint="see what is overridden with: scoreback settings list",
            )
        Overrides(app.state).add(
            Override(
                detector=detector.name, key=key, value=value, author=author, reason=reason, at=at
            )
        )
        after = value_of(in_force(app.state, detector).detector, key)
    return str(before), str(after)
