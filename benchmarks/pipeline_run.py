"""One run of one way, in a process of its own: ``pipeline_run.py WAY TASK``, both by `pipeline.py`.

Prints what was measured as one line of JSON. Imports are not measured, and each way has only its
own, so that no way's memory holds another's libraries.
"""

import importlib
import json
import sys

# By name: what the function of this name's first word, in the file called after it, is told.
WAYS: dict[str, dict[str, object]] = {
    "naive, in place": {"in_place": True},
    "naive, apart": {"in_place": False},
    "raw, in place, 2 slices": {"in_place": True, "slices": 2},
    "raw, apart, 1 slice": {"in_place": False, "slices": 1},
    "raw, apart, 2 slices": {"in_place": False, "slices": 2},
    "raw, apart, our ids by create": {"in_place": False, "slices": 2, "ids": "create"},
    "raw, apart, our ids by index": {"in_place": False, "slices": 2, "ids": "index"},
    "ours, in place": {"in_place": True},
    "ours, apart": {"in_place": False},
    "ours, as by default": {"in_place": False, "keep": None},
}

if __name__ == "__main__":
    way = sys.argv[1]
    name = way.split(",", maxsplit=1)[0]
    if name == "ours":  # before Arrow is loaded, as every command does
        importlib.import_module("scoreback.service.serving.allocators").keep_memory_flat()
    tasks = importlib.import_module("pipeline_task")
    work = getattr(importlib.import_module(f"pipeline_{name}"), name)
    task = tasks.Task(**json.loads(sys.argv[2]))
    print(json.dumps(tasks.measured(lambda: work(task, **WAYS[way]))))
