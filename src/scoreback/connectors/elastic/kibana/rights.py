"""The privileges that the running key needs in Kibana, by its version's ids of features."""

from scoreback.connectors.elastic.kibana.versions import Version, differences

APPLICATION = "kibana-.kibana"  # as Kibana registers its privileges in the cluster
# Ids that are the same in every version of the table.
_DATA_VIEWS, _NOTES = "indexPatterns", "securitySolutionNotes"


def privileges(version: Version) -> list[str]:
    """Names of application privileges, ordered by purpose."""
    features = differences(version).features
    return list(
        dict.fromkeys(
            (
                f"feature_{features.rules}.all",  # detection rules
                f"feature_{features.alerts}.all",  # status, tags and reasons of alerts
                f"feature_{_NOTES}.read",  # an alert with a note counts as an analyst's
                f"feature_{features.dashboards}.all",
                f"feature_{_DATA_VIEWS}.all",
                f"feature_{features.saved_objects}.all",  # import, export
            )
        )
    )
