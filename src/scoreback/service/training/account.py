"""The account of a training: all its figures as plain values, stored beside the version.

`scoreback train --json` prints it, `scoreback report` draws it. An artefact holds what scoring
needs; the account holds what people ask about it afterwards.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scoreback.disk.files import sweep, write_whole
from scoreback.disk.room import reason, remedy
from scoreback.errors import DataError
from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import Training
from scoreback.records import ModelVersion
from scoreback.regular_file import read_regular
from scoreback.service.app import App


def account_of(
    detector: Detector, training: Training, version: ModelVersion, read: dict[str, Any]
) -> dict[str, Any]:
    """Everything that *training* found, and what was counted while events were *read*."""
    apart = training.held_out
    cuts = training.breakdown
    account = {
        "version": asdict(version),
        "detector": {
            "name": detector.name,
            "use_case": detector.use_case,
            "owner": detector.owner,
            "entity": detector.entity,
            "features": [feature.name for feature in detector.features],
            "budget": detector.alerts.budget,
            "per_entity": detector.alerts.per_entity,
            "today_queue": detector.train.today_queue,
            "benign_positive": detector.labels.benign_positive,
        },
        "chosen": training.chosen,
        "choice": asdict(training.choice),
        "single_feature": training.single_feature,
        "plain_rule": asdict(training.plain_rule),
        "beside": None if training.beside is None else asdict(training.beside),
        "judged_days": training.judged_days,
        "weights": None
        if training.weighing is None
        else asdict(training.weighing) | {"in_words": training.weighing.in_words},
        "counts": dict(training.counts),
        **read,
        "immature_days": training.immature_days,
        "warnings": training.warnings,
        "breakdown": asdict(cuts)
        | {
            "area_under_time": cuts.area_under_time,
            "macro_average_precision": cuts.macro_average_precision,
            "worst_average_precision": cuts.worst_average_precision,
        },
        "behaviour": asdict(training.behaviour),
        "pitfalls": [asdict(pitfall) for pitfall in training.pitfalls],
        "candidates": [asdict(evaluation) for evaluation in training.evaluations],
        "not_eligible": dict(training.not_eligible),
        "search": asdict(training.searched),
        "random_split_average_precision": training.random_split_average_precision,
        "held_out": None
        if apart is None
        else asdict(apart)
        | {
            "mean_average_precision": apart.mean_average_precision,
            "worst_average_precision": apart.worst_average_precision,
        },
        "made_of": _made_of(training.artifact),
    }
    plain: dict[str, Any] = json.loads(json.dumps(account, default=str))
    return plain


def write_account(app: App, account: dict[str, Any]) -> None:
    """Store *account*; training the same version again replaces it by the same one.

    Raises:
        DataError: it cannot be written.
    """
    path = _path(app, account["detector"]["name"], account["version"]["version"])
    content = json.dumps(account, indent=1, sort_keys=True) + "\n"
    try:
        write_whole(path, content.encode())
    except OSError as error:
        raise DataError(
            f"the account of {path.parent.name} {path.stem} cannot be written: {path}:"
            f" {reason(error)}",
            hint=f"{remedy(error)}: training the same data again makes the same version, with its"
            " account",
        ) from error
    sweep(path.parent, also=".new")


def read_account(app: App, version: ModelVersion) -> dict[str, Any]:
    """The account of *version*.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    path = _path(app, version.detector, version.version)
    try:
        account: dict[str, Any] = json.loads(read_regular(path))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise DataError(
            f"the account of {version.detector} {version.version} cannot be read: {path}: {why}",
            hint="train the detector again: the same data make the same version, with its account",
        ) from error
    return account


def _made_of(artifact: Artifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return manifest.model_dump(
        mode="json",
        include={
            "data",
            "algorithm",
            "parameters",
            "seed",
            "as_of",
            "libraries",
            "threshold",
            "metrics",
        },
    )


def _path(app: App, detector: str, version: str) -> Path:
    return app.settings.home / "accounts" / detector / f"{version}.json"
