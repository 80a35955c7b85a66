"""Health documents, in the data stream of health beside the counts of scores."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.times import text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.elastic.writing.conditions import conditions
from scoreback.errors import SiemRefused
from scoreback.health import OWN, HealthDocument, fields_of, health_document
from scoreback.records import TimeWindow

PAGE = 5_000


class Health:
    """The health door of one namespace."""

    def __init__(self, client: Client, names: Names, *, for_rules: bool = False) -> None:
        """Write through *client*; *for_rules* adds the documents that health rules read."""
        self._client, self._names, self._for_rules = client, names, for_rules

    def write(self, documents: Sequence[HealthDocument]) -> None:
        """Store *documents*, each under its own id; an existing one is the same."""
        if not documents:
            return
        written = [(document.health_id, _source(document)) for document in documents]
        if self._for_rules:
            written += conditions(documents)
        ids = pa.array([name for name, _ in written])
        sources = pa.array([msgspec.json.encode(source).decode() for _, source in written])
        report = bulk.send(
            self._client, f"/{self._names.health}/_bulk", actions("create", {"_id": ids}, sources),
            params={"require_data_stream": True, "refresh": True},
        )  # fmt: skip
        if report.refused:
            raise SiemRefused(
                f"health documents were refused: {next(iter(report.refused.values()))}",
                hint="run `scoreback plan`; `scoreback apply` creates the templates of health data",
            )

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        """Yield the documents of *detector* in *window*, ordered by moment, kind and subject."""
        moments = {"gte": text(window.since), "lt": text(window.until)}
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {
                "bool": {
                    "filter": [
                        {"term": {"scoreback.detector": detector}},
                        {"range": {"@timestamp": moments}},
                        {"exists": {"field": f"{OWN}.id"}},
                    ]
                }
            },
            "sort": [
                "@timestamp",
                *(
                    {f"{OWN}.{name}": {"unmapped_type": "keyword"}}
                    for name in ("kind", "subject", "id")
                ),
            ],
        }
        before = None
        while True:
            answer = self._client.search(self._names.health, body, absent=(404,))
            hits = answer["hits"]["hits"] if answer else []
            for hit in hits:
                document = health_document(flat(hit["_source"]))
                if document.health_id != before:  # after a rollover a stream may hold a copy
                    yield document
                before = document.health_id
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]


def _source(document: HealthDocument) -> dict[str, Any]:
    """*document* with its dotted names as objects, as in the mapping."""
    found: dict[str, Any] = {}
    for name, value in fields_of(document).items():
        *above, last = name.split(".")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[last] = text(value) if isinstance(value, datetime) else value
    return found
