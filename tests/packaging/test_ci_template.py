"""The template repository for a team's detectors: every step of its CI is run in a copy of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

TEMPLATE = Path(__file__).parents[2] / "packaging" / "ci" / "template"
GITHUB, GITLAB = ".github/workflows/detectors.yml", ".gitlab-ci.yml"


def read(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((TEMPLATE / name).read_text(encoding="utf-8"))


def github_steps() -> list[str]:
    (job,) = read(GITHUB)["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab_steps() -> list[str]:
    job = read(GITLAB)["detectors"]
    return [*job["before_script"], *job["script"]]


def run(step: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run *step* in *folder* as CI does: in a shell that ends at the first error."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("SCOREBACK_")}
    settings = {"PATH": path, "SCOREBACK_HOME": "workspace", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(
        ["/bin/sh", "-e", "-c", step],
        cwd=folder, env=own | settings, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template in which every step was run."""
    folder = tmp_path_factory.mktemp("ci") / "detectors"
    shutil.copytree(TEMPLATE, folder)
    for step in github_steps():
        done = run(step, folder)
        assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    return folder


def test_both_systems_run_the_same_steps_with_the_same_workspace() -> None:
    assert github_steps() == gitlab_steps()
    (job,) = read(GITHUB)["jobs"].values()
    assert job["env"] == read(GITLAB)["detectors"]["variables"] == {"SCOREBACK_HOME": "workspace"}


def test_every_step_passes_and_leaves_its_results(played: Path) -> None:
    names = {path.stem for path in (played / "results").glob("*.xml")}
    assert len(names) == sum("--junit" in step for step in github_steps())
    for path in (played / "results").glob("*.xml"):
        suite = ET.parse(path).find("testsuite")  # noqa: S314 - our own
        assert suite is not None
        assert int(suite.get("tests", "0")) > 0, path
        assert suite.get("failures") == suite.get("errors") == "0", path
    kept = read(GITLAB)["detectors"]["artifacts"]
    assert kept["paths"] == ["results"]
    assert kept["reports"]["junit"] == "results/*.xml"


def test_what_a_job_writes_is_not_committed(played: Path) -> None:
    made = {path.name for path in played.iterdir()} - {path.name for path in TEMPLATE.iterdir()}
    ignored = (TEMPLATE / ".gitignore").read_text().split()
    assert {f"{name}/" for name in made} == set(ignored)


@pytest.mark.parametrize(
    ("file", "before", "after", "fails", "names"),
    [
        ("detectors/alert_queue.yml", "budget: 5/day", "budgte: 5/day", "scoreback validate",
         "alerts.budgte"),
        ("detectors/alert_queue.tests.yml", "alerts_2h: 10", "alerts_2h: 9", "--without-model",
         "alerts_2h is 10, expected 9"),
        ("detectors/alert_queue.tests.yml", "[logon, scan]", "[scan]", "results/alerts.xml",
         "event logon opens an alert, expected none"),
        ("detectors/alert_queue.yml", "stream: alerts", "stream: nowhere", "scoreback check",
         "'nowhere'"),
        ("detectors/alert_queue.yml", "stream: alerts", "stream: nowhere", "scoreback backtest",
         "'nowhere'"),
    ],
)  # fmt: skip
def test_a_mistake_fails_the_step_that_is_there_for_it(
    played: Path, tmp_path: Path, file: str, before: str, after: str, fails: str, names: str
) -> None:
    folder = tmp_path / "detectors"
    shutil.copytree(played, folder)
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after))
    (step,) = [step for step in github_steps() if fails in step]
    shutil.rmtree(folder / "results")
    done = run(step, folder)
    assert done.returncode in (1, 3), done.stdout + done.stderr
    (results,) = (folder / "results").glob("*.xml")
    [said] = [*ET.parse(results).iter("failure"), *ET.parse(results).iter("error")]  # noqa: S314 - our own
    assert names in str(said.get("message"))
