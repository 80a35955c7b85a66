"""Dashboards answer the written questions, with fields that exist, in SPL that we know."""

import re

import pytest

from scoreback.health import FIGURES
from tests.packaging.dashboards import RENDER, Panel, Question, definitions, panels, questions

QUESTIONS = questions()
PANELS = panels()
DEFINITIONS = definitions()
COMMANDS = {
    "dedup", "eval", "fields", "head", "lookup", "rename", "search", "sort", "stats", "table",
    "timechart", "where",
}  # fmt: skip
FIGURE = re.compile(r"scoreback_health_([a-z0-9_]+)")
OF_EVERY_DOCUMENT = {"id", "kind", "subject"}
BY_PANEL = pytest.mark.parametrize("panel", PANELS, ids=lambda p: f"{p.view}-{p.id}")
BY_VIEW = pytest.mark.parametrize("name", sorted(DEFINITIONS))


def figures_in(search: str) -> set[str]:
    """The figures that a search reads, as docs/health.md names them."""
    known = {f"{kind}_{name}": f"{kind}.{name}" for kind, of in FIGURES.items() for name in of}
    found = set(FIGURE.findall(search)) - OF_EVERY_DOCUMENT
    assert found <= set(known), f"no such figures: {sorted(found - set(known))}"
    return {known[name] for name in found}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_question_is_answered_with_all_its_figures(question: Question) -> None:
    answers = [panel for panel in PANELS if question.id in panel.answers]
    assert answers, f"nothing answers: {question.ask}"
    shown = set().union(*(figures_in(panel.search) for panel in answers))
    assert set(question.figures) <= shown
    kinds = {kind for panel in answers for kind in panel.kinds}
    scores = any(not panel.kinds for panel in answers)
    health = {source for source in question.sources if source in set(FIGURES)}
    assert question.figures or scores
    assert {figure.split(".")[0] for figure in question.figures} <= health
    assert health <= kinds | ({"alerts"} if scores else set())


@BY_PANEL
def test_every_panel_answers_a_question_of_its_reader(panel: Panel) -> None:
    assert panel.answers
    for name in panel.answers:
        assert QUESTIONS[name].reader == panel.reader


@BY_PANEL
def test_a_panel_reads_the_figures_of_the_documents_that_it_asks_for(panel: Panel) -> None:
    assert {figure.split(".")[0] for figure in figures_in(panel.search)} <= set(panel.kinds)


@BY_PANEL
def test_a_search_drops_repeats_and_listens_to_the_chosen_detector(panel: Panel) -> None:
    base, first, *_ = panel.search.split(" | ")
    assert base.startswith("`scoreback_index` sourcetype=scoreback:")
    assert "scoreback_detector=$detector|s$" in base, "quoted: it may come from an address"
    assert first == f"dedup scoreback_{'health' if panel.kinds else 'score'}_id"


@BY_PANEL
def test_a_search_has_only_commands_that_change_nothing(panel: Panel) -> None:
    text = re.sub(r'"[^"]*"', '""', panel.search.replace("$detector|s$", ""))
    commands = {part.split()[0] for part in text.split("|")[1:]}
    assert commands <= COMMANDS
    assert "[" not in text, "no subsearch"
    assert set(re.findall(r"`([^`]*)`", text)) == {"scoreback_index"}


def test_views_of_the_app_are_as_the_definitions_make_them() -> None:
    for name, xml in RENDER.views():
        shipped = (RENDER.VIEWS / f"{name}.xml").read_text()
        assert shipped == xml, "try: python packaging/dashboards/render.py"


@BY_VIEW
def test_each_panel_is_placed_once_and_none_lies_over_another(name: str) -> None:
    definition = DEFINITIONS[name]
    placed = []
    for layout in definition["layout"]["layoutDefinitions"].values():
        taken: set[tuple[int, int]] = set()
        for item in layout["structure"]:
            at = item["position"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"], 10)
                for y in range(at["y"], at["y"] + at["h"], 5)
            }
            assert not cells & taken, item
            taken |= cells
            assert at["x"] + at["w"] <= layout["options"]["width"]
            placed.append(item["item"])
    assert sorted(placed) == sorted(definition["visualizations"])


@BY_VIEW
def test_each_search_is_used_and_each_panel_has_one(name: str) -> None:
    definition = DEFINITIONS[name]
    users = [*definition["visualizations"].values(), *definition["inputs"].values()]
    used = [source for user in users for source in user.get("dataSources", {}).values()]
    assert sorted(used) == sorted(definition["dataSources"])


@BY_VIEW
def test_each_panel_has_a_title_and_charts_name_their_units(name: str) -> None:
    for panel in DEFINITIONS[name]["visualizations"].values():
        assert panel["title"]
        if panel["type"] in ("splunk.line", "splunk.column", "splunk.bar"):
            assert panel["options"]["yAxisTitleText"], panel["title"]


@BY_VIEW
def test_both_themes_say_the_same(name: str) -> None:
    light, dark = DEFINITIONS[name.removesuffix("_dark")], DEFINITIONS[name]
    assert light["dataSources"] == dark["dataSources"]
    assert light["layout"] == dark["layout"]
    assert {n: p["title"] for n, p in light["visualizations"].items()} == {
        n: p["title"] for n, p in dark["visualizations"].items()
    }


@BY_VIEW
def test_a_link_to_scores_goes_to_the_time_of_their_events(name: str) -> None:
    links = [
        handler["options"]["url"]
        for panel in DEFINITIONS[name]["visualizations"].values()
        for handler in panel.get("eventHandlers", [])
    ]
    assert all(link.startswith("/app/scoreback/") for link in links)
    for link in links:
        if link.startswith("/app/scoreback/search"):
            assert link.endswith("&earliest=$row._from.value$&latest=$row._to.value$")
            assert set(re.findall(r"\$row\.(\w+)\.", link)) == {"_score_id", "_from", "_to"}
