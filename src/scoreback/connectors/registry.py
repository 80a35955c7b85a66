"""Finds a connector by entry point and imports that one only; finds translators of Sigma rules."""

from importlib.metadata import entry_points

from scoreback.connectors.doors import Connector, SigmaTranslator
from scoreback.errors import ConfigError

GROUP = "scoreback.connectors"
SIGMA_GROUP = "scoreback.sigma"


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


def sigma_translators() -> dict[str, SigmaTranslator]:
    """One translator of Sigma rules for each SIEM that has one, by the SIEM's name, sorted.

    A SIEM is called as its connector is, or would be: a translator can be there before one.

    Raises:
        ConfigError: nothing that is installed translates Sigma rules.
    """
    points = {point.name: point for point in entry_points(group=SIGMA_GROUP)}
    if not points:
        raise ConfigError(
            "nothing that is installed translates Sigma rules",
            hint="install Scoreback again, so that its entry points are found",
        )
    found: dict[str, SigmaTranslator] = {}
    for name in sorted(points):
        translator: type[SigmaTranslator] = points[name].load()
        found[name] = translator()
    return found
