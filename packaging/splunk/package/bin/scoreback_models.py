"""A detector's model and threshold in force, from the app's collections; models are cached.

`scoreback_in_force` has a document for each detector: the version, the threshold and the digest of
the version's text; or why a search cannot score the detector. `scoreback_models` has that text in
parts. The text is ``{"model": ..., "names": {field: [names in Splunk]}}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scoreback_portable.model import PortableModel, digest, from_content
from scoreback_splunkd import Collection

_KEPT = 30 * 86_400  # seconds that an unused model stays on disk
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """The search cannot be answered; the message says what to do."""


class InForce(NamedTuple):
    """What to score with, and the score from which an event is an alert."""

    model: PortableModel
    names: Mapping[
        str, Sequence[str]
    ]  # field → its names in Splunk; the first one that an event has counts
    threshold: float
    cut: float  # the threshold as log-odds


def fetched(in_force: Collection, models: Collection, detector: str, version: str) -> InForce:
    """What to score *detector* with; the default is the *version* in force.

    Raises:
        Refused: the detector or version does not exist, or a search cannot score it.
        SplunkdError: the collections cannot be read.
    """
    point = in_force.get(detector)
    if point is None:
        raise Refused(
            f"detector {detector!r} is not in force in this Splunk; | inputlookup"
            " scoreback_in_force lists those that are, and `scoreback apply` adds them"
        )
    if point.get("why") and not version:
        raise Refused(
            f"a search cannot score detector {detector!r}: {point['why']}; the service scores it,"
            f" and `scoreback({detector})` returns its scores"
        )
    wanted = version or str(point.get("version", ""))
    expected = str(point.get("digest", "")) if wanted == point.get("version") else ""
    text = _cached(expected) or _joined(models, detector, wanted, expected)
    model, names = _read(text, detector, wanted)
    if wanted == point.get("version"):
        return InForce(model, names, _number(point, "threshold"), _number(point, "cut"))
    return InForce(model, names, model.threshold, model.cut)


def _joined(models: Collection, detector: str, version: str, expected: str) -> str:
    """The text of a version, joined from its parts and compared with the *expected* digest."""
    what = f"version {version!r} of detector {detector!r}"
    first = models.get(f"{detector}:{version}:0")
    if first is None:
        raise Refused(f"{what} is not in this Splunk; `scoreback apply` puts it there")
    parts = [first]
    for number in range(1, int(first["parts"])):
        part = models.get(f"{detector}:{version}:{number}")
        if part is None:
            raise Refused(
                f"{what} is incomplete: part {number} of {int(first['parts'])} is missing;"
                " `scoreback apply` puts it there"
            )
        parts.append(part)
    text = "".join(str(part["text"]) for part in parts)
    if digest(text) != (expected or first["digest"]):
        raise Refused(
            f"{what} is not the one in force, because its digest differs: somebody changed it, or"
            " it is just being replaced. Try again; if that fails, run `scoreback apply`"
        )
    _remember(text)
    return text


def _read(text: str, detector: str, version: str) -> tuple[PortableModel, Mapping[str, Any]]:
    try:
        content = json.loads(text)
        model, names = from_content(content["model"]), content["names"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"version {version!r} of detector {detector!r} cannot be read: {error}; the app may be"
            " older than the service that wrote it"
        ) from error
    if (model.detector, model.version) != (detector, version):
        raise Refused(f"what is stored as {version!r} of {detector!r} is another model")
    return model, names


def _number(point: Mapping[str, Any], name: str) -> float:
    try:
        return float(point[name])
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            f"the document of detector {point.get('detector')!r} in scoreback_in_force has no"
            f" {name}; the service writes it within a minute"
        ) from error


def _folder() -> Path | None:
    """The folder for cached models; None if Splunk does not say where it is installed."""
    home = os.environ.get("SPLUNK_HOME")
    return Path(home, "var", "run", "splunk", "scoreback_models") if home else None


def _cached(expected: str) -> str:
    """The text with this digest, if it is on disk and unchanged."""
    folder = _folder()
    if folder is None or not _DIGEST.fullmatch(expected):
        return ""
    path = folder / f"{expected}.json"
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
    if digest(text) != expected:
        return ""
    with contextlib.suppress(OSError):
        os.utime(path)
    return text


def _remember(text: str) -> None:
    """Cache *text* on disk for the next search, if there is room; delete unused texts."""
    folder = _folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            file.write(text)
        os.replace(file.name, folder / f"{digest(text)}.json")
        for other in folder.iterdir():
            if other.stat().st_mtime < time.time() - _KEPT:
                other.unlink()
