"""Kibana's dashboards answer the written questions, with fields that exist, in both renderings."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from scoreback.connectors.elastic.kibana.dashboards.api import dashboard_body
from scoreback.connectors.elastic.kibana.dashboards.data import (
    Data,
    data_views,
    fields_of,
    in_space,
)
from scoreback.connectors.elastic.kibana.dashboards.definition import (
    COLUMNS,
    Panel,
    dashboard_of,
    measures_of,
)
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import (
    dashboard_object,
    data_view_object,
    line,
)
from scoreback.health import FIGURES, OWN
from tests.packaging.dashboards import Question, questions
from tests.packaging.elastic_dashboards import (
    LAYER_REFERENCE,
    Lens,
    all_panels,
    by_name,
    panels_of,
    saved,
)

QUESTIONS = questions()
DASHBOARDS = by_name()
PANELS = [(one, panel) for one in DASHBOARDS.values() for panel in one.panels]
LENSES = all_panels()
VIEWS = {view.id: data for data, view in data_views("default").items()}
RECORDS = "___records___"
BY_PANEL = pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.dashboard}-{lens.id}")
BY_NAME = pytest.mark.parametrize("name", sorted(DASHBOARDS))
# What an operation of Lens can be of, and the type of what comes out; none: that of the field.
OPERATIONS: Mapping[str, tuple[set[str], str | None]] = {
    "terms": ({"keyword"}, "string"),
    "date_histogram": ({"date", "date_nanos"}, "date"),
    "last_value": ({"keyword", "double", "float", "long", "date", "date_nanos", "boolean"}, None),
    "max": ({"double", "float", "long", "date", "date_nanos"}, None),
    "unique_count": ({"keyword"}, "number"),
}
LENS_TYPES = {
    "keyword": "string", "date": "date", "date_nanos": "date", "boolean": "boolean",
    "double": "number", "float": "number", "long": "number",
}  # fmt: skip


def figures_of(panel: Panel) -> set[str]:
    """The health figures that *panel* shows, as docs/health.md names them."""
    known = {
        f"{OWN}.{kind}.{name}": f"{kind}.{name}" for kind, of in FIGURES.items() for name in of
    }
    read = {m.field for figure in panel.figures for m in measures_of(figure.value)}
    read |= {rows.field for rows in panel.rows}
    return {known[field] for field in read if field in known}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_question_is_answered_with_all_its_figures(question: Question) -> None:
    answers = [panel for _, panel in PANELS if question.id in panel.answers]
    assert answers, f"nothing answers: {question.ask}"
    assert set(question.figures) <= set().union(*map(figures_of, answers))
    sources = {panel.data for panel in answers}
    if "alerts" in question.sources and not question.figures:
        assert Data.SCORES in sources
    if "alert states" in question.sources:
        assert Data.ALERTS in sources
    kinds = {kind for panel in answers for kind in panel.kinds}
    assert {figure.split(".")[0] for figure in question.figures} <= kinds


def test_every_panel_answers_a_question_of_its_reader() -> None:
    for dashboard, panel in PANELS:
        assert panel.answers, panel.id
        for name in panel.answers:
            assert QUESTIONS[name].reader == dashboard.reader, panel.id


def test_a_dashboard_is_for_each_reader() -> None:
    readers = [dashboard.reader for dashboard in DASHBOARDS.values()]
    assert sorted(readers) == sorted({question.reader for question in QUESTIONS.values()})


@BY_PANEL
def test_every_field_is_in_our_templates_with_a_type_that_fits(lens: Lens) -> None:
    fields = fields_of(VIEWS[lens.view])
    for name, column in lens.columns.items():
        operation = column["operationType"]
        if operation in ("formula", "math"):
            assert column["dataType"] == "number"
            continue
        if column["sourceField"] == RECORDS:
            assert operation == "count"
            continue
        of = fields[column["sourceField"]]
        allowed, gives = OPERATIONS[operation]
        assert of in allowed, f"{name}: {operation} of {column['sourceField']}, a {of}"
        assert column["dataType"] == (gives or LENS_TYPES[of]), name
        if operation == "last_value":
            assert fields[column["params"]["sortField"]] in ("date", "date_nanos")


@BY_PANEL
def test_every_column_that_something_refers_to_is_there(lens: Lens) -> None:
    assert sorted(lens.order) == sorted(lens.columns)
    buckets = [lens.columns[name]["isBucketed"] for name in lens.order]
    assert buckets == sorted(buckets, reverse=True), "buckets come first"
    for name in referred(lens.look):
        assert name in lens.columns, name
    for name, column in lens.columns.items():
        for other in column.get("references", []):
            assert other in lens.columns, name
        if column["operationType"] == "math":
            used = [one for one in leaves(column["params"]["tinymathAst"]) if isinstance(one, str)]
            assert sorted(set(used)) == sorted(column["references"])
        if column["operationType"] == "terms" and column["params"]["orderBy"]["type"] == "column":
            ranked = lens.columns[column["params"]["orderBy"]["columnId"]]
            assert ranked["operationType"] in ("max", "unique_count", "count"), "else not sortable"
    shown = set(referred(lens.look))
    hidden = {o for column in lens.columns.values() for o in column.get("references", [])}
    assert shown | hidden == set(lens.columns), "no column is for nothing"


def referred(look: Mapping[str, Any]) -> Iterable[str]:
    """The columns that a visualization's state names."""
    for key, value in look.items():
        if key.endswith("Accessor") or key in ("columnId", "forAccessor"):
            yield value
        elif key == "accessors":
            yield from value
        elif isinstance(value, Mapping):
            yield from referred(value)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, Mapping):
                    yield from referred(one)


