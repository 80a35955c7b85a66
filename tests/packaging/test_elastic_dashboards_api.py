"""Bodies of the Dashboards API are as Elastic describes them, as far as a description is here."""

import json
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scoreback.connectors.elastic.kibana.dashboards.api import dashboard_body
from tests.packaging.dashboards_api_schema import DASHBOARD, as_preview
from tests.packaging.elastic_dashboards import by_name
from tests.shared_data import require

BODIES = {name: dashboard_body(one) for name, one in by_name().items()}
BY_NAME = pytest.mark.parametrize("name", sorted(BODIES))
VENDOR = Path(__file__).parents[3] / "shared" / "vendor" / "kibana-dashboards-api.json"


@pytest.fixture(scope="module")
def preview() -> dict[str, Any]:
    """Elastic's own description of the API's preview, as a JSON Schema."""
    require(VENDOR.parent)
    described = json.loads(VENDOR.read_text())
    path = described["paths"]["/api/dashboards/dashboard/{id}"]
    [content] = path["put"]["requestBody"]["content"].values()
    return {**content["schema"], "components": described["components"]}


@BY_NAME
def test_a_body_has_the_shape_that_is_documented_for_9_5(name: str) -> None:
    jsonschema.Draft202012Validator(DASHBOARD).validate(BODIES[name])


@BY_NAME
def test_a_body_fits_elastics_description_of_the_preview(
    name: str, preview: dict[str, Any]
) -> None:
    validator = jsonschema.Draft202012Validator(preview)
    validator.validate(as_preview(BODIES[name]))
    wrong = deepcopy(as_preview(BODIES[name]))
    wrong["data"]["panels"][0]["grid"]["w"] = 49
    assert not validator.is_valid(wrong)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("panels", 0, "grid", "w"), 49),
        (("panels", 0, "uid"), "x"),
        (("panels", 0, "config", "metrics", 0, "sort_by"), "@timestamp"),
        (("panels", 0, "config", "metrics", 0, "type"), "secondary"),
        (("panels", 4, "config", "rows", 0, "size"), 5),
        (("panels", 4, "config", "styling", "paging"), 15),
        (("panels", 7, "config", "axis", "left"), {}),
        (("query", "language"), "kuery"),
    ],
)
def test_the_shape_finds_mistakes(where: tuple[str | int, ...], what: object) -> None:
    wrong: Any = deepcopy(BODIES["scoreback-now"])
    *path, last = where
    inner = wrong
    for key in path:
        inner = inner[key]
    inner[last] = what
    assert not jsonschema.Draft202012Validator(DASHBOARD).is_valid(wrong)


@BY_NAME
def test_steps_of_colours_follow_each_other(name: str) -> None:
    for panel in BODIES[name]["panels"]:
        for metric in panel["config"].get("metrics", []):
            steps = metric.get("color", {}).get("steps", [])
            for step, after in pairwise(steps):
                assert step["lt"] == after["gte"]
            assert all("lt" not in step for step in steps[-1:])


@BY_NAME
def test_a_rank_or_order_is_by_a_figure_that_is_there(name: str) -> None:
    for panel in BODIES[name]["panels"]:
        config = panel["config"]
        for row in config.get("rows", []):
            if row["rank_by"]["type"] == "metric":
                assert row["rank_by"]["metric_index"] < len(config["metrics"])
        if "sort_by" in config.get("styling", {}):
            assert config["styling"]["sort_by"]["index"] < len(config["metrics"])
