"""What we say in ES|QL and EQL is read by Elastic's own parsers, which need Python 3.12."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from scoreback.connectors.elastic.kibana.rules.body import wanted
from scoreback.connectors.elastic.kibana.versions import SINCE
from tests.unit.connectors.elastic.kibana.rules.examples import NAMES, events_rule

ROOT = Path(__file__).parents[2]
TOOL = ROOT / ".venv-elastic-content" / "bin" / "python"
PAPERS = sorted((ROOT / "docs").glob("*.md"))
_BLOCK = re.compile(r"^```(esql|eql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READ = """
import json, sys
import eql, esql
said = []
for language, query in json.load(sys.stdin):
    try:
        if language == "eql":
            eql.parse_query(query)
        else:
            esql.parse_query(query)
        said.append("")
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""


def queries() -> list[tuple[str, str]]:
    """Language and text of every query in the papers."""
    return [
        (language, query)
        for paper in PAPERS
        for language, query in _BLOCK.findall(paper.read_text(encoding="utf-8"))
    ]


def read(asked: list[tuple[str, str]]) -> list[str]:
    """What is wrong with each, in the parsers' words."""
    if not TOOL.exists():
        pytest.skip("no parsers of Elastic's: make .venv-elastic-content/tools, with Python 3.12")
    done = subprocess.run(
        [TOOL, "-c", _READ], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_query_of_the_papers_is_one() -> None:
    asked = queries()
    assert {language for language, _ in asked} == {"esql", "eql"}
    assert read(asked) == [""] * len(asked)


def made() -> list[str]:
    """What rules over events ask, of each version that joins otherwise."""
    nasty = 'a" | DROP x \\ \n// {{m}}'
    rules = [
        events_rule(),
        events_rule("logs-b-*", "-logs-b-old", "east:logs-b-*"),
        events_rule("<logs>", "logs-[x]|(y)"),
        events_rule(detector=nasty, version=nasty),
    ]
    return [
        wanted(rule, NAMES, differences, suppresses=False).body["query"]
        for rule in rules
        for differences in SINCE.values()
    ]


def test_every_query_of_a_rule_over_events_is_one() -> None:
    asked = [("esql", query) for query in made()]
    assert read(asked) == [""] * len(asked)


def test_a_query_with_a_slip_is_told() -> None:
    slips = [
        (language, query.replace("LOOKUP", "LOKUP").replace("sequence by", "sequenz by"))
        for language, query in queries()
    ]
    assert all("Syntax" in said for said in read(slips))
