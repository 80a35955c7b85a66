"""The tutorial runs as it stands, the pages that go on from it too, and what they say is true."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Played, blocks, play, rows, text

GO_ON = [page for page in PAGES if "(tutorial.md)" in text(page)
         and page.startswith("docs/") and [*blocks(page, "bash")]]  # fmt: skip


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("reader"), "docs/tutorial.md")


def test_every_step_runs_in_order(tutorial: Played) -> None:
    last = [line for line in tutorial.output.splitlines() if line.startswith("step: ")][-1]
    assert tutorial.code == 0, f"failed in {last}: {tutorial.errors}"


def test_it_finds_something_to_show_and_to_close(tutorial: Played) -> None:
    closed = r"Alert [0-9a-f]+ of alert_queue is closed as false_positive\."
    assert re.search(closed, tutorial.output)
    assert re.search(r"v1-[0-9a-f]+ of alert_queue scores again", tutorial.output)


def test_its_python_runs(tutorial: Played) -> None:
    for block in blocks("docs/tutorial.md", "python"):
        done = tutorial.run(sys.executable, "-c", block.text)
        assert done.returncode == 0, done.stderr
        assert "scoreback.risk" in done.stdout


@pytest.mark.parametrize("page", GO_ON)
def test_pages_that_go_on_from_the_tutorial_run(
    page: str, tutorial: Played, tmp_path: Path
) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(tutorial.folder, folder)
    played = play(folder, page)
    last = [line for line in played.output.splitlines() if line.startswith("step: ")][-1]
    assert played.code == 0, f"failed in {last}: {played.errors}"


def test_the_columns_that_are_explained_are_those_of_the_training_tables(
    tutorial: Played,
) -> None:
    explained = [row[0] for row in rows("docs/training.md", "column")]
    heads = [line for line in tutorial.output.splitlines() if "alerts a day   " in line]
    shown = {name for line in heads for name in re.split(r" {3,}", line.strip())}
    assert set(explained) == shown - {"budget", "precision"}
    for words in ("best single feature", "a random split would have claimed"):
        assert words in tutorial.output
        assert words in text("docs/training.md").lower()


def test_the_workspace_is_as_it_is_drawn(tutorial: Played, tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    shutil.copytree(tutorial.folder, folder)
    played = Played(folder, "", "", 0)
    (folder / "bad.csv").write_text("when,what\nyesterday,nothing\n2026-01-01,something\n")
    load = ["scoreback", "load", "bad.csv", "--stream", "odd", "--time", "when"]
    assert played.run(*load).returncode == 3  # done in part
    drawn = next(
        block.text for block in blocks("docs/workspace.md", "")
        if block.text.startswith(".scoreback/")
    )  # fmt: skip
    for path in _paths(drawn):
        assert list(folder.glob(path)), f"{path} is drawn, and not there"
    known = {path.split("/")[1:][0] for path in _paths(drawn) if "/" in path}
    assert {path.name for path in (folder / ".scoreback").iterdir()} == known


def _paths(tree: str) -> list[str]:
    """The paths of a drawn tree, two blanks a level, as patterns."""
    parents: list[str] = []
    found = []
    for line in tree.splitlines():
        name = line.split()[0]
        level = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:level], name.rstrip("/")]
        found.append(re.sub(r"<\w+>", "*", "/".join(parents)))
    return found
