"""Reads untrusted YAML as plain values with their line numbers.

Only mappings, lists and plain values are allowed: no tags, anchors, aliases or merge keys, so the
text can neither create objects nor expand. Plain values are read as in YAML 1.2, like editors do:
``no`` and ``on`` are text, and so is any number that would not be written back unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from scoreback.errors import ConfigError, NotThere
from scoreback.regular_file import read_regular

LARGEST_FILE = 256 * 1024  # detector files are a page or two
_DEEPEST = 20
_MOST_VALUES = 20_000  # so that the slowest file takes about a second

Key = tuple[str | int, ...]  # the path of a value: ("alerts", "budget"), ("features", 3, "over")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its plain values, and the line of each key."""

    source: str
    root: dict[str, object]
    lines: Mapping[Key, int]

    def line(self, key: Key) -> int:
        """The line of *key*, or of the nearest enclosing one."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]


def read_text(path: Path) -> str:
    """Read the text of *path*.

    Raises:
        NotThere: it does not exist, or is a folder.
        ConfigError: it is not a regular file, is too large, or is not UTF-8 text.
    """
    try:
        data = read_regular(path, LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise NotThere(f"{path} does not exist", hint=_near(path)) from error
    except IsADirectoryError as error:
        raise NotThere(f"{path} is a directory", hint="name one file in it") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}", hint="check the file") from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"{path} is larger than {LARGEST_FILE // 1024} KB", hint="is this the right file?"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: not UTF-8 text (byte 0x{data[error.start]:02x})",
            hint="save the file as UTF-8",
        ) from error


def _near(path: Path) -> str:
    """A hint: the file that was probably meant by *path*, which does not exist."""
    for suffix in (".yml", ".yaml"):
        meant = path.with_name(path.name + suffix)
        if meant.is_file():
            return f"did you mean {meant}?"
    return "check the path"


def parse(text: str, source: str) -> Document:
    """Parse *text*, which must be one YAML mapping; errors name it *source*.

    Raises:
        ConfigError: it is not YAML, not one mapping, or uses something not allowed here.
    """
    strange = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        raise ConfigError(
            f"{source}:{line}: holds the control character 0x{ord(strange[0]):02x}",
            hint="is this a text file? Save it as plain UTF-8 text",
        )
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ConfigError(f"{source} is empty", hint="draft one with: scoreback new")
        lines: dict[Key, int] = {(): node.start_mark.line + 1}
        root = _mapping(node, (), lines)
    except _Refused as error:
        raise ConfigError(f"{source}:{error.line}: {error}", hint=error.hint) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if mark else source
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{where}: not valid YAML: {said}", hint=_hint(said)) from error
    finally:
        loader.dispose()
    return Document(source, root, lines)


class _Refused(Exception):
    def __init__(self, message: str, hint: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.hint = hint
        self.line = mark.line + 1


class _Loader(yaml.SafeLoader):
    """Composes nodes, and refuses what is not allowed."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, object]]] = {}  # noqa: RUF012 - PyYAML's way
    depth = 0
    values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # untyped in types-PyYAML
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(
                "anchors and aliases (& and *) are not allowed",
                "write out the value; quote text that begins with & or *",
                mark,
            )
        if getattr(event, "tag", None) is not None:
            raise _Refused(
                f"the tag {event.tag} is not allowed",
                "omit the tag; quote text that begins with !",
                mark,
            )
        if self.depth >= _DEEPEST:
            raise _Refused(
                f"nested deeper than {_DEEPEST} levels", "is a bracket not closed?", mark
            )
        self.values += 1
        if self.values > _MOST_VALUES:
            raise _Refused(
                f"holds more than {_MOST_VALUES} values", "is this the right file?", mark
            )
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _mapping(node: yaml.Node, key: Key, lines: dict[Key, int]) -> dict[str, object]:
    if not isinstance(node, yaml.MappingNode):
        raise _Refused("the file is not a mapping", "write `key: value` lines", node.start_mark)
    found: dict[str, object] = {}
    for name, value in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise _Refused("a key is not plain text", "write `key: value`", name.start_mark)
        if name.value == "<<" and name.style is None:
            raise _Refused("merge keys (<<) are not allowed", "write out the keys", name.start_mark)
        below = (*key, name.value)
        if name.value in found:
            raise _Refused(
                f"{name.value!r} is there already, on line {lines[below]}",
                "keep one of the two",
                name.start_mark,
            )
        lines[below] = name.start_mark.line + 1
        found[name.value] = _value(value, below, lines)
    return found


def _value(node: yaml.Node, key: Key, lines: dict[Key, int]) -> object:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, lines)
    if isinstance(node, yaml.SequenceNode):
        items: list[object] = []
        for i, item in enumerate(node.value):
            lines[(*key, i)] = item.start_mark.line + 1
            items.append(_value(item, (*key, i), lines))
        return items
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return _plain(node.value) if plain else node.value


def _plain(text: str) -> object:
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    digits = text.removeprefix("-")
    if digits.isdecimal() and len(digits) < 19 and str(int(text)) == text:
        return int(text)
    return text


def _hint(said: str) -> str:
    if "single document" in said:
        return "keep one document in one file, without ---"
    if "\\t" in said or "tab" in said:
        return "indent with spaces, not tabs"
    if "mapping values" in said or "':'" in said or "block mapping" in said:
        return "check the indentation, put a space after each colon, and quote text that holds ': '"
    return "check brackets, quotes and indentation near this line"
