"""Reads a detector file; each error has its line, its key, what is wrong and what to write.

The keys of the file are those of `scoreback.models.detector.spec`; features have short forms.
Importing this module loads no learning library, so that files are checked fast.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ValidationError

from scoreback.models.detector.checks import check_detector
from scoreback.models.detector.feature_forms import Feature, read_features, short_form
from scoreback.models.detector.features import EventFeature
from scoreback.models.detector.located_yaml import Document, Key, parse, read_text
from scoreback.models.detector.problems import Problem, problems_of, refuse
from scoreback.models.detector.schema import json_schema
from scoreback.models.detector.spec import Detector

__all__ = ["Setting", "explain", "json_schema", "load_detector", "parse_detector"]


class Setting(NamedTuple):
    """One key of a detector and its value, from the file or by default."""

    key: str  # "alerts.budget", "features[0]"
    value: str  # the value as a file writes it
    is_default: bool


def load_detector(path: Path) -> Detector:
    """Load the detector file *path*; files that it names are beside it.

    Raises:
        ConfigError: the file cannot be read or is wrong; the message has one line per problem
            (file, line, key, what is wrong), the hint has the remedies.
    """
    detector = parse_detector(read_text(path), str(path))
    named = {"incidents": detector.labels.incidents, "golden": detector.labels.golden}
    beside = {key: str(path.parent / name) for key, name in named.items() if name is not None}
    if not beside:
        return detector
    return detector.model_copy(update={"labels": detector.labels.model_copy(update=beside)})


def parse_detector(text: str, source: str = "detector") -> Detector:
    """Parse the detector in the YAML *text*; errors name it *source*.

    Raises:
        ConfigError: as `load_detector`.
    """
    document = parse(text, source)
    problems = list(_not_built(document.root))
    known = {problem.key for problem in problems}
    features, detector, found = _build(document)
    problems += [p for p in found if not _is_within(p.key, known)]
    if detector is not None and not problems:
        problems += check_detector(detector)
    if problems or detector is None:
        raise refuse(problems, document)
    return detector.model_copy(update={"features": features})


def explain(detector: Detector) -> list[Setting]:
    """Every key of *detector* in the file's order, its value, and whether it is the default."""
    return list(_settings(detector, "", given=True))


def _build(document: Document) -> tuple[list[Feature], Detector | None, list[Problem]]:
    features: list[Feature] = []
    problems: list[Problem] = []
    raw = dict(document.root)
    if "features" in raw:
        features, problems = read_features(raw["features"], ("features",))
        # A valid feature replaces broken ones, so that the other keys are checked too.
        raw["features"] = features or [_STAND_IN]
    try:
        return features, Detector.model_validate(raw), problems
    except ValidationError as error:
        return features, None, problems + list(problems_of(error, Detector))


_STAND_IN = EventFeature(kind="category", field="stand.in", name="stand.in")

# Values that a later version may understand: refused by name, never ignored.
_LATER_VALUES: dict[Key, tuple[Callable[[object], bool], str]] = {
    ("alerts", "deliver"): (lambda v: v == "rank", "write deliver: finding, or risk"),
    ("write", "copy_fields"): (lambda v: v == "default", "list the fields: [host.name, user.name]"),
}


def _not_built(root: dict[str, object]) -> Iterator[Problem]:
    for key, (is_later, hint) in _LATER_VALUES.items():
        value = _at(root, key)
        if is_later(value):
            yield Problem(key, f"{value!r} is not supported yet", hint)


def _at(root: dict[str, object], key: Key) -> object:
    value: object = root
    for part in key:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _is_within(key: Key, parents: set[Key]) -> bool:
    return any(key[: len(parent)] == parent for parent in parents)


def _settings(part: BaseModel, prefix: str, *, given: bool) -> Iterator[Setting]:
    written = part.model_dump(mode="json")
    for name in type(part).model_fields:
        value = getattr(part, name)
        here = given and name in part.model_fields_set
        if isinstance(value, BaseModel):
            yield from _settings(value, f"{prefix}{name}.", given=here)
        elif name == "features":
            for i, feature in enumerate(value):
                form = _written({**short_form(feature), "name": feature.name})
                yield Setting(f"features[{i}]", form, is_default=False)
        elif name == "tests":
            for i, test in enumerate(value):
                yield Setting(f"tests[{i}]", _written(test.name), is_default=False)
        elif isinstance(value, dict):
            for inner, form in written[name].items():
                yield Setting(f"{prefix}{name}.{inner}", _written(form), is_default=not here)
        else:
            yield Setting(f"{prefix}{name}", _written(written[name]), is_default=not here)


def _written(value: object) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=100_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
