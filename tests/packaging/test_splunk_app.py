"""The Splunk app as built: what Splunk's own inspection says, what is in it, how it is packed.

`make packages` builds it; where nobody did, these tests are skipped, and in CI they fail.
"""

import ast
import gzip
import json
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import scoreback
from tests.elasticsearch.node import in_ci
from tests.packaging import golden_splunk_app
from tests.packaging.splunk_app import ARCHIVE, BUILT, ROOT, SOURCES, TOOLS, App, built

# What Splunk's inspection warns of, each looked at: it changes nothing for who installs the app.
KNOWN_WARNINGS = {
    "check_collections_conf": "the app has collections",
    "check_for_custom_mako_templates": "pages without Mako, in the folder where Mako pages lie",
    "check_for_possible_threading": "in the generator's libraries",
    "check_for_python_script_existence": "asks for Python 3",
    "check_for_splunk_js": "in the generator's page",
    "check_for_splunk_js_header_and_footer_view": "in the generator's page",
    "check_for_supported_tls": "a part of the generator's libraries that no handler calls",
    "check_python_sdk_version": "the SDK is as new as it asks for",
    "check_ucc_dependencies": "the libraries are as new as it asks for",
}


@pytest.fixture(scope="module")
def app() -> App:
    return built()


@pytest.fixture(scope="module")
def inspected(app: App, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of Splunk's inspection, as for an app that is to run in Splunk Cloud."""
    del app
    tool = TOOLS / "splunk-appinspect"
    if not tool.is_file():
        (pytest.fail if in_ci() else pytest.skip)("splunk-appinspect is missing: `make packages`")
    report = tmp_path_factory.mktemp("inspected") / "report.json"
    options = ["--mode", "precert", "--included-tags", "cloud", "--data-format", "json"]
    command: list[str | Path] = [tool, "inspect", ARCHIVE, *options, "--output-file", report]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.is_file(), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_splunks_inspection_finds_no_error_no_failure_and_none_to_come(
    inspected: dict[str, Any],
) -> None:
    summary = inspected["summary"]
    wrong = {name: summary[name] for name in ("error", "failure", "future_failure", "skipped")}
    assert wrong == dict.fromkeys(wrong, 0), _messages(inspected, "error", "failure")
    assert summary["success"] > 100


def test_splunks_inspection_warns_of_nothing_that_nobody_has_looked_at(
    inspected: dict[str, Any],
) -> None:
    new = {
        name: text
        for name, text in _messages(inspected, "warning").items()
        if name not in KNOWN_WARNINGS
    }
    assert new == {}


def test_the_app_has_the_version_of_the_service(app: App) -> None:
    conf = app.conf("app")
    assert conf["launcher"]["version"] == conf["id"]["version"] == scoreback.__version__
    manifest = json.loads((app.folder / "app.manifest").read_text())
    assert manifest["info"]["id"] == {
        "group": None, "name": "scoreback", "version": scoreback.__version__,
    }  # fmt: skip


def test_the_app_comes_with_the_projects_licence(app: App) -> None:
    assert (app.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_each_source_file_is_in_the_app(app: App) -> None:
    for path in SOURCES.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (app.folder / path.relative_to(SOURCES)).is_file(), path


def test_the_archive_is_the_folder_and_nothing_else(app: App) -> None:
    with tarfile.open(ARCHIVE) as archive:
        held = {m.name: m for m in archive.getmembers()}
        for path in app.folder.rglob("*"):
            member = held.pop(str(path.relative_to(app.folder.parent)))
            if path.is_file():
                content = archive.extractfile(member)
                assert content is not None
                assert content.read() == path.read_bytes(), path
    assert set(held) == {"scoreback"}


def test_nothing_in_the_archive_can_be_run_or_tells_who_packed_it(app: App) -> None:
    del app
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            assert member.isdir() or member.isfile(), member.name
            assert member.mode == (0o755 if member.isdir() else 0o644), member.name
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == 0
    # The header of gzip could hold a time and a name.
    assert ARCHIVE.read_bytes()[3:8] == b"\0\0\0\0\0"


def test_nothing_in_the_app_is_local_hidden_or_compiled(app: App) -> None:
    for path in app.folder.rglob("*"):
        inside = path.relative_to(app.folder)
        assert "local" not in inside.parts[:1], inside
        assert not path.name.startswith("."), inside
        assert path.suffix not in (".pyc", ".so", ".pyd"), inside


def test_no_file_of_the_app_names_the_machine_that_built_it(app: App) -> None:
    here = str(ROOT).encode()
    for path in app.folder.rglob("*"):
        if path.is_file():
            assert here not in path.read_bytes(), path


def test_the_libraries_are_those_that_the_handlers_import(app: App) -> None:
    held = {path.name for path in (app.folder / "lib").iterdir() if "dist-info" not in path.name}
    assert held == {
        "defusedxml", "requirements.txt", "solnlib", "sortedcontainers", "splunklib",
        "splunktaucclib", "urllib3",
    }  # fmt: skip
    for name in ("grpc", "opentelemetry", "google"):
        assert not (app.folder / "lib" / name).exists()
    assert sorted(path.name for path in (app.folder / "lib" / "splunklib").iterdir()) == [
        "__init__.py", "binding.py", "client.py", "data.py",
    ]  # fmt: skip


def test_each_script_says_which_pythons_may_run_it(app: App) -> None:
    stanzas = [
        *app.conf("commands").values(),
        *app.conf("alert_actions").values(),
        *(s for n, s in app.conf("restmap").items() if not n.startswith("admin:")),
    ]
    assert len(stanzas) >= 5
    for stanza in stanzas:
        assert stanza["python.required"] == "3.9, 3.13"
        assert stanza["python.version"] == "python3"


def test_the_app_has_the_parts_that_it_had() -> None:
    """What the generator and the libraries bring is looked at when it changes."""
    built()
    now, then = golden_splunk_app.listed(BUILT), golden_splunk_app.GOLDEN.read_text().splitlines()
    assert now == then, f"if this is meant: {golden_splunk_app.RENEW}"


def test_a_second_build_gives_the_same_bytes(app: App, tmp_path: Path) -> None:
    del app
    command: list[str | Path] = [TOOLS / "python", ROOT / "packaging" / "splunk" / "build.py",
               "--folder", tmp_path / "build", "--archives", tmp_path]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (again,) = tmp_path.glob("*.tgz")
    assert gzip.decompress(again.read_bytes()) == gzip.decompress(ARCHIVE.read_bytes())
    assert again.read_bytes() == ARCHIVE.read_bytes()


def test_the_apps_python_needs_nothing_but_the_standard_library() -> None:
    ours = {path.stem for path in (SOURCES / "bin").iterdir()}
    generators = {  # the settings page's only
        "scoreback_changes": {"import_declare_test", "solnlib", "splunktaucclib"},
        "scoreback_trust": {"solnlib", "splunklib"},
    }
    for path in sorted((SOURCES / "bin").rglob("*.py")):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
        foreign = imported - ours - set(sys.stdlib_module_names) - {"splunk"}
        assert foreign <= generators.get(path.stem, set()), path


def _messages(report: dict[str, Any], *results: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    counted: Counter[str] = Counter()
    for one in report["reports"]:
        for group in one["groups"]:
            for check in group["checks"]:
                counted[check["result"]] += 1
                if check["result"] in results:
                    found[check["name"]] = [message["message"] for message in check["messages"]]
    assert counted["success"]
    return found
