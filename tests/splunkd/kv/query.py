"""The KV store's query language: MongoDB's, as far as splunkd lets it through."""

import json
from collections.abc import Mapping
from typing import Any

from mongomock import OperationFailure
from mongomock.filtering import filter_applies

from tests.splunkd.messages import Refusal

Document = dict[str, Any]
_OPERATORS = {"$gt", "$gte", "$lt", "$lte", "$ne", "$and", "$or", "$not", "$regex", "$options"}
_OPERATORS |= {"$in", "$nin", "$exists", "$eq", "$nor"}


def parsed(text: str) -> Document:
    """The query of a request; an empty one is all."""
    if not text.strip():
        return {}
    try:
        query = json.loads(text)
    except json.JSONDecodeError:
        raise Refusal(400, "Query is not valid JSON") from None
    if not isinstance(query, dict):
        raise Refusal(400, "Query must be a JSON object")
    _check(query)
    return query


def _check(query: object) -> None:
    if isinstance(query, Mapping):
        for key, value in query.items():
            if key.startswith("$") and key not in _OPERATORS:
                raise Refusal(400, f"Unsupported operator in query: {key}")
            _check(value)
    elif isinstance(query, list):
        for part in query:
            _check(part)


def keys_of(query: Document) -> list[str] | None:
    """The keys that a query asks for, if it asks for nothing else."""
    alone = query.get("_key")
    if len(query) == 1 and isinstance(alone, str):
        return [alone]
    if len(query) != 1 or not isinstance(query.get("$or"), list):
        return None
    keys = [part.get("_key") for part in query["$or"] if isinstance(part, dict) and len(part) == 1]
    texts = [key for key in keys if isinstance(key, str)]
    return list(dict.fromkeys(texts)) if len(texts) == len(query["$or"]) else None


def applies(query: Document, document: Document) -> bool:
    """Whether a document is what a query asks for."""
    if not query:
        return True
    try:
        return bool(filter_applies(query, document))  # type: ignore[no-untyped-call]
    except (OperationFailure, NotImplementedError, TypeError) as failure:
        raise Refusal(400, f"Query is not supported: {failure}") from failure


def projected(document: Document, fields: str) -> Document:
    """Only the fields of ``a,b,_key:0``; with none named, all but those that are left out."""
    wanted = [part.strip() for part in fields.split(",") if part.strip()]
    out = {part[:-2] for part in wanted if part.endswith(":0")}
    kept = {part.removesuffix(":1") for part in wanted if not part.endswith(":0")}
    if kept:
        kept.add("_key")
    return {k: v for k, v in document.items() if k not in out and (not kept or k in kept)}


def ordered(documents: list[Document], sort: str) -> list[Document]:
    """Sorted by ``a:-1,b``; missing values come first, numbers before text."""
    for part in reversed([part.strip() for part in sort.split(",") if part.strip()]):
        name, _, way = part.partition(":")

        def rank(document: Document, name: str = name) -> tuple[int, Any]:
            value = document.get(name)
            if value is None:
                return 0, 0
            if isinstance(value, int | float):
                return 1, value
            return 2, str(value)

        documents = sorted(documents, key=rank, reverse=way.strip() == "-1")
    return documents
