"""Links, files and commands that the papers name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPERS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
FOLDERS = ("src", "tests", "examples", "benchmarks", "packaging", "models", "connectors", "service")


@pytest.mark.parametrize("name", PAPERS)
def test_internal_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)|^\[\w+\]: (\S+)$", _text(name), re.MULTILINE):
        target = "".join(target)
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        assert not Path(path).is_absolute()
        found = (ROOT / name).parent / path if path else ROOT / name
        assert found.exists(), f"{name} links to {path}"
        if anchor:
            assert anchor in _anchors(found), f"{name} links to #{anchor}"


@pytest.mark.parametrize("name", PAPERS)
def test_files_in_code_type_exist(name: str) -> None:
    for path in re.findall(r"`([\w.]+/[\w./-]*)`", _text(name)):
        if path.split("/")[0] in FOLDERS:
            there = (ROOT / path, ROOT / "src" / "scoreback" / path)
            assert any(found.exists() for found in there), f"{name} names {path}"


@pytest.mark.parametrize("name", PAPERS)
def test_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = re.findall(r"`make ([a-z ]+)", _text(name))
    assert {target for words in named for target in words.split()} <= targets


def test_contributing_names_every_target_that_help_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    offered = set(re.findall(r'@echo "make (\w+)', makefile))
    named = set(re.findall(r"^\| `make (\w+)`", _text("CONTRIBUTING.md"), re.MULTILINE))
    assert offered <= named | {"acceptance"}


def test_contributing_describes_every_kind_of_test() -> None:
    described = set(re.findall(r"^\| `tests/(\w+)`", _text("CONTRIBUTING.md"), re.MULTILINE))
    kinds = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert described == {path.relative_to(ROOT / "tests").parts[0] for path in kinds}


@pytest.mark.parametrize("name", PAPERS)
def test_papers_have_no_emoji_and_no_overlong_line(name: str) -> None:
    table_or_link = ("|", "[", "- [")
    for number, line in enumerate(_text(name).splitlines(), start=1):
        assert not re.search("[\U0001f000-\U0001ffff☀-➿]", line), f"{name}:{number}"
        assert len(line) <= 100 or line.startswith(table_or_link), f"{name}:{number}"


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _anchors(path: Path) -> set[str]:
    """Anchors of the headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
