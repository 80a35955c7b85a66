"""The doors that are Kibana's where a connection names one."""

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.licence import suppression
from scoreback.connectors.elastic.kibana.rules.door import Rules
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire.client import Client


class KibanaDoors:
    """What takes the place of the cluster's own doors; none of them asks anything at once."""

    def __init__(self, kibana: Kibana, client: Client, names: Names) -> None:
        """Speak to *kibana*, and to its cluster through *client*."""
        self.rules = Rules(kibana, client, names, suppression(client))
