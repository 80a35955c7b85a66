"""The product's own way, as `pipeline.py` runs it beside the others.

`prepare` runs once in the benchmark's process, `ours` in a fresh process for each run.
"""

import importlib
import math
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from features import DETECTOR
from pipeline_task import Task

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.names import Names
from scoreback.models.artifact.folder import Artifact, load, save
from scoreback.models.detector.spec import Keep, Labels, VerdictLabels, Write
from scoreback.models.learners.algorithms import algorithms
from scoreback.records import Enrichment, ModelVersion, ScoreBatch, WriteReport
from scoreback.service.app import App
from scoreback.service.scoring.plan import Model
from scoreback.service.scoring.shared_read import score
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State

# Libraries are loaded before anything is measured.
algorithms()
importlib.import_module("alembic.context")

SCORES = Names("bench").scores
"""The data stream that they write to."""


def prepare(folder: Path, artifact: Artifact, url: str) -> None:
    """Lay down in *folder* what `ours` needs: the artefact, and the cluster's templates.

    Args:
        folder: `Task.folder` of every run.
        artifact: the model of the other ways, for the detector ``detectors/features.yml``.
        url: where Elasticsearch answers.
    """
    # Above any score, so that nothing alerts: the other ways explain nothing either.
    manifest = artifact.manifest.model_copy(update={"threshold": 1.0})
    save(replace(artifact, manifest=manifest), folder / "artifact")
    with_resources = _connector(url)
    for resource in with_resources.resources.wanted():
        with_resources.resources.apply(resource)
    with_resources.close_connection()


ALL = Keep(top=1.0, sample=1.0)


def ours(task: Task, *, in_place: bool, keep: Keep | None = ALL) -> tuple[int, float]:
    """Run the score job over all events of the task; the count and the sum of its scores.

    Every score is stored, as the other ways store every score; or only those that the product
    keeps by itself, and then there is no sum.
    """
    write = Write(keep=keep or Keep(), enrich="in_place" if in_place else "none")
    detector = DETECTOR.model_copy(
        update={
            "events": {"elastic": {"index": task.source}},
            "labels": Labels(verdicts=VerdictLabels(join="event")),
            "write": write,
        }
    )
    artifact = load(Path(task.folder) / "artifact", threads=1)
    version = ModelVersion(
        detector=detector.name, version=task.run, status="champion", artifact_hash="",
        algorithm="xgboost", trained_as_of=datetime.fromisoformat(task.since),
        created_at=datetime.fromisoformat(task.since), parent=None, row_hash="",
    )  # fmt: skip
    connector = _Summing(_connector(task.url))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), connector="elastic", threads=1)
        with State.open(settings.state) as state:
            app = App(settings, connector, state)  # type: ignore[arg-type]  # but for the sum
            # Late enough that no event still waits for others of its time.
            outcome = score(
                app,
                detector,
                Model(version=version, artifact=artifact),
                now=datetime.fromisoformat(task.until) + detector.lag,
            )
    return outcome.scored, connector.total if keep else math.nan


def _connector(url: str) -> ElasticConnector:
    settings = {"hosts": [url], "namespace": "bench", "replicas": 0, "settle": "PT0S"}
    return ElasticConnector.open("bench", settings)


class _Summing:
    """A connector that adds up the scores which it writes."""

    def __init__(self, connector: ElasticConnector) -> None:
        self._connector = connector
        self.scores, self.enrichment = _Scores(connector), _Enrichments(connector)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the door is
        return getattr(self._connector, name)

    @property
    def total(self) -> float:
        """The sum of all scores."""
        return self.scores.total


class _Scores:
    def __init__(self, connector: ElasticConnector) -> None:
        self._door = connector.scores
        self.total = 0.0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the door can do
        return getattr(self._door, name)

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        """Write *scores*, all of which the cluster has to take."""
        report = self._door.write(scores, at=at)
        if report.written != scores.num_rows:
            raise RuntimeError(f"not every score was written: {report}")
        self.total += pc.sum(scores.batch.column("score")).as_py() or 0.0
        return report


class _Enrichments:
    def __init__(self, connector: ElasticConnector) -> None:
        self._door = connector.enrichment
        self.kinds = connector.enrichment.kinds

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Enrich events with *scores*, all of which the cluster has to take."""
        report = self._door.enrich(scores, how)
        if report.refused:
            raise RuntimeError(f"not every event was updated: {report.refused[:3]}")
        return report
