"""Allocators are chosen before Arrow is loaded."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
from scoreback.service.serving.allocators import keep_memory_flat
keep_memory_flat()
import pyarrow as pa
print(pa.default_memory_pool().backend_name, sum(pa.array(range(1000)).to_pylist()))
"""


def test_the_command_line_chooses_before_arrow_is_loaded() -> None:
    program = "import sys, scoreback.service.cli; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("chosen", [None, "system"])
def test_arrow_works_on_with_the_allocator_that_was_chosen(chosen: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    if chosen:
        environment["ARROW_DEFAULT_MEMORY_POOL"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
    )
    backend, total = done.stdout.split()
    if chosen or platform.libc_ver()[0] == "glibc":
        assert backend == (chosen or "jemalloc")
    assert (total, done.stderr) == ("499500", "")
