"""Sigma rules as Elasticsearch's ``query_string`` selects their events."""

from scoreback.connectors.elastic.sigma.translator import ElasticSigma

__all__ = ["ElasticSigma"]
