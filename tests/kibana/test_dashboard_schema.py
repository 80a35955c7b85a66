"""What the simulator takes for a dashboard, against the vendor's own words where they are here."""

import json
from typing import Any

import pytest

from tests.kibana.objects.dashboard_schema import body, wrong
from tests.shared_data import DATA, require

VENDOR = DATA.parent / "vendor"
ESQL = {"type": "esql", "query": "FROM scores | STATS n = COUNT() BY detector"}


def _bare(described: Any) -> Any:  # noqa: ANN401
    """Without what only people read, and what Kibana puts in by itself."""
    if isinstance(described, dict):
        left_out = ("description", "default", "x-oas-optional")
        return {key: _bare(value) for key, value in described.items() if key not in left_out}
    return described


def test_grids_times_and_intervals_are_those_of_the_vendors_description() -> None:
    """It describes an older draft: what it names as we do has to be the same."""
    require(VENDOR)
    told = json.loads((VENDOR / "kibana-dashboards-api.json").read_text())
    content = told["paths"]["/api/dashboards/dashboard"]["post"]["requestBody"]["content"]
    [given] = content.values()
    panel, section = given["schema"]["properties"]["data"]["properties"]["panels"]["items"]["anyOf"]
    named = told["components"]["schemas"]
    ours = body("ga", creating=True)["properties"]
    items = ours["panels"]["items"]
    assert items["then"]["properties"]["grid"] == _bare(panel["properties"]["grid"])
    assert items["else"]["properties"]["grid"] == _bare(section["properties"]["grid"])
    assert ours["time_range"] == _bare(named["kbn-es-query-server-timeRangeSchema"])
    assert ours["refresh_interval"] == _bare(named["kbn-data-service-server-refreshIntervalSchema"])


@pytest.mark.parametrize(
    "config",
    [
        {
            "type": "metric",
            "data_source": {"type": "data_view_spec", "index_pattern": "logs-*"},
            "metrics": [{"type": "primary", "operation": "unique_count", "field": "user.name"}],
        },
        {
            "type": "xy",
            "title": "Scores over time",
            "layers": [
                {"type": "line", "data_source": ESQL, "x": {"column": "t"}, "y": [{"column": "n"}]}
            ],
            "axis": {"x": {"title": {"visible": False}}},
        },
        {"type": "data_table", "data_source": ESQL, "metrics": [{"column": "n"}]},
        {"ref_id": "a-visualization-in-the-library"},
    ],
)
def test_charts_by_value_and_by_reference_are_taken(config: dict[str, Any]) -> None:
    panel = {"type": "vis", "grid": {"x": 0, "y": 0}, "config": config}
    control = {
        "type": "options_list_control",
        "width": "medium",
        "grow": True,
        "config": {"data_view_id": "v", "field_name": "detector"},
    }
    given = {"title": "A", "panels": [panel], "pinned_panels": [control]}
    assert wrong("ga", given, creating=False) is None


def test_access_is_said_at_the_making_only() -> None:
    given = {"title": "A", "access_control": {"access_mode": "write_restricted"}}
    assert wrong("ga", given, creating=True) is None
    assert "access_control" in str(wrong("ga", given, creating=False))


def test_a_hundred_panels_are_the_most() -> None:
    panel = {"type": "markdown", "grid": {"x": 0, "y": 0}, "config": {"content": ""}}
    assert wrong("ga", {"title": "A", "panels": [panel] * 100}, creating=True) is None
    assert wrong("ga", {"title": "A", "panels": [panel] * 101}, creating=True)
