"""How SQL writes names and text."""


def identifier(name: str) -> str:
    """*name* quoted as SQL writes a column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """*text* quoted as SQL writes a string."""
    return "'" + text.replace("'", "''") + "'"
