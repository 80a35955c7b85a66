"""A detector as it is in force: its file and the overrides that stand, but for what it locks."""

from dataclasses import dataclass

from pydantic import ValidationError

from scoreback.connectors.doors.settings import Override
from scoreback.errors import ConfigError
from scoreback.models.detector.alerts import OVERRIDABLE, Alerts
from scoreback.models.detector.spec import Detector
from scoreback.models.detector.wrong import WrongValue
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.state.workspace_state import State

_PART = "alerts."  # the only part of a file that overrides reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An override that does not count, and why."""

    override: Override
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What holds for one detector now."""

    detector: Detector  # its file, with *overrides* in place
    overrides: tuple[Override, ...]
    refused: tuple[Refused, ...]

    @property
    def latest_change(self) -> tuple[str, str]:
        """Who changed last what is in force, and why."""
        if not self.overrides:
            return "file", "as the detector's file says"
        last = max(self.overrides, key=lambda one: one.at)
        return last.author, last.reason or f"{last.key} was set to {last.value}"


def in_force(state: State, detector: Detector) -> InForce:
    """*detector*, as its file has it, with the overrides of now; one that is refused is told."""
    counted, refused, result = [], [], detector
    for override in Overrides(state).current(detector.name):
        try:
            result = overridden(result, override.key, str(override.value))
        except ConfigError as error:
            refused.append(Refused(override=override, reason=error.message))
        else:
            counted.append(override)
    return InForce(detector=result, overrides=tuple(counted), refused=tuple(refused))


def overridden(detector: Detector, key: str, value: str) -> Detector:
    """*detector* with *key* set to *value*, as its file would write it.

    Raises:
        ConfigError: the key cannot be overridden, the file locks it, or the value is wrong.
    """
    if key not in OVERRIDABLE:
        raise ConfigError(
            f"{key!r} is not a key that settings can change",
            hint=f"the keys are {', '.join(OVERRIDABLE)}; all others are changed in the file",
        )
    if key in detector.locked:
        raise ConfigError(
            f"{key} is locked in the file of {detector.name!r}",
            hint="change it in the file, or take the key out of `locked` there",
        )
    written = detector.alerts.model_dump(mode="json") | {key.removeprefix(_PART): value}
    try:
        alerts = Alerts.model_validate(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, WrongValue):
            raise ConfigError(f"{key}: {cause}", hint=cause.hint) from error
        raise ConfigError(
            f"{key}: {value!r}: {first['msg']}", hint="see `validate --explain`"
        ) from error
    return detector.model_copy(update={"alerts": alerts})
