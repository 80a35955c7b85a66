"""Parts of the reference that are generated from the code: keys, features, commands, settings."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click
import typer

from scoreback.models.detector.alerts import OVERRIDABLE
from scoreback.models.detector.schema import json_schema
from scoreback.service.cli import app
from scoreback.service.settings import PREFIX, Settings

Schema = dict[str, Any]
_TYPES = {"array": "list", "object": "keys", "string": "text", "boolean": "true or false"}


def detector_keys() -> str:
    """A table of every key of a detector file: its type, its default and its meaning."""
    schema = json_schema()
    rows = [(f"`{key}`", *_described(entry, needed)) for key, entry, needed in _keys(schema)]
    return _table(("key", "takes", "default", "means"), rows)


def overridable_keys() -> str:
    """A table of the keys that settings can change while a detector runs."""
    described = {key: entry for key, entry, _ in _keys(json_schema())}
    rows = [(f"`{key}`", *_described(described[key], needed=True)[::2]) for key in OVERRIDABLE]
    return _table(("key", "takes", "means"), rows)


def features() -> str:
    """A table of every feature: how to write it, and its value."""
    schema: Schema = json_schema()
    kinds = schema["properties"]["features"]["items"]["allOf"]
    forms = [kind["then"] for kind in kinds if "properties" in kind["then"]]
    rows = []
    for form in forms:
        kind = form["required"][0]
        others = [name for name in form["properties"] if name not in (kind, "name")]
        value = form["properties"][kind]
        taken = "events" if value.get("const") == "events" else "FIELD"
        if value.get("type") == "array":
            taken = "[FIELD, FIELD]"
        written = ", ".join([f"{kind}: {taken}", *(f"{other}: ..." for other in others)])
        rows.append((f"`{{{written}}}`", value["description"]))
    return _table(("feature", "its value"), rows)


def commands() -> str:
    """The ``--help`` of each command."""
    group = typer.main.get_command(app)
    root = group.make_context("scoreback", [], resilient_parsing=True)
    return "\n\n".join(_commands(group, root))


def settings() -> str:
    """A table of the settings in the environment."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        means = (field.description or "").replace("<", "&lt;")
        rows.append((f"`{PREFIX}{name.upper()}`", means, default))
    return _table(("setting", "means", "default"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "detector keys": detector_keys,
    "overridable keys": overridable_keys,
    "features": features,
    "commands": commands,
    "settings": settings,
}


def _keys(schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    """Dotted keys, depth first, in the file's order, and whether each is required."""

    def within(part: Schema, prefix: str) -> Iterator[tuple[str, Schema, bool]]:
        for name, entry in part["properties"].items():
            key = prefix + name
            yield key, entry, name in part.get("required", ())
            for inner in _parts(schema, entry):
                yield from within(inner, f"{key}.")

    return within(schema, "")


def _parts(schema: Schema, entry: Schema) -> Iterator[Schema]:
    """The parts with their own keys that *entry* may be."""
    for choice in [entry, *entry.get("anyOf", ()), *entry.get("oneOf", ())]:
        if "$ref" in choice:
            found = schema["$defs"][choice["$ref"].rpartition("/")[2]]
            if "properties" in found:
                yield found


def _described(entry: Schema, needed: bool) -> tuple[str, str, str]:
    if needed:
        default = "needed"
    elif entry.get("default") in (None, [], ""):
        default = ""
    elif isinstance(entry["default"], dict):
        default = "see its keys"
    else:
        default = f"`{_written(entry['default'])}`"
    return _takes(entry), default, entry.get("description", "")


def _takes(entry: Schema) -> str:
    """What a value looks like: the choices, an example, or the type."""
    if "enum" in entry:
        return ", ".join(f"`{_written(choice)}`" for choice in entry["enum"])
    if "const" in entry:
        return f"`{_written(entry['const'])}`"
    if "examples" in entry:
        return f"for example `{_written(entry['examples'][0])}`"
    choices = [
        c for c in [*entry.get("anyOf", ()), *entry.get("oneOf", ())] if c.get("type") != "null"
    ]
    if choices:
        return " or ".join(dict.fromkeys(_takes(choice) for choice in choices))
    if "$ref" in entry:
        return "keys"
    named = entry.get("type", "text")
    return " or ".join(
        _TYPES.get(kind, kind) for kind in ([named] if isinstance(named, str) else named)
    )


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _commands(group: click.Command, above: click.Context) -> Iterator[str]:
    subcommands: dict[str, click.Command] = getattr(group, "commands", {})
    for name, command in subcommands.items():
        context = command.make_context(name, [], parent=above, resilient_parsing=True)
        if getattr(command, "commands", None):
            yield from _commands(command, context)
        else:
            yield f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    head = list(head)
    return "\n".join([line(head), "|" + "---|" * len(head), *(line(row) for row in rows)])
