"""The node's side of `pipeline.py`: events in a data stream, an index for scores, its CPU."""

import http.client
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = timedelta(days=1)
_BULK = 5_000
_KEYWORDS = {"match_mapping_type": "string", "mapping": {"type": "keyword"}}
Answer = dict[str, Any]
_SETTINGS = {"number_of_replicas": 0}
_SCORE = {"properties": {"score": {"type": "float"}, "version": {"type": "keyword"}}}


def spread(documents: Sequence[str], count: int) -> Iterator[str]:
    """*count* events out of *documents*, again and again if need be.

    They arrive evenly over one day; each happened up to two minutes earlier.
    """
    # Each document begins with its time and id, which are replaced.
    rests = [text[text.index('"action"') :] for text in documents]
    for i in range(count):
        arrived = START + SPAN * i / count
        at = arrived - timedelta(milliseconds=i * 7_919 % 120_000)
        yield (
            f'{{"@timestamp":"{_iso(at)}","event":{{"id":"{i:09}","ingested":"{_iso(arrived)}",'
            f"{rests[i % len(rests)]}"
        )


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


class Cluster:
    """A node that this benchmark started."""

    def __init__(self, url: str, pid: int) -> None:
        """Talk to the node at *url*, whose process is *pid*."""
        self._where, self._pid = urlsplit(url), pid

    def prepare(self) -> None:
        """Make the template of the data streams."""
        source = {
            "index_patterns": ["bench-events*"],
            "data_stream": {},
            "priority": 500,
            "template": {
                "settings": _SETTINGS,
                "mappings": {
                    "dynamic_templates": [{"texts": _KEYWORDS}],
                    "properties": {
                        "@timestamp": {"type": "date"},
                        "event.ingested": {"type": "date"},
                        "source.ip": {"type": "ip"},
                        "destination.ip": {"type": "ip"},
                        "scoreback": _SCORE,
                    },
                },
            },
        }
        self.ask("PUT", "/_index_template/bench-events", source)

    def fill(self, stream: str, events: Iterator[str]) -> None:
        """Make a data stream of *events*."""

        def write(lines: list[str]) -> None:
            body = "".join(f'{{"create":{{}}}}\n{line}\n' for line in lines)
            if self.ask("POST", f"/{stream}/_bulk?filter_path=errors", body)["errors"]:
                raise RuntimeError("the node refused some of the benchmark's events")

        with ThreadPoolExecutor(2) as pool:
            while few := [lines for _ in range(4) if (lines := list(islice(events, _BULK)))]:
                list(pool.map(write, few))  # so few at a time, to bound what waits in memory
        self.settle()

    def new_target(self, index: str) -> None:
        """Make an empty index for scores."""
        if self.ask("HEAD", f"/{index}", missing=True):
            self.ask("DELETE", f"/{index}")
        properties = {"@timestamp": {"type": "date"}, "scoreback": _SCORE}
        mappings = {"dynamic_templates": [{"texts": _KEYWORDS}], "properties": properties}
        self.ask("PUT", f"/{index}", {"settings": _SETTINGS, "mappings": mappings})

    def remove(self, stream: str) -> None:
        """Remove a data stream with its documents, if it is there."""
        self.ask("DELETE", f"/_data_stream/{stream}", missing=True)

    def settle(self) -> None:
        """Wait until the node has nothing left to do."""
        self.ask("POST", "/_refresh")
        self.ask("POST", "/_flush")
        while self.ask("GET", "/_stats/merge")["_all"]["total"]["merges"]["current"]:
            time.sleep(0.1)

    def count(self, index: str) -> int:
        """Documents that a search finds there."""
        self.ask("POST", f"/{index}/_refresh")
        return int(self.ask("GET", f"/{index}/_count")["count"])

    def cpu_s(self) -> float:
        """Seconds of CPU that the node has used."""
        after_name = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Answer:
        """The node's JSON answer; empty for what is missing, where that is expected."""
        text = body if isinstance(body, str | None) else json.dumps(body)
        kind = "application/x-ndjson" if "_bulk" in path else "application/json"
        headers = {"content-type": kind} if text else {}
        connection = http.client.HTTPConnection(
            self._where.hostname or "", self._where.port, timeout=300
        )
        try:
            connection.request(method, path, text.encode() if text else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if missing and answer.status == http.HTTPStatus.NOT_FOUND:
            return {}
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        found: Answer = json.loads(content or b'{"found": true}')
        return found
