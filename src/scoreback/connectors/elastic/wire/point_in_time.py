"""A point in time of some indices: every request over it sees the same documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused, SiemUnavailable

KEEP_ALIVE = "5m"  # how long it lives between requests; it holds segments on the server


class Expired(SiemUnavailable):
    """The point in time has expired; reading resumes after the last complete chunk."""


class PointInTime:
    """An open point in time; always uses its newest id."""

    def __init__(self, client: Client, pit: str) -> None:
        """Continue with *pit*, which is open."""
        self._client, self._pit = client, pit

    def search(self, body: dict[str, Any]) -> bytes:
        """The answer to a search request, not decoded and never partial.

        Raises:
            Expired: the point in time, or a shard's part of it, has expired.
            SiemUnavailable: no answer, or not from every shard.
            SiemRefused: the request was refused.
        """
        whole = body | {"pit": {"id": self._pit, "keep_alive": KEEP_ALIVE}}
        try:
            answer = self._client.send(
                "POST",
                "/_search",
                msgspec.json.encode(whole),
                good=(404,),
                params={"allow_partial_search_results": False},
            )
        except SiemRefused as error:
            if "search_context_missing" in error.message or "no_shard" in error.message:
                raise Expired(error.message, hint=error.hint) from error
            raise
        if answer.status == 404:
            raise Expired("the point in time has expired on the server", hint="it is opened again")
        return answer.body

    def aggregate(self, query: dict[str, Any], aggregations: dict[str, Any]) -> dict[str, Any]:
        """The *aggregations* over *query*, and the number of hits as ``total``."""
        body = {"size": 0, "track_total_hits": True, "query": query, "aggs": aggregations}
        try:
            found = msgspec.json.decode(self.search(body))
            return {**found.get("aggregations", {}), "total": found["hits"]["total"]["value"]}
        except (msgspec.DecodeError, TypeError, KeyError) as error:
            raise SiemUnavailable(
                "the answer to a search is not from Elasticsearch",
                hint="is there a failing proxy between this machine and the cluster? Nothing is"
                " lost",
            ) from error

    def renew(self, pit: str) -> None:
        """Use *pit*, the id in the last answer."""
        self._pit = pit

    def close(self) -> None:
        """Let the server free its resources; if this fails, it does so itself later."""
        body = msgspec.json.encode({"id": self._pit})
        try:
            self._client.send("DELETE", "/_pit", body, good=(404,), attempts=1)
        except (SiemRefused, SiemUnavailable):
            return


@contextmanager
def point_in_time(client: Client, index: str) -> Iterator[PointInTime]:
    """A point in time over *index*, closed at the end of the block.

    Raises:
        SiemRefused: nothing has this name.
    """
    opened = client.call("POST", f"/{index}/_pit", params={"keep_alive": KEEP_ALIVE})
    pit = PointInTime(client, opened["id"])
    try:
        yield pit
    finally:
        pit.close()
