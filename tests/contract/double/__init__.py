"""A double of a SIEM that is poorer than any we mean to serve, for tests of the frame alone.

It keeps every document that it is sent, repeated ids too; it shows a document only some time after
it was sent, acknowledges nothing, knows no schema, answers an unknown stream with nothing, and
loses its connection when it is told to. What runs on it needs none of the comforts of the embedded
SIEM or of Elasticsearch. It is no simulator of a product, and proves nothing about one.
"""

from tests.contract.double.connector import DoubleConnector

__all__ = ["DoubleConnector"]
