"""A simulator of Kibana's security APIs over a real Elasticsearch node; see README.md.

It imports nothing of the product: what both believe is found out by asking, not by sharing code.
"""
