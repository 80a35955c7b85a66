"""Allocators are chosen once a workspace is opened."""

import subprocess
import sys

PROGRAM = """
import pyarrow as pa
from scoreback.service.memory import keep_memory_flat
keep_memory_flat()
keep_memory_flat()
print(pa.default_memory_pool().backend_name in ("jemalloc", "mimalloc", "system"))
print(sum(pa.array(range(1000)).to_pylist()))
"""


def test_work_goes_on_with_the_allocators_that_were_chosen() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "499500"]
    assert done.stderr == ""
