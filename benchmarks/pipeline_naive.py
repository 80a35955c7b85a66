"""What is written first: scan, one frame of all events, predict, bulk."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from elasticsearch import Elasticsearch, helpers
from numpy.typing import NDArray
from pipeline_task import Model, Task

PRIVATE = ("10.", "192.168.")
# As many as the other ways take at a time; the helpers' defaults (1,000 and 500) cost more.
PAGE = CHUNK = 5_000


def naive(task: Task, *, in_place: bool) -> tuple[int, float]:
    """Score all events, onto the events themselves or into the target; count and sum of scores."""
    model = Model.load(task.folder)
    with Elasticsearch(task.url, request_timeout=120) as client:
        hits = list(helpers.scan(client, index=task.source, size=PAGE))
        scores = model.booster.inplace_predict(_matrix(hits, model.weights))
        actions = _updates(task, hits, scores) if in_place else _documents(task, hits, scores)
        helpers.bulk(client, actions, chunk_size=CHUNK)
    return len(hits), float(scores.sum(dtype=np.float64))


def _matrix(hits: list[dict[str, Any]], weights: dict[str, dict[str, float]]) -> NDArray[Any]:
    """The 24 features of ``detectors/features.yml``, in its order."""
    frame = pd.json_normalize([hit["_source"] for hit in hits])
    columns = [
        pd.to_numeric(frame[name], errors="coerce")
        for name in (
            "event.duration", "event.severity", "source.bytes", "source.packets", "source.port",
            "destination.bytes", "destination.packets", "destination.port", "network.bytes",
            "process.pid",
        )
    ]  # fmt: skip
    for name in weights:
        values = frame[name].str[0] if name == "event.category" else frame[name]
        columns.append(values.map(weights[name]).fillna(0.0))
    columns += [
        frame["process.command_line"].str.len(),
        frame["process.command_line"].str.count(r"\d"),
        frame["url.domain"].str.len(),
        frame["source.bytes"] / frame["source.packets"].replace(0, np.nan),
        pd.to_datetime(frame["@timestamp"], utc=True).dt.hour,
        frame["destination.ip"].str.startswith(PRIVATE),
    ]
    return np.column_stack([column.to_numpy(dtype=np.float64) for column in columns])


def _updates(
    task: Task, hits: list[dict[str, Any]], scores: NDArray[Any]
) -> Iterator[dict[str, Any]]:
    for hit, score in zip(hits, scores, strict=True):
        yield {
            "_op_type": "update",
            "_index": hit["_index"],
            "_id": hit["_id"],
            "doc": {"scoreback": {"score": float(score), "version": task.run}},
        }


def _documents(
    task: Task, hits: list[dict[str, Any]], scores: NDArray[Any]
) -> Iterator[dict[str, Any]]:
    for hit, score in zip(hits, scores, strict=True):
        yield {
            "_op_type": "create",
            "_index": task.target,
            "@timestamp": hit["_source"]["@timestamp"],
            "scoreback": {
                "score": float(score),
                "version": task.run,
                "event": {"id": hit["_id"], "index": hit["_index"]},
            },
        }
