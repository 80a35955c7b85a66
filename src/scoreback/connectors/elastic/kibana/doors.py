"""The doors through Kibana, for connections that name one."""

from scoreback.connectors.doors import ResourcesDoor
from scoreback.connectors.elastic.kibana.alerts import Alerts
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.dashboards.door import Dashboards
from scoreback.connectors.elastic.kibana.labels.door import Labels
from scoreback.connectors.elastic.kibana.labels.meanings import Meanings
from scoreback.connectors.elastic.kibana.licence import suppression
from scoreback.connectors.elastic.kibana.resources import Resources
from scoreback.connectors.elastic.kibana.rules.door import Rules
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client


class KibanaDoors:
    """The doors that replace the cluster's own; creating them sends no request."""

    def __init__(
        self,
        kibana: Kibana,
        client: Client,
        settings: ElasticSettings,
        verdicts: Verdicts,
        resources: ResourcesDoor,
    ) -> None:
        """Use *kibana*, and its cluster through *client*.

        *verdicts* still records what is closed through Scoreback, because Kibana forgets it. Data
        views and dashboards are added to the cluster's *resources*.
        """
        names, meanings = Names(settings.namespace), Meanings(settings.verdicts)
        self.rules = Rules(kibana, client, names, suppression(client), settings.clusters)
        self.labels = Labels(client, names, settings.space, meanings, verdicts)
        self.alerts = Alerts(client, kibana, names, meanings, verdicts)
        self.resources = Resources(resources, Dashboards(kibana, client, names.kibana))
