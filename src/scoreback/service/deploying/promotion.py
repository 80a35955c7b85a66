"""Promotes, retires and rolls back versions; a scoring run in progress follows at once."""

from collections.abc import Callable
from datetime import datetime

from scoreback.errors import SiemRefused
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.reconcile import (
    NOT_OURS_TO_CHANGE,
    in_words,
    log_warning,
    reconcile,
    rule_of,
)
from scoreback.service.state.versions import Beside, Versions
from scoreback.service.state.workspace_state import CONTROL, PATIENCE


def promote(
    app: App,
    detector: Detector,
    version: str,
    *,
    by: str,
    at: datetime,
    warn: Callable[[str], None] = log_warning,
    instead_of: ModelVersion | None = None,
    beside: Beside | None = None,
) -> ModelVersion:
    """Let *version* score and raise alerts from now on.

    Args:
        app: the open workspace.
        detector: the version's detector.
        version: the version's name.
        by: who promotes it, for the audit log.
        at: the time of the change.
        warn: called with the reason if the alert rule stays as it is.
        instead_of: the champion that the decision was based on; None: any.
        beside: called in the transaction that promotes.

    Raises:
        StateError: there is no such version, or the champion is no longer *instead_of*.
        ArtifactError: its artefact is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        versions = Versions(app.state)
        _refuse_edited(app, detector, versions.get(detector.name, version))
        champion = versions.promote(
            detector.name, version, by=by, at=at, instead_of=instead_of, beside=beside
        )
        reconcile(app, detector, at=at, warn=warn)
    follow_native(app, [detector], at=at, warn=warn)
    return champion


def retire(
    app: App,
    detector: Detector,
    version: str,
    *,
    by: str,
    at: datetime,
    reason: str,
    warn: Callable[[str], None] = log_warning,
) -> ModelVersion:
    """Let *version*, a candidate or a shadow, score no more; the *reason* is in the audit log.

    Raises:
        StateError: there is no such version, or it is the champion; nothing is changed.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        retired = Versions(app.state).retire(detector.name, version, by=by, at=at, reason=reason)
        reconcile(app, detector, at=at, warn=warn)  # rules that depend on shadows follow
    return retired


def rollback(
    app: App,
    detector: Detector,
    *,
    by: str,
    at: datetime,
    warn: Callable[[str], None] = log_warning,
    beside: Beside | None = None,
) -> ModelVersion:
    """Let the previous champion score again; *beside* is called in the same transaction.

    Raises:
        StateError: there is no earlier champion.
        ArtifactError: its artefact is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        versions = Versions(app.state)
        _refuse_edited(app, detector, versions.earlier(detector.name))
        champion = versions.rollback(detector.name, by=by, at=at, beside=beside)
        reconcile(app, detector, at=at, warn=warn)
    follow_native(app, [detector], at=at, warn=warn)
    return champion


def undo_rollback(
    app: App,
    detector: Detector,
    version: str,
    *,
    by: str,
    at: datetime,
    beside: Beside,
    warn: Callable[[str], None] = log_warning,
) -> ModelVersion:
    """Let *version*, which was rolled back, score again; *beside* runs in the same transaction.

    Raises:
        ArtifactError: its artefact is damaged; nothing is changed.
        SiemRefused: somebody changed the rule in the SIEM by hand; nothing is changed.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        versions = Versions(app.state)
        _refuse_edited(app, detector, versions.get(detector.name, version))
        champion = versions.undo_rollback(detector.name, version, by=by, at=at, beside=beside)
        reconcile(app, detector, at=at, warn=warn)
    follow_native(app, [detector], at=at, warn=warn)
    return champion


def _refuse_edited(app: App, detector: Detector, version: ModelVersion) -> None:
    if app.connector.rules is None:
        return
    load_artifact(app, detector, version)
    rule = rule_of(app, detector, version)
    found = app.connector.rules.standing(rule)
    if found.standing not in NOT_OURS_TO_CHANGE:
        return
    if Versions(app.state).champion(detector.name) is None:
        hint = "rename or remove that rule in the SIEM, or give the detector another name"
    else:
        hint = (
            "look at it with `scoreback plan`, then replace it with `scoreback apply --take-over`"
        )
    raise SiemRefused(f"{in_words(rule, found)}; nothing was changed", hint=hint)
