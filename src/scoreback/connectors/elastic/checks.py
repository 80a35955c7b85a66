"""What is missing for a detector to work on a cluster, each with its fix."""

from collections.abc import Sequence

from scoreback.connectors.elastic.client import Client
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.records import EventQuery, Finding


def check(client: Client, settings: ElasticSettings, query: EventQuery) -> Sequence[Finding]:
    """Findings for *query*, the fatal ones first."""
    del client, settings, query
    return []
