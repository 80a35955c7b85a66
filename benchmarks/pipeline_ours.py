"""The product's own way, as `pipeline.py` runs it beside the others.

`prepare` runs once in the benchmark's process, `ours` in a fresh process for each run.
"""

from pathlib import Path

from pipeline_task import Task

from scoreback.models.artifact import Artifact

BUILT = False
"""Whether the ways of this file take part; until then `pipeline.py` judges the raw limit."""


def prepare(folder: Path, artifact: Artifact, url: str) -> None:
    """Lay down in *folder* what `ours` needs: a workspace with the artefact as champion.

    Args:
        folder: `Task.folder` of every run.
        artifact: the model of the other ways, for the detector ``detectors/features.yml``.
        url: where Elasticsearch answers.
    """
    raise NotImplementedError


def ours(task: Task, *, in_place: bool) -> tuple[int, float]:
    """Run the score job over all events of the task; the count and the sum of its scores.

    The sum is that of the model's probabilities, which `pipeline.py` compares between all ways.
    """
    raise NotImplementedError
