"""The page on health is a contract: it names every figure, and each condition has its page."""

import re
from pathlib import Path

import pytest

from scoreback.deployment import RuleKind
from scoreback.health import FIGURES, Condition, Kind

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("kind", list(Kind))
def test_the_page_on_health_names_the_figures_of_each_kind_and_no_others(kind: Kind) -> None:
    page = (DOCS / "health.md").read_text()
    (part,) = re.findall(rf"^### {kind}$(.*?)(?=^##)", page, re.DOTALL | re.MULTILINE)
    cells = re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(FIGURES[kind])


@pytest.mark.parametrize("condition", list(Condition))
def test_each_condition_has_a_page_in_the_runbook(condition: Condition) -> None:
    page = (DOCS / "runbook" / f"{condition}.md").read_text()
    assert "**What it means.**" in page
    assert RuleKind.HEALTH in (DOCS / "runbook" / "README.md").read_text()
    assert f"({condition}.md)" in (DOCS / "runbook" / "README.md").read_text()
