"""Translates Sigma rules into Elasticsearch's ``query_string``."""

from scoreback.connectors.elastic.sigma.translator import ElasticSigma

__all__ = ["ElasticSigma"]
