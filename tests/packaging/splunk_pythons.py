"""The Pythons that Splunk's versions bring, as far as this machine has them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.9", "3.13")  # up to Splunk 10.0, and from 10.1 on


def splunk_python(version: str) -> str | None:
    """The command of Python *version*, under a plain name or in a version manager's folder."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [*sorted(pyenv.glob(f"{version}.*/bin/python")), shutil.which(f"python{version}")]
    for command in map(str, filter(None, named)):
        asked = [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return command
    return None
