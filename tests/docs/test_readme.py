"""The README is short, its commands run as they stand, and six of them lead to an alert."""

import json
import re
import shlex

import pytest

from tests.docs.pages import ROOT, Played, blocks, play, text

README = text("README.md")


@pytest.fixture(scope="module")
def readme(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("newcomer"), "README.md")


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200


def test_its_commands_run_in_order(readme: Played) -> None:
    last = [line for line in readme.output.splitlines() if line.startswith("step: ")][-1]
    assert readme.code == 0, f"failed in {last}: {readme.errors}"
    assert re.search(r"Alert [0-9a-f]+ of queue is closed as true_positive\.", readme.output)
    assert "<html" in (readme.folder / "queue.html").read_text()


def test_six_commands_or_fewer_lead_from_a_clone_to_the_first_alert(readme: Played) -> None:
    """The two that install, then those on one's own export until alerts are raised."""
    install = [line.removeprefix("$ ") for block in blocks("README.md", "console")
               for line in block.text.splitlines()]  # fmt: skip
    assert install == ["make demo", "source .venv/bin/activate"]
    first = next(iter(blocks("README.md", "bash"))).text.splitlines()
    assert first[0] == "scoreback demo --exports ."  # for whoever has no export
    own = first[1:]
    scores = next(i for i, line in enumerate(own) if line.startswith("scoreback score"))
    assert len(install) + scores + 1 <= 6
    alerts = json.loads(readme.run("scoreback", "verdict", "--json").stdout)
    assert alerts


def test_console_examples_hold_commands_only() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for block in blocks("README.md", "console"):
        for line in block.text.splitlines():
            assert line.startswith("$ "), line
            first, second = shlex.split(line)[1:]
            if first == "make":
                assert re.search(rf"^{second}:", makefile, re.MULTILINE), f"no target {second}"
            else:
                assert (first, second) == ("source", ".venv/bin/activate")
