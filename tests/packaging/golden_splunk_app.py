"""The list of what is in the built Splunk app and not in its sources, kept beside this file.

It has what the generator makes and the libraries bring, with a digest of each file; of those that
hold something of ours as well, such as the version, only the name.
"""

import hashlib
from pathlib import Path

from tests.packaging.splunk_app import BUILT, SOURCES

GOLDEN = Path(__file__).with_name("golden_splunk_app.txt")
RENEW = "make packages && .venv/bin/python -m tests.packaging.golden_splunk_app"
# Our own contents, or a number of them, within generated files.
OURS_WITHIN = {
    "LICENSE", "VERSION", "appserver/static/js/build/globalConfig.json",
    "appserver/static/openapi.json", "appserver/templates/base.html", "default/restmap.conf",
    "default/web.conf",
}  # fmt: skip


def listed(app: Path) -> list[str]:
    """A line for each such file of *app*: a digest, or a dash, and its name."""
    lines = []
    for path in sorted(path for path in app.rglob("*") if path.is_file()):
        name = str(path.relative_to(app))
        if (SOURCES / name).exists() and name not in OURS_WITHIN:
            continue
        within = name in OURS_WITHIN
        digest = "-" if within else hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        lines.append(f"{digest:16} {name}")
    return lines


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{line}\n" for line in listed(BUILT)))
