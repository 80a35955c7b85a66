"""The dashboards as tests look at them: questions, panels, and what the Splunk app gets of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Protocol, cast

import yaml

HERE = Path(__file__).parents[2] / "packaging" / "dashboards"


class Render(Protocol):
    """What ``packaging/dashboards/render.py`` offers."""

    VIEWS: Path

    def views(self) -> Iterator[tuple[str, str]]: ...
    def search_of(self, panel: Mapping[str, Any]) -> str: ...
    def definition_in(self, xml: str) -> dict[str, Any]: ...


def _loaded() -> Render:
    spec = spec_from_file_location("dashboards_render", HERE / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Render", module)


RENDER = _loaded()


@dataclass(frozen=True, kw_only=True)
class Question:
    """One line of questions.yml."""

    id: str
    reader: str
    ask: str
    sources: Sequence[str]
    figures: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a view, with its search."""

    view: str
    reader: str
    tab: int
    id: str
    answers: Sequence[str]
    kinds: Sequence[str]  # of health documents; none: it reads scores
    search: str


def questions() -> dict[str, Question]:
    """The questions by id."""
    given = yaml.safe_load((HERE / "questions.yml").read_text())["questions"]
    found = [
        Question(
            id=one["id"],
            reader=one["reader"],
            ask=one["ask"],
            sources=one["from"],
            figures=one.get("figures", []),
        )
        for one in given
    ]
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


def panels() -> list[Panel]:
    """The panels of the Splunk app, view by view."""
    return [
        Panel(
            view=view["view"],
            reader=view["reader"],
            tab=tab,
            id=panel["id"],
            answers=panel["answers"],
            kinds=panel["from"].get("health", []),
            search=RENDER.search_of(panel),
        )
        for source in sorted((HERE / "splunk").glob("*.yml"))
        for view in [yaml.safe_load(source.read_text())]
        for tab, content in enumerate(view["tabs"])
        for row in content["rows"]
        for panel in row["panels"]
    ]


def definitions() -> dict[str, dict[str, Any]]:
    """The Dashboard Studio definitions that the app ships, by view."""
    return {name: RENDER.definition_in(xml) for name, xml in RENDER.views()}
