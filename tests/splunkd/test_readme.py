"""The README's lists are what the simulator executes."""

import re
from pathlib import Path

import pytest

from tests.splunkd.faults import KINDS
from tests.splunkd.spl import engine, functions, stats

TEXT = (Path(__file__).parent / "README.md").read_text()
LISTS = {
    "Commands, beside": {*engine.COMMANDS, *engine.GENERATING},
    "Functions of `eval`": functions.names(),
    "Functions of `stats`": {*stats.AGGREGATES, *stats.OTHER_NAMES},
}


@pytest.mark.parametrize("title", LISTS)
def test_each_list_names_exactly_what_there_is(title: str) -> None:
    (place,) = re.finditer("^" + re.escape(title), TEXT, re.MULTILINE)
    listed = re.findall("`([^`]+)`", TEXT[place.start() :].split("\n\n")[1])
    assert listed == sorted(LISTS[title])


def test_every_fault_is_named_as_it_is_described() -> None:
    assert dict(re.findall("^- `([a-z_]+)`: (.+)$", TEXT, re.MULTILINE)) == KINDS
