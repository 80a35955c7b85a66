"""Finds connectors by entry point and imports only the one asked for; finds Sigma translators."""

import ast
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scoreback.errors import ConfigError

if TYPE_CHECKING:  # names can be looked up without importing the libraries that the doors use
    from scoreback.connectors.doors import Connector, SigmaTranslator

GROUP = "scoreback.connectors"
SIGMA_GROUP = "scoreback.sigma"


def connector_names() -> list[str]:
    """Sorted names of the installed connectors; imports none of them."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_connector(name: str) -> "type[Connector]":
    """Import the connector called *name*, and no other.

    Raises:
        ConfigError: no installed connector has this name.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ConfigError(
            f"no connector is called {name!r}",
            hint=f"use one of: {', '.join(connector_names())}",
        )
    connector: type[Connector] = next(iter(found)).load()
    return connector


def selection_keys(name: str) -> tuple[str, ...] | None:
    """The keys that a selection for the connector called *name* may have; None if not known.

    A connector names them as a literal ``KEYS`` in a file ``selection_keys.py`` of its package.
    Only that file is read and the package is not imported, so that detector files are checked
    quickly.
    """
    for point in entry_points(group=GROUP, name=name):
        spec = find_spec(point.module)
        file = None if spec is None or spec.origin is None else Path(spec.origin)
        if file is not None and (keys := file.with_name("selection_keys.py")).is_file():
            return _keys_in(keys.read_text(encoding="utf-8"))
    return None


def sigma_translators() -> "dict[str, SigmaTranslator]":
    """Log at INFO, once, that *what* has not answered for `SILENT` seconds while this block runs.

    A SIEM has the name that its connector has, or would have: a translator may exist before one.

    Raises:
        ConfigError: no translator of Sigma rules is installed.
    """
    points = {point.name: point for point in entry_points(group=SIGMA_GROUP)}
    if not points:
        raise ConfigError(
            "no translator of Sigma rules is installed",
            hint="reinstall Scoreback so that its entry points are found",
        )
    found: dict[str, SigmaTranslator] = {}
    for name in sorted(points):
        translator: type[SigmaTranslator] = points[name].load()
        found[name] = translator()
    return found


def _keys_in(source: str) -> tuple[str, ...] | None:
    """The literal that *source* assigns to ``KEYS``; no code is run."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["KEYS"]:
            return tuple(ast.literal_eval(node.value))
    return None