def leaves(syntax: Mapping[str, Any]) -> Iterable[str | float]:
    """What the functions of a formula's tree are applied to in the end."""
    for argument in syntax["args"]:
        if isinstance(argument, Mapping):
            yield from leaves(argument)
        else:
            yield argument


@BY_NAME
def test_every_reference_of_a_saved_object_resolves(name: str) -> None:
    dashboard = saved()[name]
    references = {one["name"]: one for one in dashboard["references"]}
    assert len(references) == len(dashboard["references"])
    assert {one["id"] for one in references.values()} <= set(VIEWS)
    assert {one["type"] for one in references.values()} == {"index-pattern"}
    expected = set()
    for lens in panels_of(dashboard):
        assert [one["name"] for one in lens.references] == [f"{LAYER_REFERENCE}{lens.layer}"]
        assert references[f"{lens.id}:{LAYER_REFERENCE}{lens.layer}"]["id"] == lens.view
        expected.add(f"{lens.id}:{LAYER_REFERENCE}{lens.layer}")
    group = dashboard["attributes"]["controlGroupInput"]
    for control in json.loads(group["panelsJSON"]):
        expected.add(f"controlGroup_{control}:optionsListDataView")
    assert set(references) == expected


@BY_NAME
def test_panels_have_ids_of_their_own_within_the_grid_and_none_lies_over_another(name: str) -> None:
    placed = [(lens.id, lens.grid) for lens in panels_of(saved()[name])]
    assert len({one for one, _ in placed}) == len(placed)
    taken: set[tuple[int, int]] = set()
    for one, at in placed:
        assert at["i"] == one
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= COLUMNS, one
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, one
        taken |= cells
    rows = {y for _, y in taken}
    assert rows == set(range(max(rows) + 1)), "no row is empty"
    assert len(taken) == COLUMNS * len(rows), "no hole is left"


@BY_NAME
def test_both_renderings_say_the_same(name: str) -> None:
    body = dashboard_body(DASHBOARDS[name])
    lenses = list(panels_of(saved()[name]))
    assert [panel["id"] for panel in body["panels"]] == [lens.id for lens in lenses]
    for panel, lens in zip(body["panels"], lenses, strict=True):
        config = panel["config"]
        assert panel["grid"] == {key: lens.grid[key] for key in "xywh"}
        assert config["title"] == lens.title
        assert config["query"]["expression"] == lens.query
        assert fields_in(config) == {
            column["sourceField"]
            for column in lens.columns.values()
            if "sourceField" in column and column["sourceField"] != RECORDS
        }
        assert views_in(config) == {lens.view}
        labels = [label for label in texts_of(config, "label") if label != ""]
        named = [c["label"] for c in lens.columns.values() if c["operationType"] != "math"]
        assert set(labels) == {label for label in named if not label.startswith("Part of ")}


