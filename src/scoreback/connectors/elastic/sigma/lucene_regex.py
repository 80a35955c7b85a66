"""Rewrites regular expressions from Sigma's dialect to Lucene's.

Sigma searches; Lucene matches the whole value, has no anchors, flags or class shorthands, and reads
``@ # & < > ~ "`` as its own operators. An expression without an exact equivalent is refused, never
approximated.
"""

import re
from collections.abc import Iterator

_OWN = frozenset('@#&<>~"/')  # literal in other languages; a slash would end the expression
_PLAIN = frozenset(".*+?|()[]{}\\^$-") | _OWN
_SETS = {"d": "0-9", "w": "A-Za-z0-9_", "s": " \t\n\r\f\v"}
_CHARACTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_PIECE = re.compile(
    r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\(\?:|\(\?"
    r"|(?:[*+?]|\{\d*,?\d*\})[?+]?"
    r"|.",
    re.DOTALL,
)
_REPEAT = re.compile(r"\{(?:(\d+)(,(\d*))?|(,)(\d+))\}")


class NotInLucene(ValueError):
    """Lucene has no equivalent; the message says for what."""


def lucene_regex(pattern: str, *, ignore_case: bool = False) -> str:
    """An expression that matches a whole value if *pattern* is found in it.

    Args:
        pattern: in the syntax of Python's ``re``.
        ignore_case: ignore the case of ASCII letters.

    Raises:
        NotInLucene: it has look-arounds, named groups, back-references or anchors in the middle.
    """
    pieces = _PIECE.findall(pattern)
    begins = bool(pieces) and pieces[0] == "^"
    ends = bool(pieces) and pieces[-1] == "$"
    pieces = pieces[begins : len(pieces) - ends]
    if (begins or ends) and _has_alternatives(pieces):
        raise NotInLucene("an anchor beside alternatives")
    inner = "".join(_translated(pieces, ignore_case=ignore_case))
    if not begins and not ends:
        return f".*({inner}).*"
    return f"{'' if begins else '.*'}({inner}){'' if ends else '.*'}"


def _has_alternatives(pieces: list[str]) -> bool:
    depth = 0
    for piece in pieces:
        depth += piece in ("(", "(?:")
        depth -= piece == ")"
        if piece == "|" and not depth:
            return True
    return False


def _translated(pieces: list[str], *, ignore_case: bool) -> Iterator[str]:
    for piece in pieces:
        if piece == "(?":
            raise NotInLucene("a group that begins with (?")
        if piece in ("^", "$"):
            raise NotInLucene(f"{piece} in the middle")
        if piece == "(?:":
            yield "("
        elif piece[0] == "[" and len(piece) > 1:
            yield _class(piece, ignore_case=ignore_case)
        elif piece[0] in "*+?" or _REPEAT.match(piece):
            yield _repeated(piece)
        elif piece[0] == "\\":
            yield _escape(piece, ignore_case=ignore_case)
        elif piece[0] == "{":
            yield re.sub(r"([{}?+])", r"\\\1", piece) if piece[-1] not in "?+" else _refuse(piece)
        elif piece in (".", "|", "(", ")"):
            yield piece
        else:
            yield _letter(piece, ignore_case=ignore_case)


def _refuse(piece: str) -> str:
    raise NotInLucene(f"{piece!r}")


def _repeated(piece: str) -> str:
    """A repetition; greediness does not change whether there is a match."""
    lazy = piece[-1] == "?" and len(piece) > 1
    if piece[-1] == "+" and len(piece) > 1:
        raise NotInLucene(f"the possessive {piece}")
    piece = piece[:-1] if lazy else piece
    return piece.replace("{,", "{0,")


def _escape(piece: str, *, ignore_case: bool) -> str:
    kind = piece[1]
    if kind in _SETS:
        return f"[{_SETS[kind]}]"
    if kind.lower() in _SETS:
        return f"[^{_SETS[kind.lower()]}]"
    return _letter(_character(piece), ignore_case=ignore_case)


def _character(piece: str) -> str:
    """The character that an escape stands for."""
    kind = piece[1]
    if kind in "xu" and len(piece) > 2:
        return chr(int(piece[2:], 16))
    if kind in _CHARACTERS:
        return _CHARACTERS[kind]
    if kind.isalnum():
        raise NotInLucene(piece)
    return kind


def _letter(character: str, *, ignore_case: bool) -> str:
    if ignore_case and character.isascii() and character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    return "\\" + character if character in _PLAIN else character


def _class(piece: str, *, ignore_case: bool) -> str:
    negated = piece.startswith("[^")
    parts = re.findall(r"\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", piece[1 + negated : -1],
                       re.DOTALL)  # fmt: skip
    found: list[str] = []
    while parts:
        first = parts.pop(0)
        if first[0] == "\\" and first[1] in _SETS:
            found.append(_SETS[first[1]])
            continue
        if first[0] == "\\" and first[1].lower() in _SETS:
            raise NotInLucene(f"{first} within a class")
        low = high = _character(first) if len(first) > 1 else first
        if len(parts) > 1 and parts[0] == "-":
            last = parts[1]
            if last[0] == "\\" and last[1].lower() in _SETS:
                raise NotInLucene(f"a range up to {last}")
            high = _character(last) if len(last) > 1 else last
            del parts[:2]
        found.append(_range(low, high))
        if ignore_case and low.isascii() and low.isalpha():
            if not (high.isascii() and high.isalpha()) or low.isupper() != high.isupper():
                raise NotInLucene(f"the range {low}-{high} with case ignored")
            found.append(_range(low.swapcase(), high.swapcase()))
        elif ignore_case and low != high:
            raise NotInLucene(f"the range {low}-{high} with case ignored")
    return f"[{'^' if negated else ''}{''.join(found)}]"


def _range(low: str, high: str) -> str:
    low_, high_ = (_letter(character, ignore_case=False) for character in (low, high))
    return low_ if low == high else f"{low_}-{high_}"
