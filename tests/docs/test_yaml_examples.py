"""Connections and parts of detector files that pages show are accepted as they stand."""

from typing import Any

import pytest
import yaml

from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.fixture_tests import TestFile
from scoreback.models.detector.spec import Detector
from tests.docs.pages import PAGES, Block, blocks

SHOWN = [block for page in PAGES for block in blocks(page, "yaml")]
KINDS = {"", "bash", "console", "eql", "esql", "ini", "json", "python", "spl", "text", "yaml"}
CONNECTIONS: dict[str, type[ElasticSettings | SplunkSettings]] = {
    "elastic": ElasticSettings,
    "splunk": SplunkSettings,
}
# What a part stands in: the least that makes a whole of it.
AROUND: dict[str, Any] = {
    "name": "example",
    "events": {"local": {"stream": "alerts"}},
    "entity": "source.ip",
    "labels": {"verdicts": {"join": "event"}},
    "features": [{"category": "rule.id"}],
    "alerts": {"budget": "20/day"},
}


def _name(block: Block) -> str:
    return f"{block.page}: {block.text.splitlines()[0][:40]}"


@pytest.mark.parametrize("block", SHOWN, ids=_name)
def test_yaml_that_a_page_shows_is_accepted(block: Block) -> None:
    shown = yaml.safe_load(block.text)
    first = next(iter(shown))
    if first == "connector":
        CONNECTIONS[shown.pop("connector")].of("example", shown)
    elif first == "tests":  # what they name are features of a detector that is not shown
        TestFile.model_validate(shown)
    elif first in Detector.model_fields:
        whole = AROUND | {key: _joined(AROUND.get(key), part) for key, part in shown.items()}
        parse_detector(yaml.safe_dump(whole), block.page)
    else:
        hosts = {"hosts": ["https://es1.example.org:9200"], "kibana": "https://kibana.example.org"}
        ElasticSettings.of("example", hosts | shown)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_known(page: str) -> None:
    for block in blocks(page):
        assert block.kind in KINDS, f"{page}: {block.kind}"
        begins = block.text.lstrip().split(maxsplit=1)[0].rstrip(":")
        known = {"connector", *Detector.model_fields, *ElasticSettings.model_fields}
        assert block.kind or begins not in known, f"{page}: write ```yaml before {begins}"


def _joined(around: Any, part: Any) -> Any:  # noqa: ANN401 - YAML
    return around | part if isinstance(around, dict) and around.keys() == {"budget"} else part
