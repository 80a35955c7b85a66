"""A search as text: macros expanded, cut into commands, a command's words."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.splunkd.spl.values import SearchRefused

_MACRO = re.compile(r"([\w:.-]+)\s*(?:\((.*)\))?\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """A word of a command; *quoted* tells ``"a b"`` from ``a``."""

    text: str
    quoted: bool = False


def cut(search: str, at: str) -> list[str]:
    """The pieces between each *at* that stands outside quotes, parentheses and brackets."""
    pieces, start, depth, quote = [], 0, 0, ""
    i = 0
    while i < len(search):
        c = search[i]
        if c == "\\":
            i += 2
            continue
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'" and (c == '"' or not (i and search[i - 1].isalnum())):
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == at and (depth <= 0 or (at == "|" and "[" not in search[start:i])):
            pieces.append(search[start:i])
            start = i + 1
        i += 1
    if quote == '"':
        raise SearchRefused("Unbalanced quotes.")
    return [*pieces, search[start:]]


def commands(search: str) -> list[tuple[str, str]]:
    """Names and arguments. What does not begin with a pipe begins with ``search``."""
    pieces = [piece.strip() for piece in cut(search.strip(), "|")]
    if pieces and not pieces[0]:
        pieces = pieces[1:]
        if not pieces:
            raise SearchRefused("Empty search.")
    elif pieces[0].split(None, 1)[0].lower() != "search":
        pieces[0] = "search " + pieces[0]
    found = []
    for piece in pieces:
        if not piece:
            raise SearchRefused("Missing a search command before '|'.")
        match = re.match(r"([A-Za-z_][\w-]*)(.*)\Z", piece, re.DOTALL)
        if match is None:
            raise SearchRefused(f"Unknown search command '{piece.split()[0]}'.")
        found.append((match[1].lower(), match[2].strip()))
    return found


def expanded(search: str, macro: Callable[[str, list[str]], str], depth: int = 0) -> str:
    """The search with each `` `name(args)` `` in place of its macro's definition."""
    if "`" not in search:
        return search
    if depth > 20:
        raise SearchRefused("Error in 'SearchParser': Reached maximum recursion depth of macros.")
    made, rest = [], search
    while True:
        before, tick, rest = _untick(rest)
        made.append(before)
        if not tick:
            return "".join(made)
        inside, tick, rest = _untick(rest)
        if not tick:
            raise SearchRefused("Error in 'SearchParser': Missing a closing tick mark (`).")
        if inside.startswith("comment("):
            continue
        match = _MACRO.match(inside.strip())
        if match is None:
            raise SearchRefused(f"Error in 'SearchParser': The macro '{inside}' is not valid.")
        given = [a.strip() for a in cut(match[2], ",")] if match[2] and match[2].strip() else []
        made.append(expanded(macro(match[1], given), macro, depth + 1))


def _untick(search: str) -> tuple[str, str, str]:
    """What comes before the next tick mark outside double quotes, the mark, and the rest."""
    quoted, i = False, 0
    while i < len(search):
        if search[i] == "\\":
            i += 1
        elif search[i] == '"':
            quoted = not quoted
        elif search[i] == "`" and not quoted:
            return search[:i], "`", search[i + 1 :]
        i += 1
    return search, "", ""


def unescaped(quoted: str) -> str:
    """The inside of a quoted text without its backslashes before quotes and backslashes."""
    return re.sub(r'\\(["\\])', r"\1", quoted)


_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s",()=]+|[,()=])', re.DOTALL)


def words(arguments: str) -> Iterator[Word]:
    """Words of a simple command; commas, parentheses and ``=`` are words of their own."""
    position = 0
    while position < len(arguments):
        if arguments[position].isspace():
            position += 1
            continue
        match = _WORD.match(arguments, position)
        if match is None:
            raise SearchRefused(f"Unbalanced quotes in {arguments!r}.")
        if match[1] is not None:
            yield Word(unescaped(match[1]), quoted=True)
        else:
            yield Word(match[2])
        position = match.end()


def options(arguments: str, known: set[str]) -> tuple[dict[str, str], list[Word]]:
    """``name=value`` pairs of known names, and the other words, without commas."""
    given: dict[str, str] = {}
    others: list[Word] = []
    all_words = list(words(arguments))
    i = 0
    while i < len(all_words):
        word = all_words[i]
        if i + 2 < len(all_words) and all_words[i + 1].text == "=" and not word.quoted:
            if word.text.lower() not in known:
                raise SearchRefused(f"Unknown option '{word.text}'.")
            given[word.text.lower()] = all_words[i + 2].text
            i += 3
            continue
        if word.quoted or word.text != ",":
            others.append(word)
        i += 1
    return given, others
