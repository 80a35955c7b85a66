"""A workspace on the embedded SIEM: its doors, and scoring by whoever is champion."""

from datetime import datetime

from scoreback.connectors.local import LocalConnector
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.state.versions import Versions


def siem_of(app: App) -> LocalConnector:
    """The embedded SIEM of *app*."""
    assert isinstance(app.connector, LocalConnector)
    return app.connector


def champion_of(app: App, detector: Detector) -> ModelVersion:
    """The version of *detector* that scores."""
    found = Versions(app.state).champion(detector.name)
    assert found is not None
    return found


def model_of(app: App, detector: Detector) -> Model:
    """The model that scores for *detector*."""
    champion = champion_of(app, detector)
    return Model(version=champion, artifact=load_artifact(app, detector, champion))


def score_until(app: App, detector: Detector, now: datetime) -> ScoreOutcome:
    """Score what arrived before *now*, by the champion."""
    return score(app, detector, model_of(app, detector), now=now)