def fields_in(config: Any) -> set[str]:  # noqa: ANN401 - JSON
    """The fields that a panel of the API reads, those of its formulas too."""
    found = set(texts_of(config, "field"))
    for fields in values_of(config, "fields"):
        found |= set(fields)
    for formula in texts_of(config, "formula"):
        for part in formula.replace("(", " ").replace(")", " ").replace(",", " ").split():
            if part.startswith("scoreback."):
                found.add(part)
    return found


def views_in(config: Any) -> set[str]:  # noqa: ANN401 - JSON
    return {one["ref_id"] for one in values_of(config, "data_source")}


def texts_of(body: Any, key: str) -> list[str]:  # noqa: ANN401 - JSON
    return [one for one in values_of(body, key) if isinstance(one, str)]


def values_of(body: Any, key: str) -> list[Any]:  # noqa: ANN401 - JSON
    """What stands under *key*, however deep."""
    if isinstance(body, Mapping):
        here = [body[key]] if key in body else []
        return here + [one for value in body.values() for one in values_of(value, key)]
    if isinstance(body, list):
        return [one for value in body for one in values_of(value, key)]
    return []


@BY_NAME
def test_another_space_has_objects_under_ids_of_its_own(name: str) -> None:
    dashboard = DASHBOARDS[name]
    here, there = dashboard_object(dashboard), dashboard_object(dashboard, "soc")
    assert (here["id"], there["id"]) == (name, f"{name}-soc")
    ours = {view.id for view in data_views("soc").values()}
    assert not ours & set(VIEWS)
    used = {one["id"] for one in there["references"]}
    assert used <= ours
    assert used == {f"{one['id']}-soc" for one in here["references"]}
    assert views_in(dashboard_body(dashboard, "soc")) <= ours
    assert data_views("soc")[Data.ALERTS].title == ".alerts-security.alerts-soc"
    assert in_space("x", "soc") == "x-soc"


def test_data_views_are_of_our_streams_and_of_the_alerts_of_the_space() -> None:
    made = {view.id: data_view_object(view) for view in data_views("default").values()}
    assert {one: about["attributes"]["title"] for one, about in made.items()} == {
        "scoreback-scores": "scoreback.scores-*",
        "scoreback-health": "scoreback.health-*",
        "scoreback-alerts": ".alerts-security.alerts-default",
    }
    for about in made.values():
        assert json.loads(line(about)) == about
        assert about["references"] == []


@BY_NAME
def test_a_definition_is_rendered_the_same_every_time(name: str) -> None:
    assert line(dashboard_object(DASHBOARDS[name])) == line(dashboard_object(DASHBOARDS[name]))
    assert "\n" not in line(dashboard_object(DASHBOARDS[name]))[:-1]


@pytest.mark.parametrize(
    "field",
    ["scoreback.why", "scoreback.reasons"],
    ids=["there is none", "kept in the document alone: nothing can sort or count by it"],
)
def test_a_field_that_no_panel_can_show_is_refused(field: str) -> None:
    panel = {
        "id": "x",
        "answers": ["first"],
        "title": "x",
        "at": [0, 0, 48, 5],
        "show": "table",
        "data": "scores",
        "figures": [{"name": "x", "last": field}],
    }
    given = {
        "dashboard": "x",
        "reader": "soc",
        "title": "x",
        "description": "",
        "time": {"from": "now-1d", "to": "now"},
        "panels": [panel],
    }
    with pytest.raises(KeyError, match=re.escape(field)):
        dashboard_of(given)


def test_charts_name_their_units() -> None:
    for _, panel in PANELS:
        if panel.show not in ("figure", "table"):
            assert panel.axis, panel.id
        if any(figure.right for figure in panel.figures):
            assert panel.right_axis, panel.id
