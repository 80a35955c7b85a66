"""A detector as it is in force: its file and the current overrides, except of locked keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from scoreback.connectors.doors.settings import Override
from scoreback.errors import ConfigError
from scoreback.models.detector.alerts import OVERRIDABLE
from scoreback.models.detector.spec import Detector
from scoreback.models.detector.wrong import WrongValue
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.state.workspace_state import State

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An override that is refused, and why."""

    override: Override
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What is in force for one detector now."""

    detector: Detector  # its file, with *overrides* in place
    overrides: tuple[Override, ...]
    refused: tuple[Refused, ...]

    @property
    def latest_change(self) -> tuple[str, str]:
        """Who last changed what is in force, and why."""
        if not self.overrides:
            return "file", "as the detector's file says"
        last = max(self.overrides, key=lambda one: one.at)
        return last.author, last.reason or f"{last.key} was set to {last.value}"


def in_force(state: State, detector: Detector) -> InForce:
    """*detector*, as its file has it, with the current overrides; those refused are listed."""
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
            hint=f"the keys are {', '.join(OVERRIDABLE)}; change all others in the file",
        )
    if key in detector.locked:
        raise ConfigError(
            f"{key} is locked in the file of {detector.name!r}",
            hint="change it in the file, or remove it from `locked` there",
        )
    try:
        return _with(detector, key.split("."), value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, WrongValue):
            raise ConfigError(f"{key}: {cause}", hint=cause.hint) from error
        raise ConfigError(
            f"{key}: {value!r}: {first['msg']}", hint="see `validate --explain`"
        ) from error


def _with(model: _Model, path: Sequence[str], value: str) -> _Model:
    """A copy of *model* in which the value at *path* is *value*."""
    name, *within = path
    if within:
        part: BaseModel = getattr(model, name) or _absent(model, name)
        return model.model_copy(update={name: _with(part, within, value)})
    field = type(model).model_fields[name]
    # The bounds of a value are stored beside its type.
    bounds = tuple(field.metadata)
    annotated: Any = Annotated[field.annotation, *bounds] if bounds else field.annotation
    typed: TypeAdapter[object] = TypeAdapter(annotated)
    return model.model_copy(update={name: typed.validate_strings(value)})


def _absent(model: BaseModel, name: str) -> BaseModel:
    """The part *name* of *model*, which the file leaves out, with nothing set in it."""
    kinds: tuple[type[BaseModel], ...] = tuple(
        kind for kind in get_args(type(model).model_fields[name].annotation) if kind is not NoneType
    )
    return kinds[0].model_construct()


def value_of(detector: Detector, key: str) -> object:
    """What *detector* has under the dotted *key*, as its file writes it."""
    *within, name = key.split(".")
    model: BaseModel | None = detector
    for part in within:
        model = getattr(model, part)
    if model is None:  # the file has no such part
        return None
    return model.model_dump(mode="json", include={name}).get(name)
