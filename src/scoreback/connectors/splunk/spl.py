"""Parts of searches, written so that a name or a value never becomes more than that."""

import re

from scoreback.errors import SiemRefused

# Outside of these characters a name could end what quotes it, or mean several fields.
_NAME = re.compile(r"[\w.:{}@/#+-]+(?: [\w.:{}@/#+-]+)*")
_NO_VALUE = re.compile(r"[\x00-\x1f\x7f`*]")


def text(value: str) -> str:
    """*value* in quotes, for a comparison of ``search`` or as a text of ``eval``.

    Raises:
        SiemRefused: it holds what a search would take for more than text.
    """
    if _NO_VALUE.search(value):
        raise SiemRefused(
            f"{value!r} cannot be searched for in Splunk: it holds a control character, ` or *",
            hint="name it without these characters",
        )
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def check_name(name: str) -> str:
    """*name*, if a field of Splunk can be called so.

    Raises:
        SiemRefused: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise SiemRefused(
            f"{name!r} is not the name of a field in Splunk",
            hint="use letters, digits and _ . : - { }; fields: {OURS: THEIRS} maps a name",
        )
    return name


def value_of(name: str) -> str:
    """The field *name* within an expression of ``eval`` or ``where``."""
    return f"'{check_name(name)}'"


def column(name: str) -> str:
    """The field *name* as an argument of ``fields``, ``table`` or ``stats``."""
    return f'"{check_name(name)}"'
