"""Reads the detectors that files and folders describe."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scoreback.connectors.registry import connector_names, selection_keys
from scoreback.errors import ConfigError, DataError
from scoreback.models.detector.file import json_schema, load_detector
from scoreback.models.detector.fixture_file import is_tests_file
from scoreback.models.detector.located_yaml import parse, read_text
from scoreback.models.detector.problems import Problem, closest, refuse
from scoreback.models.detector.spec import Detector

SUFFIXES = (".yml", ".yaml")


def files_in(paths: Iterable[Path]) -> list[Path]:
    """*paths*, with each folder replaced by the detector files in it, in order of name.

    Raises:
        ConfigError: a folder cannot be read, or holds no detector file.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = files_of(path)
        if not inside:
            raise ConfigError(
                f"folder {path} holds no detector file",
                hint="name a folder with *.yml files, or the files themselves",
            )
        found += inside
    return list(dict.fromkeys(found))


def files_of(folder: Path) -> list[Path]:
    """The detector files directly in *folder*, in order of name.

    Hidden files are left out, and so are files of tests.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix in SUFFIXES and not path.name.startswith(".") and not is_tests_file(path)
        )
    except OSError as error:
        raise ConfigError(
            f"folder {folder} cannot be read: {error.strerror}", hint="check its permissions"
        ) from error


def read_detector(path: Path) -> Detector:
    """Read the detector of *path*; refuse it if it names an unknown SIEM, or an unknown key of one.

    Raises:
        ConfigError: names file, line, key and remedy.
    """
    found = load_detector(path)
    refuse_unknown_siems(found)
    _refuse_unknown_keys(path, found)
    return found


def refuse_unknown_siems(detector: Detector) -> None:
    """Refuse selections for connectors that are not installed.

    Raises:
        ConfigError: names the connector and those that are installed.
    """
    installed = connector_names()
    for kind in detector.events:
        if kind not in installed:
            raise ConfigError(
                f"detector {detector.name!r}: events.{kind} names no installed connector",
                hint=f"installed: {', '.join(installed)}; remove the others",
            )


def _refuse_unknown_keys(path: Path, detector: Detector) -> None:
    unknown = [
        Problem(("events", kind, key), "unknown key", closest(key, known))
        for kind, selection in detector.events.items()
        if (known := selection_keys(kind)) is not None
        for key in selection
        if key not in known
    ]
    if unknown:
        raise refuse(unknown, parse(read_text(path), str(path)))


def schema_of_files() -> dict[str, Any]:
    """The JSON Schema of detector files, with the keys of a selection for each installed SIEM."""
    schema: dict[str, Any] = json_schema()
    events = schema["properties"]["events"]
    events["properties"] = {
        name: {**events["additionalProperties"], "propertyNames": {"enum": list(keys)}}
        for name in connector_names()
        if (keys := selection_keys(name)) is not None
    }
    return schema


def refuse_unusable_incidents(path: Path, detector: Detector) -> None:
    """Refuse a detector of *path* that trains on an incidents file that cannot be used.

    Raises:
        ConfigError: names line and key of the detector file, and the error in the incidents file.
    """
    if detector.labels.incidents is None:
        return
    from scoreback.service.detectors.incidents import incident_labels  # loads an engine: late

    try:
        incident_labels(Path(detector.labels.incidents))
    except (ConfigError, DataError) as error:
        problem = Problem(("labels", "incidents"), error.message, error.hint)
        raise refuse([problem], parse(read_text(path), str(path))) from error


def read_detectors(paths: Iterable[Path]) -> Mapping[Path, Detector]:
    """The detectors of all files and folders in *paths*, in that order.

    Raises:
        ConfigError: one of them is wrong, or two describe a detector of the same name.
    """
    found: dict[Path, Detector] = {}
    for path in files_in(paths):
        detector = read_detector(path)
        for other, known in found.items():
            refuse_same_name(path, detector, other, known)
        found[path] = detector
    return found


def sound_detectors(
    paths: Iterable[Path],
) -> tuple[Mapping[Path, Detector], Mapping[Path, ConfigError]]:
    """The detectors of those files in *paths* that are valid, and what is wrong with the others.

    Where several files describe a detector of the same name, none of them counts as valid: only the
    user can say which one is meant.

    Raises:
        ConfigError: a folder cannot be read, or holds no detector file.
    """
    sound: dict[Path, Detector] = {}
    wrong: dict[Path, ConfigError] = {}
    named: dict[str, Path] = {}
    for path in files_in(paths):
        try:
            detector = read_detector(path)
        except ConfigError as error:
            wrong[path] = error
            continue
        other = named.setdefault(detector.name, path)
        if other == path:
            sound[path] = detector
            continue
        sound.pop(other, None)
        try:
            refuse_same_name(path, detector, other, detector)
        except ConfigError as error:
            wrong[other] = wrong[path] = error
    return sound, wrong


def refuse_same_name(path: Path, detector: Detector, other: Path, known: Detector) -> None:
    """Refuse *path* where *other* describes a detector of the same name.

    Raises:
        ConfigError: names both files.
    """
    if known.name == detector.name:
        raise ConfigError(
            f"{path} and {other} both describe a detector called {known.name!r}",
            hint="rename one of them, or omit one file",
        )
