"""Watches detector files while they are served: what they say now, or said when last valid."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scoreback.errors import ConfigError
from scoreback.models.detector.located_yaml import read_text
from scoreback.models.detector.spec import Detector
from scoreback.service.detectors.detector_files import files_of, read_detector, refuse_same_name

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A detector, and the file that describes it."""

    path: Path
    detector: Detector


@dataclass(slots=True)
class _File:
    text: str | None = None  # as last read; None: it is unreadable
    detector: Detector | None = None  # of the last valid text
    trouble: ConfigError | None = None


class DetectorWatch:
    """Reads files and folders again and again; a file that breaks keeps its last valid detector.

    Each problem is logged once, and again when it changes.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Watch *paths*: detector files, or folders of them, where new ones may turn up."""
        self._paths = tuple(paths)
        self._files: dict[Path, _File] = {}
        self._folders: dict[Path, ConfigError | None] = {}

    def look(self) -> Mapping[str, Served]:
        """Read what changed; return the detectors to run now, by name."""
        for path in self._listed():
            self._read(path, self._files.setdefault(path, _File()))
        return {
            file.detector.name: Served(path, file.detector)
            for path, file in self._files.items()
            if file.detector is not None
        }

    @property
    def troubles(self) -> list[ConfigError]:
        """The current problems, one for each file or folder."""
        found = [*self._folders.values(), *(file.trouble for file in self._files.values())]
        return [trouble for trouble in found if trouble is not None]

    def _listed(self) -> list[Path]:
        """The files that are there, and those that were."""
        listed = list(self._files)
        for path in self._paths:
            if not path.is_dir():
                if path not in self._folders:
                    listed.append(path)
                    continue
                trouble = ConfigError(f"folder {path} is gone", hint="restore the folder")
            else:
                trouble = None
                try:
                    listed += files_of(path)
                except ConfigError as error:
                    trouble = error
            known = self._folders.get(path)
            if trouble is not None and (known is None or known.message != trouble.message):
                _log.error(
                    "%s. Its detectors keep running as before. Try: %s", trouble, trouble.hint
                )
            self._folders[path] = trouble
        return list(dict.fromkeys(listed))

    def _read(self, path: Path, file: _File) -> None:
        try:
            text = read_text(path)
            if text == file.text:
                return
            file.text = text
            detector = read_detector(path)
            self._refuse_taken(path, detector)
        except ConfigError as error:
            self._tell(path, file, error)
            return
        if file.trouble is not None:
            _log.info("%s is valid again", path, extra=_named(detector))
        elif file.detector is None:
            _log.info("%s is served", path, extra=_named(detector))
        elif file.detector != detector:
            _log.info("%s changed", path, extra=_named(detector))
        file.detector, file.trouble = detector, None

    def _refuse_taken(self, path: Path, detector: Detector) -> None:
        """A name belongs to the file that had it first, unless that file is gone."""
        for other, known in list(self._files.items()):
            if other == path or known.detector is None or known.detector.name != detector.name:
                continue
            if other.exists():
                self._files[path].text = None  # look again: the other file may give up the name
                refuse_same_name(path, detector, other, known.detector)
            del self._files[other]  # it was renamed

    def _tell(self, path: Path, file: _File, error: ConfigError) -> None:
        if not path.exists():
            file.text = None  # so that it is news if it comes back as it was
        known, file.trouble = file.trouble, error
        if known is not None and known.message == error.message:
            return
        if file.detector is None:
            _log.error("%s. It is not run. Try: %s", error, error.hint)
            return
        going_on = "It keeps running with the file's last valid content"
        _log.error("%s. %s. Try: %s", error, going_on, error.hint, extra=_named(file.detector))


def _named(detector: Detector) -> dict[str, str]:
    return {"detector": detector.name}
