"""Quotes names and values in searches, so that they can never become anything else."""

import re

from scoreback.errors import SiemRefused

# Other characters in a name could end its quotes, or match several fields.
_NAME = re.compile(r"[\w.:{}@/#+-]+(?: [\w.:{}@/#+-]+)*")
_NO_VALUE = re.compile(r"[\x00-\x1f\x7f`*]")


def text(value: str) -> str:
    """*value* in quotes, for a comparison in ``search`` or as a text in ``eval``.

    Raises:
        SiemRefused: it contains something that a search would not read as text.
    """
    if _NO_VALUE.search(value):
        raise SiemRefused(
            f"{value!r} cannot be searched for in Splunk: it contains a control character, ` or *",
            hint="use a value without these characters",
        )
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def check_name(name: str) -> str:
    """*name*, if it is a valid field name in Splunk.

    Raises:
        SiemRefused: it is not.
    """
    if not _NAME.fullmatch(name):
        raise SiemRefused(
            f"{name!r} is not a valid field name in Splunk",
            hint="use letters, digits and _ . : - { }; fields: {OURS: THEIRS} maps a name",
        )
    return name


def value_of(name: str) -> str:
    """The field *name* within an expression of ``eval`` or ``where``."""
    return f"'{check_name(name)}'"


def column(name: str) -> str:
    """The field *name* as an argument of ``fields``, ``table`` or ``stats``."""
    return f'"{check_name(name)}"'
