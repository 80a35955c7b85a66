"""Documents with lists have the same values on both SIEMs, and are written back as lists."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors.intake import LoadMapping
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.json.flatten import flattened, parsed
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.multivalue import cell
from scoreback.records import EventQuery
from tests.elasticsearch.batches import START, WINDOW, scores
from tests.elasticsearch.direct import fill, make, rows, sources

pytestmark = pytest.mark.server

FIELDS = ("host.name", "answers.data", "answers.ttl")
values = st.recursive(
    st.text(alphabet="xy1 \ufdd0\ufdd1", max_size=3)
    | st.booleans()
    | st.none()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([1.5, 2.25]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
numbers = st.recursive(
    st.integers(-(2**31), 2**31) | st.none(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
answer = st.fixed_dictionaries({}, optional={"data": values, "ttl": numbers})
document = st.fixed_dictionaries(
    {},
    optional={
        "host.name": values,
        "host": st.fixed_dictionaries({}, optional={"name": values}),
        "answers": answer | st.lists(answer | st.none(), max_size=3),
        "answers.data": values,
    },
)
_count = iter(range(10**9))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=st.lists(document, min_size=1, max_size=8), same=st.booleans())
def test_the_same_documents_have_the_same_values_on_both_siems(
    elastic: ElasticConnector,
    elasticsearch_url: str,
    fresh_prefix: str,
    documents: list[dict[str, Any]],
    same: bool,
) -> None:
    index, at = f"{fresh_prefix}-{next(_count)}", START.isoformat()
    if same:  # as a shipper writes them: then they are read by their types
        documents = documents[:1] * 5
    whole = [{"@timestamp": at, "event.ingested": at, **one} for one in documents]
    keyword = {"type": "keyword"}
    answers = {"properties": {"data": keyword, "ttl": {"type": "long"}}}
    make(
        elasticsearch_url,
        index,
        {"host": {"properties": {"name": keyword}}, "answers": answers},
    )
    fill(elasticsearch_url, index, [{"_id": f"{n}", **one} for n, one in enumerate(whole)])
    expected = [flattened(parsed(json.dumps(one)), FIELDS) for one in whole]
    away = [
        {name: row[name] for name in FIELDS if row[name] is not None}
        for row in rows(elastic, index, WINDOW, FIELDS)
    ]
    assert away == expected
    assert at_home(whole) == expected


def at_home(documents: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The events of an export of *documents* in an embedded SIEM."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.ndjson"
        lines = [json.dumps({"id": str(n), **one}) + "\n" for n, one in enumerate(documents)]
        path.write_text("".join(lines))
        siem = LocalConnector.open("test", {"path": str(Path(folder) / "siem")})
        load_file(siem.store, path, "s", LoadMapping(id="id"))
        there = tuple(name for name in FIELDS if name in siem.events.fields({"stream": "s"}))
        query = EventQuery(selection={"stream": "s"}, fields=there)
        return [
            {name: row[name] for name in there if row[name] is not None}
            for piece in siem.events.slices(query, WINDOW)
            for batch in siem.events.read(piece)
            for row in batch.batch.to_pylist()
        ]


def test_copied_fields_are_written_as_the_lists_that_they_are(
    elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    args = [cell(["cmd", "/c", "a, b"]), "single", cell(["\ufdd0odd"])]
    batch = scores(range(3), of="lists", process__args=args)
    elastic.scores.write(batch, at=START)
    found = sources(elasticsearch_url, f"scoreback.scores-{elastic.given.namespace}")
    written = [flat(hit["_source"])["process.args"] for hit in found]
    assert sorted(written, key=str) == [["cmd", "/c", "a, b"], "single", "\ufdd0odd"]
