"""One way from events in Elasticsearch to scores in it: what it is given and what is measured."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xgboost as xgb


@dataclass(frozen=True, slots=True)
class Task:
    """What one run works on, as it travels to the run's own process."""

    url: str
    source: str
    """The data stream with the events."""
    target: str
    """The index for scores; unused in place."""
    folder: str
    """Where the model lies, and what else was prepared."""
    run: str
    """Another for each run and written beside each score: an update is never a repetition."""
    since: str
    """Arrival time of the first event, in ISO 8601."""
    until: str
    """Later than the arrival time of the last."""

    def dumped(self) -> str:
        """As JSON, for the command line of the run's process."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Model:
    """The trees, and the weight of each category's values."""

    booster: xgb.Booster
    weights: dict[str, dict[str, float]]

    @classmethod
    def load(cls, folder: str) -> "Model":
        """What `save` wrote, to be used by one thread at a time."""
        booster = xgb.Booster(model_file=str(Path(folder) / "model.ubj"))
        booster.set_param({"nthread": 1})
        return cls(booster, json.loads((Path(folder) / "weights.json").read_text()))

    def save(self, folder: Path) -> None:
        """Lay both down for the processes of the runs."""
        self.booster.save_model(folder / "model.ubj")
        (folder / "weights.json").write_text(json.dumps(self.weights))


def measured(work: Callable[[], tuple[int, float]]) -> dict[str, Any]:
    """CPU and wall time of *work*, its peak memory, and the count and sum of its scores."""
    cpu, wall = time.process_time(), time.perf_counter()
    count, total = work()
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_mb": _peak_mb(),
        "scored": count,
        "sum": total,
    }


def _peak_mb() -> float:
    """Of this process alone: what ``getrusage`` says may be the parent's."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
