"""The labels door: analysts' verdicts on the alerts of one space of Kibana.

Kibana keeps only the latest state of each alert, and drops the reason when an alert is reopened. So
each alert whose status changed in the requested time becomes a row for its present state: closed
with a verdict, it is a label; anything else ends its earlier labels. Two more sources are added:
duplicates, which follow another alert, and Scoreback's own collection, which records who closed
what through Scoreback, and when.
"""

from collections.abc import Iterator

import pyarrow as pa

from scoreback.connectors.elastic.kibana.labels.documents import Documents
from scoreback.connectors.elastic.kibana.labels.duplicates import Duplicates
from scoreback.connectors.elastic.kibana.labels.hits import CLOSED, Hit
from scoreback.connectors.elastic.kibana.labels.meanings import DUPLICATE, IGNORE, Meanings
from scoreback.connectors.elastic.kibana.labels.merge import merged
from scoreback.connectors.elastic.kibana.labels.own import NOTHING, Done, OwnActions
from scoreback.connectors.elastic.kibana.labels.pages import AlertPages, Changed, Page
from scoreback.connectors.elastic.kibana.labels.rows import (
    SOURCE,
    batch_of,
    is_asked,
    labeller,
    rule_of,
)
from scoreback.connectors.elastic.kibana.labels.subjects import SubjectReader
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.wire.client import Client
from scoreback.records import LABEL_COLUMNS, LabelBatch, LabelQuery, Verdict
from scoreback.times import micros, moment

# A verdict by tag gets a later time than the closing that the tag may have followed.
_TICK = 1  # one microsecond
_NOTHING_HOLDS = Verdict.UNDETERMINED.value  # labeller of a row that ends the labels of its alert


class Labels:
    """The verdicts that one connection can read."""

    def __init__(
        self,
        client: Client,
        names: Names,
        space: str,
        meanings: Meanings,
        verdicts: Verdicts,
    ) -> None:
        """Read the alerts of *space*, with *meanings* for its closings, and *verdicts*."""
        self._names, self._meanings, self._verdicts = names, meanings, verdicts
        self._pages = AlertPages(client, space)
        self._documents = Documents(client, names)
        self._duplicates = Duplicates(client, self._pages, meanings)
        self._own = OwnActions(client, names)

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts of *query*, in order of label time."""
        subjects = SubjectReader(self._documents, self._names, query.window)
        streams = (
            self._of_alerts(query, subjects),
            self._duplicates.read(query, subjects),
            (told.batch for told in self._verdicts.read(query)),
        )
        for rows in merged(streams):
            yield LabelBatch(rows)

    def _of_alerts(self, query: LabelQuery, subjects: SubjectReader) -> Iterator[pa.RecordBatch]:
        since = micros(query.since)
        until = None if query.until is None else micros(query.until)
        asked = Changed(since=max(0, since - _TICK), until=until)
        ours = self._own.since(moment(asked.since // 1_000 * 1_000))
        # verdicts by tag: a moment later than the closing that they may follow
        held = LABEL_COLUMNS.empty_table()
        for page in self._pages.read(asked, query.entity):
            rows = pa.Table.from_batches([self._rows(page, query, subjects, ours)])
            if held.num_rows:
                rows = pa.concat_tables([held, rows]).sort_by("label_time")
            rows, held = _cut(_inside(rows, since, until), page.changed[-1])
            yield from rows.combine_chunks().to_batches()
        yield from held.combine_chunks().to_batches()

    def _rows(
        self, page: Page, query: LabelQuery, subjects: SubjectReader, ours: dict[str, Done]
    ) -> pa.RecordBatch:
        """The rows for the alerts of *page*, column by column."""
        hits, changed = page.hits, page.changed
        said: dict[int, str] = {}  # verdicts of rows that are labels, by row
        ended: list[int] = []
        late = set[int]()
        for n, hit in enumerate(hits):
            source = hit.source
            if query.rules and not is_asked(source, query):
                continue
            if ours and _is_ours(ours.get(hit.id, NOTHING), hit, changed[n]):
                continue
            if source.status != CLOSED:
                ended.append(n)
                continue
            meaning = self._meanings.of(source.reason, source.tags)
            if meaning == IGNORE:
                ended.append(n)
            elif meaning != DUPLICATE:
                said[n] = meaning
                if source.tags and not source.reason and self._meanings.speak(source.tags):
                    late.add(n)
        about = subjects.of(hits, list(said), page.entities)
        events, spans = about.events, about.spans
        told = sorted([*(n for n in said if n in events or n in spans), *ended])
        sources = [hits[n].source for n in told]
        none = (None, None, None)
        entities = [spans.get(n, none) for n in told]
        rows = batch_of(
            {
                "event_id": [events.get(n) for n in told],
                "entity": [one[0] for one in entities],
                "since": [one[1] for one in entities],
                "until": [one[2] for one in entities],
                "verdict": [said.get(n, _NOTHING_HOLDS) for n in told],
                "label_time": [changed[n] + _TICK if n in late else changed[n] for n in told],
                "labeller": list(map(labeller, sources)),
                "source": [SOURCE] * len(told),
                "propensity": [None] * len(told),
                "alert_id": [hits[n].id for n in told],
                "rule": list(map(rule_of, sources)),
                "withdrawn": [n not in said for n in told],
            }
        )
        return rows.sort_by("label_time") if late else rows


def _inside(rows: pa.Table, since: int, until: int | None) -> pa.Table:
    times = rows.column("label_time").cast(pa.int64()).to_numpy()
    inside = times >= since
    if until is not None:
        inside &= times < until
    return rows if inside.all() else rows.filter(pa.array(inside))


def _cut(rows: pa.Table, last: int) -> tuple[pa.Table, pa.Table]:
    """*rows*, which are in order, up to the moment *last*, and the rows after it."""
    times = rows.column("label_time").cast(pa.int64()).to_numpy()
    count = int((times <= last).sum())
    return rows.slice(0, count), rows.slice(count)


def _is_ours(done: Done, hit: Hit, changed: int) -> bool:
    return done.is_ours(hit.source.status, hit.source.reason, changed)
