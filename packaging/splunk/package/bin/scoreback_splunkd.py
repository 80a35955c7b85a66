"""Calls from inside Splunk to its own splunkd, with Python's standard library.

Python 3.9 and 3.13. TLS is checked against the authority that signed Splunk's own certificate. The
host name is not checked: Splunk's default certificate does not name the machine that it runs on,
and the call does not leave that machine.
"""

from __future__ import annotations

import configparser
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

Document = dict[str, Any]

TIMEOUT = 60.0  # seconds to wait for splunkd's answer
BATCH = 1000  # documents per batch_save: accepted by every supported version
APP = "scoreback"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class SplunkdError(Exception):
    """Splunkd refused a call or did not answer; ``status`` is 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Say *message*."""
        super().__init__(message)
        self.status = status


class Splunkd:
    """One splunkd, with the rights of one session."""

    def __init__(self, uri: str, session_key: str) -> None:
        """Call *uri*, such as ``https://127.0.0.1:8089``, as the user of *session_key*."""
        self._uri = uri.rstrip("/")
        self._headers = {"Authorization": "Splunk " + session_key}
        self._tls = trusted(uri) if uri.startswith("https:") else None

    def get(self, path: str, **parameters: object) -> Any:  # noqa: ANN401
        """The JSON at *path*; None if there is nothing."""
        parameters = {"output_mode": "json", **parameters}
        path = path + "?" + urllib.parse.urlencode(parameters)
        return self._call("GET", path, None, absent=(404,))

    def post(self, path: str, body: object, absent: Sequence[int] = ()) -> Any:  # noqa: ANN401
        """Send *body* as JSON; returns the answer, or None for a status in *absent*."""
        return self._call("POST", path, json.dumps(body).encode(), absent)

    def delete(self, path: str, **parameters: object) -> None:
        """Delete what is at *path*, if there is anything."""
        self._call("DELETE", path + "?" + urllib.parse.urlencode(parameters), None, absent=(404,))

    def _call(self, method: str, path: str, body: bytes | None, absent: Sequence[int]) -> Any:  # noqa: ANN401
        request = urllib.request.Request(  # noqa: S310 - the address is splunkd's own
            self._uri + path, data=body, method=method, headers=dict(self._headers)
        )
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=TIMEOUT, context=self._tls
            ) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            if error.code in absent:
                return None
            raise SplunkdError(
                "splunkd refused {} {}: {} {}".format(
                    method, path.partition("?")[0], error.code, _message(error.read())
                ),
                error.code,
            ) from error
        except OSError as error:
            raise SplunkdError(f"splunkd did not answer at {self._uri}: {error}") from error
        return json.loads(content) if content else None


class Collection:
    """A collection of the app's KV store."""

    def __init__(self, splunkd: Splunkd, name: str) -> None:
        """Read and write the collection *name* through *splunkd*."""
        self._splunkd = splunkd
        self._path = f"/servicesNS/nobody/{APP}/storage/collections/data/{name}"

    def find(self, query: Document, sort: str = "_key") -> Iterator[Document]:
        """Yield the documents that match *query*, in order of *sort*."""
        skip = 0
        while True:
            found = self._splunkd.get(
                self._path, query=json.dumps(query), sort=sort, limit=BATCH, skip=skip
            )
            if found is None:
                raise SplunkdError(f"there is no collection at {self._path}", 404)
            yield from found
            if len(found) < BATCH:
                return
            skip += len(found)

    def get(self, key: str) -> Document | None:
        """The document with *key*, or None."""
        return self._splunkd.get(self._path + "/" + urllib.parse.quote(key, safe=""))

    def insert(self, document: Document) -> bool:
        """Add *document*, which has a ``_key``; False if one with that key exists already."""
        return self._splunkd.post(self._path, document, absent=(409,)) is not None

    def replace(self, key: str, document: Document) -> None:
        """Replace the document with the key of *document*."""
        self._splunkd.post(self._path + "/" + urllib.parse.quote(key, safe=""), document)

    def save(self, documents: Sequence[Document]) -> None:
        """Store *documents*, each with a ``_key``, replacing those with the same key."""
        for start in range(0, len(documents), BATCH):
            self._splunkd.post(self._path + "/batch_save", documents[start : start + BATCH])

    def remove(self, query: Document) -> None:
        """Delete the documents that match *query*."""
        self._splunkd.delete(self._path, query=json.dumps(query))

    def known(self, keys: Sequence[str]) -> set[str]:
        """Those of *keys* that have documents."""
        found: set[str] = set()
        for start in range(0, len(keys), BATCH):
            some = [{"_key": key} for key in keys[start : start + BATCH]]
            query = {"query": {"$or": some}, "limit": BATCH}
            (documents,) = self._splunkd.post(self._path + "/batch_find", [query])
            found.update(document["_key"] for document in documents)
        return found


def trusted(uri: str) -> ssl.SSLContext:
    """A TLS context that checks the certificate of the splunkd at *uri*."""
    context = ssl.create_default_context()
    for path in _authorities():
        if os.path.isfile(path):
            context.load_verify_locations(path)
    if urllib.parse.urlsplit(uri).hostname in _LOOPBACK:
        context.check_hostname = False
    return context


def _authorities() -> Iterator[str]:
    """Possible paths of the certificates that signed splunkd's own."""
    home = os.environ.get("SPLUNK_HOME", "/opt/splunk")
    yield os.path.join(home, "etc", "auth", "cacert.pem")
    config = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        config.read(os.path.join(home, "etc", "system", "local", "server.conf"), "utf-8")
    except configparser.Error:
        return
    path = config.get("sslConfig", "sslRootCAPath", fallback="")
    if path:
        yield path.replace("$SPLUNK_HOME", home)


def _message(content: bytes) -> str:
    try:
        return json.loads(content)["messages"][0]["text"]
    except (ValueError, LookupError, TypeError):
        return content[:200].decode("utf-8", "replace")
