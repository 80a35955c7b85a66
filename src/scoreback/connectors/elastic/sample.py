"""Puts events into a cluster as a shipper would: for the demo and tests, never for production.

They go to a separate data stream with the event's id as ``_id``, so each is stored once.
"""

from collections.abc import Mapping

import pyarrow as pa

from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.json.documents import documents
from scoreback.multivalue import real_lists
from scoreback.records import EVENT_COLUMNS, EventBatch, LabelBatch, WriteReport

PREFIX = "logs-scoreback_demo."


class Samples:
    """Data streams of sample events, ``logs-scoreback_demo.NAME-NAMESPACE``."""

    def __init__(self, client: Client, settings: ElasticSettings, verdicts: Verdicts) -> None:
        """Write through *client*; *verdicts* receives those of analysts."""
        self._client, self._settings, self._verdicts = client, settings, verdicts
        self._prepared: set[str] = set()

    def stream(self, name: str) -> str:
        """The data stream of sample stream *name*."""
        return f"{PREFIX}{name}-{self._settings.namespace}"

    def selection(self, name: str) -> Mapping[str, object]:
        """The selection of the events of sample stream *name*."""
        return {"index": self.stream(name)}

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere; each is stored once."""
        return self._verdicts.add(batch)

    def add_events(
        self, stream: str, events: EventBatch, mapping: Mapping[str, object] | None = None
    ) -> WriteReport:
        """Add *events* to sample stream *stream*, each id once, and make them searchable."""
        stream = self.stream(stream)
        if stream not in self._prepared:
            self._prepare(stream, mapping or {})
            self._prepared.add(stream)
        table = pa.Table.from_batches([events.batch])
        columns = {"@timestamp": table["event_time"], "event.ingested": table["arrival_time"]}
        names = (n for n in table.column_names if n not in EVENT_COLUMNS.names)
        columns |= {name: real_lists(table[name]) for name in names}
        lines = actions("create", {"_id": table["event_id"]}, documents(columns, {}))
        report = bulk.send(self._client, f"/{stream}/_bulk", lines, params={"refresh": True})
        ids = table["event_id"].to_pylist()
        return WriteReport(
            written=len(report.done),
            already_there=len(report.conflicts),
            refused=bulk.refusals(ids, lines, report),
        )

    def _prepare(self, stream: str, mapping: Mapping[str, object]) -> None:
        """Create a template for *stream*: times to the microsecond, texts as keywords."""
        nanos = {"type": "date_nanos"}
        properties = {"@timestamp": nanos, "event": {"properties": {"ingested": nanos}}}
        texts = {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}
        index = {} if self._settings.replicas is None else {
            "number_of_replicas": self._settings.replicas
        }  # fmt: skip
        body = {
            "index_patterns": [stream],
            "data_stream": {},
            "priority": 600,
            "template": {
                "settings": {"index": index},
                "mappings": {"dynamic_templates": [texts], "properties": properties, **mapping},
            },
        }
        self._client.call("PUT", f"/_index_template/{stream}", body)
