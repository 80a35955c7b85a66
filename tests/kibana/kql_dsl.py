"""A query in KQL as Elasticsearch's Query DSL, in the way Kibana translates it."""

import re
from typing import Any

from tests.kibana import kql
from tests.kibana.kql import And, Compare, Match, Node, Not, Or, Value

Query = dict[str, Any]
_LUCENE = re.compile(r'([+\-=&|><!(){}\[\]^"~*?:\\/ ])')


def query_dsl(text: str) -> Query:
    """The translation of a query.

    Raises:
        KqlError: It cannot be read.
    """
    node = kql.parsed(text)
    return {"match_all": {}} if node is None else _translated(node)


def _translated(node: Node) -> Query:
    match node:
        case And(terms):
            return {"bool": {"filter": [_translated(term) for term in terms]}}
        case Or(terms):
            should = [_translated(term) for term in terms]
            return {"bool": {"should": should, "minimum_should_match": 1}}
        case Not(term):
            return {"bool": {"must_not": [_translated(term)]}}
        case Compare(field, operator, value):
            return {"range": {field.text: {operator: value.text}}}
        case Match(None, value):
            return _anywhere(value)
        case Match(field, value):
            assert field is not None
            return _in_field(field, value)


def _anywhere(value: Value) -> Query:
    if value.pattern == ("", ""):
        return {"match_all": {}}
    if value.pattern:
        return {"query_string": {"query": _wildcards(value), "lenient": True}}
    kind = "phrase" if value.quoted else "best_fields"
    return {"multi_match": {"type": kind, "query": value.text, "lenient": True}}


def _in_field(field: Value, value: Value) -> Query:
    if value.pattern == ("", ""):
        return {"exists": {"field": field.text}}
    if value.pattern:
        fields = [field.text]
        return {"query_string": {"fields": fields, "query": _wildcards(value)}}
    if field.pattern:
        kind = "phrase" if value.quoted else "best_fields"
        several = {"type": kind, "query": value.text, "lenient": True, "fields": [field.text]}
        return {"multi_match": several}
    if value.quoted:
        return {"match_phrase": {field.text: value.text}}
    if value.text in ("true", "false"):
        return {"match": {field.text: value.text == "true"}}
    return {"match": {field.text: value.text}}


def _wildcards(value: Value) -> str:
    return "*".join(_LUCENE.sub(r"\\\1", piece) for piece in value.pattern)
