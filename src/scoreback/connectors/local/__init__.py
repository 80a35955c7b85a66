"""The embedded SIEM: Parquet segments and one SQLite file in a folder, queried with DuckDB."""

from scoreback.connectors.local.connector import LocalConnector
from scoreback.connectors.local.enriched import open_enriched

__all__ = ["LocalConnector", "open_enriched"]
