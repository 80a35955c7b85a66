"""The syntax of a base search: terms that select, and nothing that does more.

A pipe, a subsearch or a time bound would turn it into a different search; an open quote or
parenthesis would swallow what Scoreback appends. Text that Splunk may read in two ways is refused.
Here a macro is only a name; `scoreback...reading.macros` checks what it stands for.
"""

import re
from dataclasses import dataclass

from scoreback.errors import SiemRefused

HINT = "write splunk: {search: 'index=NAME sourcetype=NAME field=value'}, without pipes"

# These set when events happened or were indexed, or bring in another search.
_OVERRIDES = (
    "earliest", "latest", "_index_earliest", "_index_latest", "index_earliest", "index_latest",
    "starttime", "endtime", "starttimeu", "endtimeu", "timeformat", "searchtimespanhours",
    "searchtimespandays", "searchtimespanminutes", "searchtimespanmonths", "startdaysago",
    "starthoursago", "startminutesago", "startmonthsago", "enddaysago", "endhoursago",
    "endminutesago", "endmonthsago", "daysago", "hoursago", "minutesago", "monthsago",
    "savedsearch", "savedsplunk",
)  # fmt: skip
_OVERRIDE = re.compile(
    rf"(?<![\w.])(?P<name>{'|'.join(_OVERRIDES)})\s*(?:=|!=|<|>|::)", re.IGNORECASE
)
_FIRST_WORD = re.compile(r"\s*search\b(?!\s*(?:=|!=|<|>|::))", re.IGNORECASE)
_OPERATOR = re.compile(r"\s*(?:=|!=|<|>|::)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_MACRO = re.compile(r"`([^`]*)`")
MACRO_CALL = re.compile(r"(?P<name>[\w.:-]+)(?:\((?P<args>.*)\))?", re.DOTALL)
_ESCAPABLE = frozenset('"|[]()`')
_MOST = 20_000  # characters


@dataclass(frozen=True, slots=True)
class BaseSearch:
    """A search that only selects."""

    text: str
    macros: tuple[str, ...]  # without their backticks, in order; with repetitions


def parsed(text: str) -> BaseSearch:
    """*text* as a base search, after checking it.

    Raises:
        SiemRefused: the message names the invalid part.
    """
    if not text.strip():
        raise _refused("it is empty")
    if len(text) > _MOST:
        raise _refused(f"it is longer than {_MOST:,} characters")
    if _FIRST_WORD.match(text):
        raise _refused("it begins with the word search, which Scoreback adds")
    return _Look(text).whole()


class _Look:
    """One pass over a search."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._bare: list[str] = []  # the text outside of quotes
        self._macros: list[str] = []

    def whole(self) -> BaseSearch:
        while self._at < len(self._text):
            self._step()
        if self._depth:
            raise _refused("a parenthesis is not closed")
        found = _OVERRIDE.search("".join(self._bare))
        if found:
            raise _refused(f"{found['name']} is set by Scoreback, or brings in another search")
        return BaseSearch(self._text, tuple(self._macros))

    def _step(self) -> None:
        sign = self._text[self._at]
        if sign == '"':
            self._quoted()
            return
        if sign == "`":
            self._macro()
            return
        if sign == "|":
            raise _refused("a | would begin another command")
        if sign == "'":
            raise _refused("a ' outside of quotes is ambiguous: quote the value")
        if sign in "[]":
            raise _refused("[ and ] would make a subsearch")
        if sign < " " and sign not in "\t\n\r":
            raise _refused("it holds a control character")
        if sign == "\\" and self._text[self._at + 1 : self._at + 2] in _ESCAPABLE:
            raise _refused("a \\ outside of quotes precedes a character that ends or begins a part")
        if sign == "\\" and self._at + 1 == len(self._text):
            raise _refused("it ends in a \\, which would change what follows")
        self._depth += {"(": 1, ")": -1}.get(sign, 0)
        if self._depth < 0:
            raise _refused("a parenthesis is closed but was not opened")
        self._bare.append(sign)
        self._at += 1

    def _quoted(self) -> None:
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            raise _refused("a quote is not closed")
        inside = found[1]
        if "`" in inside or any(c < " " and c not in "\t\n\r" for c in inside):
            raise _refused("a quoted text holds a ` or a control character")
        self._at = found.end()
        if inside.strip().lower() in _OVERRIDES and _OPERATOR.match(self._text, self._at):
            raise _refused(f"{inside.strip()} is set by Scoreback, or brings in another search")
        self._bare.append('""')

    def _macro(self) -> None:
        found = _MACRO.match(self._text, self._at)
        if found is None or not found[1].strip():
            raise _refused("a ` is not closed, or begins a comment")
        if not MACRO_CALL.fullmatch(found[1].strip()):
            raise _refused(f"`{found[1]}` is not a macro call")
        self._macros.append(found[1])
        self._bare.append(" ")
        self._at = found.end()


def _refused(why: str) -> SiemRefused:
    return SiemRefused(f"the search of the selection is not valid: {why}", hint=HINT)
