"""Entities whose names are longer than what a search finds: capped like all others."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.names import LONGEST_KEYWORD
from tests.elasticsearch.batches import DAY, START, rule, scores
from tests.elasticsearch.connection import engine

NOW = START + DAY

pytestmark = pytest.mark.server


@pytest.mark.parametrize("length", [20, LONGEST_KEYWORD, LONGEST_KEYWORD + 1, 40_000])
def test_an_entity_of_any_length_has_as_many_alerts_as_its_cap_allows(
    applied: ElasticConnector, length: int
) -> None:
    name = f"d{uuid.uuid4().hex[:8]}"
    applied.rules.apply(replace(rule(name), per_entity=1, throttle=timedelta(minutes=1)))
    long = "y" * length

    def run(numbers: Sequence[int]) -> None:
        """Scores of a run, two minutes apart: the long name, another as long, and a short one."""
        entities = [[long, "z" + long[1:], "host"][n % 3] for n in range(len(numbers))]
        applied.scores.write(scores(numbers, of=name, alert=True, entity=entities), at=NOW)
        engine(applied).evaluate(since=NOW - LOOK_BACK, at=NOW)

    for start in (0, 10_000, 20_000, 30_000):  # all of one day
        run(range(start, start + 9))
    alerts = list(applied.alerts.find(AlertQuery(detector=name)))
    assert sorted(str(a.entity)[0] for a in alerts) == ["h", "y", "z"]
