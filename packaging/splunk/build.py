"""Builds the Splunk app: the add-on generator's settings page, with Scoreback's files on top.

`make packages` runs it with the Python of `.venv-splunk-app`. The same sources give the same bytes:
no time, no random number and no name of this machine gets in.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
APP = "scoreback"
GENERATED_FROM = ("app.manifest", "bin/scoreback_changes.py", "lib/requirements.txt")
PIP = "24.3.1"
# Pure Python for every Python in Splunk, whichever Python builds the app.
PIP_FLAGS = "--no-deps --no-compile --ignore-requires-python --only-binary=:all:"
# Of these libraries only what the handlers import; of all others everything.
KEPT = {
    "solnlib": lambda path: path.name != "observability.py" and "modular_input" not in path.parts,
    "splunklib": lambda path: str(path) in ("__init__.py", "binding.py", "client.py", "data.py"),
    "splunktaucclib": lambda path: path.parts[0] in ("__init__.py", "rest_handler"),
}
# The generator writes a spec for an accounts file, which the app does not have.
NOT_GENERATED = ("README/scoreback_account.conf.spec",)
NOT_SHIPPED = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "top_level.txt")
STANZA = re.compile(r"^\[(.*)\]\s*$", re.MULTILINE)


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "splunk")
    parser.add_argument("--archives", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args()
    app = build(chosen.folder)
    print(archive(app, chosen.archives))


def version() -> str:
    """The version of the service, which is also the app's."""
    text = (ROOT / "src" / "scoreback" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise SystemExit("src/scoreback/__init__.py has no __version__")
    return found[1]


def build(folder: Path) -> Path:
    """The app's folder, created afresh in *folder*."""
    app = folder / APP
    shutil.rmtree(app, ignore_errors=True)
    with tempfile.TemporaryDirectory() as aside:
        generated = generate(Path(aside), version())
        prune(generated / "lib")
        shutil.copytree(generated, app, ignore=shutil.ignore_patterns("__pycache__"))
    for name in NOT_GENERATED:
        (app / name).unlink()
    overlay(HERE / "package", app)
    shutil.copy(ROOT / "LICENSE", app / "LICENSE")
    check_certificates(app)
    name_version(app, version())
    number_builds(app)
    return app


def generate(aside: Path, version: str) -> Path:
    """Run the add-on generator with its configuration and the few sources that it needs."""
    shutil.copy(HERE / "globalConfig.json", aside)
    for name in GENERATED_FROM:
        (aside / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package" / name, aside / "package" / name)
    command = [
        str(Path(sys.executable).with_name("ucc-gen")), "build", "--source", "package",
        "--output", "output", "--ta-version", version, "--overwrite",
        "--python-binary-name", sys.executable, "--pip-version", PIP,
        "--pip-custom-flag", PIP_FLAGS,
    ]  # fmt: skip
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(  # noqa: S603
        command, cwd=aside, env=environment, capture_output=True, text=True, check=False
    )
    made = aside / "output" / APP
    if done.returncode or not (made / "default" / "restmap.conf").is_file():
        raise SystemExit(f"the add-on generator failed:\n{done.stdout}{done.stderr}")
    return made


def prune(lib: Path) -> None:
    """Remove from *lib* what no handler imports, and pip's own records."""
    for path in sorted(lib.rglob("*"), reverse=True):
        inside = path.relative_to(lib)
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
            continue
        kept = KEPT.get(inside.parts[0])
        if (
            (kept is not None and not kept(Path(*inside.parts[1:])))
            or (inside.parts[0].endswith(".dist-info") and path.name in NOT_SHIPPED)
            or path.suffix == ".pyc"
        ):
            path.unlink()


def overlay(ours: Path, app: Path) -> None:
    """Copy Scoreback's files over the generated ones; joins the stanzas of a conf file in both."""
    for path in sorted(ours.rglob("*")):
        inside = path.relative_to(ours)
        if path.is_symlink():  # to the package that the service and the search command share
            shutil.copytree(path, app / inside, ignore=shutil.ignore_patterns("__pycache__"))
            continue
        if path.is_dir() or "__pycache__" in inside.parts:
            continue
        there = app / inside
        joined = there.is_file() and inside.name in ("restmap.conf", "web.conf")
        there.parent.mkdir(parents=True, exist_ok=True)
        if not joined:
            shutil.copyfile(path, there)
            continue
        generated, own = there.read_text(), path.read_text()
        twice = set(STANZA.findall(generated)) & set(STANZA.findall(own))
        if twice:
            raise SystemExit(f"{inside}: the generator also writes {', '.join(sorted(twice))}")
        there.write_text(
            f"{own.rstrip()}\n\n# The settings page, by the add-on generator.\n{generated.lstrip()}"
        )


def check_certificates(app: Path) -> None:
    """Make the generated scripts, which import this file first, check splunkd's certificate."""
    first = app / "bin" / "import_declare_test.py"
    first.write_text(f"{first.read_text().rstrip()}\n\nimport scoreback_trust\n")


def name_version(app: Path, version: str) -> None:
    """Write the service's version into sources that have none."""
    conf = app / "default" / "app.conf"
    conf.write_text(conf.read_text().replace("version = 0.0.0", f"version = {version}"))
    manifest = json.loads((app / "app.manifest").read_text())
    manifest["info"]["id"]["version"] = version
    (app / "app.manifest").write_text(json.dumps(manifest, indent=2) + "\n")


def number_builds(app: Path) -> None:
    """Number the build by its content; browsers cache the page's files under this number."""
    page = app / "appserver" / "templates" / "base.html"
    page.write_text(re.sub(r"static/@\d+/", "static/@0/", page.read_text()))
    whole = hashlib.sha256()
    for path in sorted(app.rglob("*")):
        if path.is_file():
            whole.update(str(path.relative_to(app)).encode() + b"\0" + path.read_bytes())
    number = str(int.from_bytes(whole.digest()[:4], "big"))
    page.write_text(page.read_text().replace("static/@0/", f"static/@{number}/"))
    conf = app / "default" / "app.conf"
    conf.write_text(conf.read_text().replace("build = 1\n", f"build = {number}\n"))


def archive(app: Path, folder: Path) -> Path:
    """The app as Splunk installs it: one .tgz in *folder*."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in (app, *sorted(app.rglob("*"))):
            entry = tarfile.TarInfo(str(path.relative_to(app.parent)))
            entry.mode = 0o755 if path.is_dir() else 0o644
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = path.stat().st_size
                with path.open("rb") as content:
                    tar.addfile(entry, content)
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{APP}-splunk-{version()}.tgz"
    made.write_bytes(gzip.compress(held.getvalue(), compresslevel=9, mtime=0))
    return made


if __name__ == "__main__":
    main()
