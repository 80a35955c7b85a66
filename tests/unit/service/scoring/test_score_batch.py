"""Which scores are stored: those above the floor, and of the rest a sample that nothing sways."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.artifact.scoring import Scorer, Scores
from scoreback.models.detector.file import parse_detector
from scoreback.models.judging.judged import Judged
from scoreback.models.judging.past import NOTHING
from scoreback.models.judging.threshold import RiskMap
from scoreback.records import EVENT_COLUMNS, TIME, Stage
from scoreback.service.in_force.operating_point import OperatingPoint
from scoreback.service.scoring.score_batch import kept_scores
from scoreback.service.state.pacing_log import PacedStep

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONE: frozenset[str] = frozenset()
EVENTS = [f"e{n:04}" for n in range(2000)]
FILE = """
name: d
events: {{local: {{stream: alerts}}}}
entity: host.name
labels: {{field: {{name: outcome, positive: bad, negative: good}}}}
features: [number: network.bytes]
alerts: {{budget: 10/day}}
write: {{keep: {{top: 1%, sample: {sample}}}}}
"""
CALM = cast("Scorer", SimpleNamespace(reasons=lambda _rows: []))
POINT = cast("OperatingPoint", SimpleNamespace(keep_floor=0.5, risk=RiskMap.of(0.05)))


def kept(
    ids: list[str], version: str = "v1-00000000", sample: str = "50%", top: frozenset[str] = NONE
) -> list[str]:
    """The ids of events whose scores are kept, where the model keeps those of *top* itself."""
    count = len(ids)
    columns = [pa.array(ids), pa.array(["ref"] * count), *[pa.array([T] * count, TIME)] * 2]
    rows = pa.table(
        [*columns, pa.array(["h1"] * count)], names=[*EVENT_COLUMNS.names, "field:host.name"]
    )
    scores = np.array([0.5 if one in top else 0.0 for one in ids])
    scored = Scores(margins=scores, scores=scores)
    judged = Judged(
        alerts=np.zeros(count, bool), thresholds=np.full(count, 0.9), ticks=(), past=NOTHING,
        held_back=0, suppressed=np.zeros(count, bool),
    )  # fmt: skip
    paced = PacedStep(version=version, stage=Stage.LIVE, judged=judged, pace="")
    detector = parse_detector(FILE.format(sample=sample))
    found = kept_scores(
        CALM, rows, scored, paced, POINT, detector,
        connection="siem", scored_at=T, carried=("host.name",),
    )  # fmt: skip
    kept_ids: list[str] = found.batch.column("event_id").to_pylist()
    return kept_ids


WHOLE = set(kept(EVENTS))


def test_a_sample_is_as_large_as_the_file_says() -> None:
    assert 900 < len(WHOLE) < 1100
    assert 50 < len(kept(EVENTS, sample="5%")) < 150
    assert kept(EVENTS[:9], sample="0%") == []
    assert kept(EVENTS[:9], sample="100%") == EVENTS[:9]


def test_each_version_draws_a_sample_of_its_own() -> None:
    other = set(kept(EVENTS, version="v2-11111111"))
    assert 900 < len(other) < 1100
    assert 400 < len(WHOLE & other) < 600  # a half of the half: neither knows of the other


def test_the_same_event_and_version_are_drawn_alike_wherever_they_stand() -> None:
    assert set(kept(EVENTS[::-1])) == WHOLE


@settings(max_examples=20)
@given(st.lists(st.sampled_from(EVENTS), unique=True, max_size=20))
def test_whether_an_event_is_kept_depends_on_no_other_event(ids: list[str]) -> None:
    assert kept(ids) == [one for one in ids if one in WHOLE]


def test_a_larger_sample_holds_the_smaller_one() -> None:
    assert set(kept(EVENTS, sample="20%")) < WHOLE


def test_what_the_model_keeps_is_kept_whatever_is_drawn() -> None:
    left = sorted(set(EVENTS) - WHOLE)[:5]
    assert set(kept(EVENTS, top=frozenset(left))) == WHOLE | set(left)
