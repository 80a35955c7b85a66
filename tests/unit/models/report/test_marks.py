"""Marks lie where their values are, and whatever a text holds stays text."""

from xml.etree import ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from scoreback.models.report.marks import Picture, Scale, short


@given(
    low=st.floats(1e-6, 1e3), factor=st.floats(1.01, 1e6), share=st.floats(0, 1), log=st.booleans()
)
@example(low=1.0, factor=999.9999999999999, share=0.0, log=False)
def test_a_scale_keeps_the_order_and_its_ends(
    low: float, factor: float, share: float, *, log: bool
) -> None:
    scale = Scale(low, low * factor, 10, 110, log)
    assert scale(low) == 10
    assert round(scale(low * factor), 6) == 110
    assert 10 <= scale(low + share * (low * factor - low)) <= 110.000001
    assert scale(0.0) == 10
    assert all(low <= mark <= low * factor for mark in scale.decades())


@given(st.text())
def test_any_text_gives_a_picture_that_is_well_formed(text: str) -> None:
    picture = Picture(height=100, left=40, legend=[("bar strong", text), ("dot warn", text)])
    picture.word(1, 2, text).bar(1, 2, 3, 4, "strong", text).dot(1, 2, "warn", text)
    root = ET.fromstring(picture.drawn())  # noqa: S314 - of our own making
    assert {child.tag.rpartition("}")[2] for child in root} <= {"text", "rect", "circle"}
    assert len(short(text)) <= 32
