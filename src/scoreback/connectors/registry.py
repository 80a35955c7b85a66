"""Finds a connector by entry point and imports that one only."""

from importlib.metadata import entry_points

from scoreback.connectors.doors import Connector
from scoreback.errors import ConfigError

GROUP = "scoreback.connectors"


def connector_names() -> list[str]:
    """Names of the installed connectors, sorted; imports none of them."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_connector(name: str) -> type[Connector]:
    """Import the connector called *name*, and only that one.

    Raises:
        ConfigError: no installed connector has that name.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ConfigError(
            f"no connector is called {name!r}",
            hint=f"use one of: {', '.join(connector_names())}",
        )
    connector: type[Connector] = next(iter(found)).load()
    return connector
