"""The preview of Kibana's dashboards says that it is one, and shows values as text."""

import pytest

from tests.packaging.elastic_dashboards import Lens, all_panels
from tests.packaging.elastic_preview import Theme, page
from tests.packaging.lens_search import Row

EVIL = '<img src=x onerror="alert(1)">"\'&{{7*7}}'
LENSES = all_panels()


def row_of(lens: Lens) -> Row:
    """A row in which every text is one that would like to be a tag."""
    values: dict[str, object] = {"string": EVIL, "number": 0.5, "date": "2026-06-01T12:00:00Z"}
    return {name: values[column["dataType"]] for name, column in lens.columns.items()}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_stands_in_a_value_is_text_and_no_tag(theme: Theme) -> None:
    drawn = page(EVIL, EVIL, [(lens, [row_of(lens)]) for lens in LENSES], theme, EVIL)
    assert "<img" not in drawn
    assert drawn.count("&lt;img") > len(LENSES)
    assert "It is not Kibana." in drawn


def test_a_panel_without_rows_says_so() -> None:
    drawn = page("x", "y", [(lens, []) for lens in LENSES], "light", "")
    assert drawn.count("No results found") == len(LENSES)
