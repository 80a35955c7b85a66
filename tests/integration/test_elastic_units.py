"""A unit of events on a real Elasticsearch: its score is written onto each of its events."""

from datetime import timedelta

import pyarrow as pa
import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.models.detector.units import Reduced
from scoreback.models.features.units import UnitPlan, UnitQueries
from scoreback.naming import own_fields
from scoreback.records import SCORE_COLUMNS, Enrichment, EventQuery, ScoreBatch
from tests.elasticsearch.batches import START, WINDOW
from tests.elasticsearch.direct import done, fill, make

pytestmark = pytest.mark.server


def score_of(unit: dict[str, object]) -> ScoreBatch:
    given = unit | {
        "score_id": "s1", "scored_at": START + timedelta(days=2), "entity": "h1",
        "detector": "grouped", "version": "v1-aa", "stage": "live", "score": 0.9, "risk": 90.0,
        "threshold": 0.5, "alert": True, "reasons": None, "chance": 1.0,
    }  # fmt: skip
    columns = [pa.array([given[f.name]], f.type) for f in SCORE_COLUMNS]
    return ScoreBatch(pa.RecordBatch.from_arrays(columns, schema=SCORE_COLUMNS))


@pytest.mark.parametrize("how", [Enrichment.IN_PLACE, Enrichment.EVENT])
def test_the_score_of_a_unit_reaches_each_of_its_events(
    how: Enrichment, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    date = {"type": "date"}
    index = f"{fresh_prefix}-grouped"
    make(
        elasticsearch_url,
        index,
        {
            "@timestamp": date,
            "event": {"properties": {"ingested": date}},
            "host": {"properties": {"name": {"type": "keyword"}}},
        },
    )
    hosts = {"a": "h1", "b": "h1", "c": "h2"}
    documents = [
        {"_id": name, "@timestamp": START.isoformat(), "host.name": host}
        | {"event.ingested": START.isoformat()}
        for name, host in hosts.items()
    ]
    fill(elasticsearch_url, index, documents)
    asked_for = own_fields("grouped") if how == Enrichment.IN_PLACE else ()
    query = EventQuery(selection={"index": index}, fields=("host.name", *asked_for))
    plan = UnitPlan(
        ("host.name",), timedelta(hours=1), timedelta(0), (Reduced("n", "count", "events"),)
    )
    queries = UnitQueries(plan)
    sums = [
        queries.group(batch).sums
        for piece in elastic.events.slices(query, WINDOW)
        for batch in elastic.events.read(piece)
    ]
    units = queries.rows(queries.merged(sums)).table.to_pylist()
    queries.close()
    (unit,) = (unit for unit in units if unit["host.name"] == "h1")
    for _ in range(2):  # once more changes nothing
        report = elastic.enrichment.enrich(score_of(unit), how)
        assert not report.refused

    if how == Enrichment.IN_PLACE:
        found = {}
        for name in hosts:
            source = done(elasticsearch_url, "GET", f"/{index}/_doc/{name}")["_source"]
            found[name] = source.get("scoreback", {}).get("detectors", {})
        assert {name for name, detectors in found.items() if detectors} == {"a", "b"}
        assert found["a"]["grouped"]["score"] == found["b"]["grouped"]["score"] == 0.9
    else:
        assert (report.written, report.already_there) in ((2, 0), (0, 2))
