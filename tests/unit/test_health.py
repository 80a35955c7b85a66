import math
from datetime import UTC, datetime

import pytest

from scoreback.health import FIGURES, Figure, HealthDocument, Kind, fields_of, health_document

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALUES: dict[str, Figure] = {"number": 1.5, "text": "so", "time": T}


def document(**figures: float | str | datetime) -> HealthDocument:
    return HealthDocument(detector="d", at=T, kind=Kind.THRESHOLD, figures=figures)


@pytest.mark.parametrize(
    "figures",
    [{"unknown": 1.0}, {"value": "high"}, {"reason": 1.0}, {"since": "now"}, {"value": math.nan}],
)
def test_a_figure_that_no_dashboard_knows_is_refused(figures: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match="health document threshold"):
        document(**figures)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_document_is_read_back_from_its_fields(kind: Kind) -> None:
    figures = {name: VALUES[of] for name, of in FIGURES[kind].items()}
    written = HealthDocument(detector="d", at=T, kind=kind, subject="s", figures=figures)
    assert health_document(fields_of(written)) == written


def test_the_same_detector_moment_kind_and_subject_have_one_name() -> None:
    assert document(value=0.5).health_id == document(value=0.7).health_id
    other = HealthDocument(detector="e", at=T, kind=Kind.THRESHOLD, figures={})
    assert document().health_id != other.health_id
