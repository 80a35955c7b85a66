"""The README's lists are what the simulator has."""

import re
from pathlib import Path

import pytest

from tests.kibana.closing_reasons import REASONS
from tests.kibana.endpoints import ROUTES
from tests.kibana.faults import KINDS
from tests.kibana.objects.store import TYPES
from tests.kibana.rules.edits import EDITS
from tests.kibana.runner.running import SIMULATED
from tests.kibana.versions import VERSIONS

TEXT = (Path(__file__).parent / "README.md").read_text()
LISTS = {
    "Types that run": set(SIMULATED),
    "### Edits of a bulk action": set(EDITS),
    "Reasons:": set(REASONS),
    "Types of saved objects:": set(TYPES),
}


@pytest.mark.parametrize("title", LISTS)
def test_each_list_names_exactly_what_there_is(title: str) -> None:
    (place,) = re.finditer("^" + re.escape(title), TEXT, re.MULTILINE)
    listed = re.findall("`([^`]+)`", TEXT[place.start() :].split("\n\n")[1])
    assert listed == sorted(LISTS[title])


def test_every_fault_is_named_as_it_is_described() -> None:
    assert dict(re.findall("^- `([a-z_]+)`: (.+)$", TEXT, re.MULTILINE)) == KINDS


def test_every_path_is_listed_with_its_methods() -> None:
    paths: dict[str, list[str]] = {}
    for route in ROUTES:
        paths.setdefault("/" + "/".join(route.pattern), []).append(route.method)
    listed = re.findall("^- `([A-Z ]+) (/[^`]+)`$", TEXT, re.MULTILINE)
    assert listed == [(" ".join(sorted(paths[path])), path) for path in sorted(paths)]


def test_every_version_is_named() -> None:
    (named,) = re.findall(r"`--version` \(([^)]+)\)", TEXT)
    assert re.findall("`([^`]+)`", named) == list(VERSIONS)
