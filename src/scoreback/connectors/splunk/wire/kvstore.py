"""The KV store: the app's collections, read in pages and written in bounded batches."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scoreback.connectors.splunk.wire.client import Answer, Client
from scoreback.connectors.splunk.wire.failures import Busy
from scoreback.errors import SiemRefused, SiemUnavailable

MOST_DOCUMENTS = 1_000  # documents per batch; the default of most versions
MOST_BYTES = 45_000_000  # bytes; the server accepts 50 MB
PAGE = 10_000  # rows per answer; the server returns at most 50,000
KEYS = 200  # keys per query, which is part of the address: servers accept some 64 kB
_OVER = b"exceeds api limits"
_OFF = "is the search head's KV store disabled, starting or failed? Nothing is lost"

Document = Mapping[str, Any]


class KvStore:
    """The collections of Scoreback's app."""

    def __init__(self, client: Client) -> None:
        """Connect through *client*."""
        self._client = client
        self._limits: dict[str, Any] | None = None

    def save(self, collection: str, documents: Sequence[Document]) -> None:
        """Store *documents*, each replacing one with its ``_key``.

        Raises:
            SiemUnavailable: some may be stored; storing them again changes nothing.
            SiemRefused: the collection or a permission is missing, or a limit is lower than the
                server says.
        """
        path = self._path(collection, "batch_save")
        for batch in _batches(
            documents, self._limit("max_documents_per_batch_save", MOST_DOCUMENTS)
        ):
            self._save(path, batch)

    def _save(self, path: str, batch: Sequence[bytes]) -> None:
        """Save *batch*, or its halves if the server's limits are lower than it says."""
        body = b"[" + b",".join(batch) + b"]"
        answer = self._send("POST", path, body=body, good=(400, 413))
        if answer.status < 300:
            return
        if len(batch) == 1 or (answer.status == 400 and _OVER not in answer.body.lower()):
            raise self._client.failures.refused(f"POST {path}", answer.status, answer.body)
        middle = len(batch) // 2
        self._save(path, batch[:middle])
        self._save(path, batch[middle:])

    def insert(self, collection: str, document: Document) -> bool:
        """Whether *document* was newly stored: False if one with its ``_key`` exists."""
        answer = self._send(
            "POST", self._path(collection), body=msgspec.json.encode(document), good=(409,)
        )
        return answer.status != 409

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """The document with *key*, or None."""
        answer = self._send("GET", self._path(collection, key), good=(404,))
        found = None if answer.status == 404 else self._decoded(answer)
        return found if isinstance(found, dict) else None

    def under(self, collection: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The documents that exist for *keys*."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), KEYS):
            wanted = {"$or": [{"_key": key} for key in keys[start : start + KEYS]]}
            found |= {str(row["_key"]): row for row in self.rows(collection, wanted)}
        return found

    def rows(
        self,
        collection: str,
        query: Mapping[str, Any] | None = None,
        *,
        sort: str = "",
        fields: Sequence[str] = (),
    ) -> Iterator[dict[str, Any]]:
        """Yield the documents that *query* finds, page by page.

        Args:
            collection: the collection's name.
            query: in the KV store's syntax; without it, all documents.
            sort: ``field:1,other:-1``; without it, by ``_key``, because pages need an order.
            fields: the fields to return.

        Raises:
            SiemUnavailable: no answer, or an incomplete one.
        """
        page = self._limit("max_rows_per_query", PAGE)
        params: dict[str, object] = {"sort": sort or "_key:1", "limit": page}
        if query:
            params["query"] = json.dumps(query, separators=(",", ":"))
        if fields:
            params["fields"] = ",".join(fields)
        skip = 0
        while True:
            asked = {**params, "skip": skip}
            found = self._decoded(self._send("GET", self._path(collection), params=asked))
            if not isinstance(found, list):
                raise SiemUnavailable(
                    f"collection {collection} did not return a list of documents", hint=_OFF
                )
            yield from found
            if len(found) < page:
                return
            skip += page

    def delete(self, collection: str, key: str) -> None:
        """Delete the document with *key*; a missing one is no error."""
        self._send("DELETE", self._path(collection, key), good=(404,))

    def delete_where(self, collection: str, query: Mapping[str, Any]) -> None:
        """Delete all documents that *query* finds; an empty query is refused."""
        if not query:
            raise SiemRefused(f"collection {collection} is not emptied", hint="say which rows")
        self._send("DELETE", self._path(collection), params={"query": json.dumps(query)})

    def _limit(self, name: str, usual: int) -> int:
        """*usual*, or less if the server's limit is lower."""
        if self._limits is None:
            path = "/servicesNS/nobody/system/configs/conf-limits/kvstore"
            try:
                found = self._client.call("GET", path, absent=(404,))
                self._limits = dict(found["entry"][0]["content"])
            except (SiemRefused, TypeError, KeyError, IndexError, ValueError):
                self._limits = {}  # no permission to read it
        told = str(self._limits.get(name, ""))
        return max(1, min(usual, int(told))) if told.isdigit() else usual

    def _send(self, method: str, path: str, **more: Any) -> Answer:  # noqa: ANN401 - as `Client.send`
        try:
            return self._client.send(method, path, **more)
        except Busy as error:
            raise SiemUnavailable(error.message, hint=_OFF) from error

    def _decoded(self, answer: Answer) -> Any:  # noqa: ANN401 - JSON
        try:
            return msgspec.json.decode(answer.body)
        except msgspec.DecodeError as error:
            raise self._client.failures.unreadable("a question to the KV store") from error

    def _path(self, collection: str, *parts: str) -> str:
        return self._client.own("storage/collections/data", collection, *parts)


def _batches(documents: Sequence[Document], most: int) -> Iterator[list[bytes]]:
    """*documents* as JSON, in batches of bounded number and size."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        text = msgspec.json.encode(document)
        if batch and (len(batch) >= most or size + len(text) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text) + 1
    if batch:
        yield batch
