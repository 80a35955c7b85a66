"""Checks patterns of the `matches` feature: they must mean the same in RE2 and most other engines.

DuckDB searches with RE2. Detector files are checked without loading DuckDB, so this module refuses
by name what RE2 lacks or reads differently; a property test compares it with DuckDB.
"""

import re
import warnings

from scoreback.models.detector.wrong import WrongValue

LONGEST_PATTERN = 500
_MOST_REPEATS = 1000  # RE2's own limit, nested counts multiplied
_ESCAPES = frozenset("AbBdDsSwWafnrtvx")
_GROUP = re.compile(r"\?(?:P<([A-Za-z_]\w*)>|[ims]*(?:-[ims]+)?:|[ims]+\))", re.ASCII)
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}", re.ASCII)
_HINT = "write a simpler pattern: no look-around, back-references or possessive repeats"


def check_pattern(pattern: str) -> str:
    r"""Return *pattern* if RE2 can search with it.

    Raises:
        WrongValue: it is not a regular expression, or uses what RE2 does not support.
    """
    if not 0 < len(pattern) <= LONGEST_PATTERN:
        raise WrongValue(
            f"a pattern of {len(pattern)} characters", hint=f"write 1 to {LONGEST_PATTERN}"
        )
    if not pattern.isprintable():
        raise WrongValue(
            f"pattern {pattern!r} holds a control character", hint=r"write it as \t, \n or \x1b"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # "possible nested set"
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise WrongValue(
            f"pattern {pattern!r} is not a regular expression: {error}",
            hint=r"quote it with single quotes in YAML, and escape literal signs: '\.php$'",
        ) from error
    _Scan(pattern).run()
    return pattern


class _Scan:
    """One pass over a pattern that Python accepts, looking for what RE2 does not."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.open = [1]  # per open group: the largest repeat count inside it
        self.last = 1  # repeat count inside what a following quantifier would repeat
        self.quantified = False  # whether the last token was a quantifier

    def run(self) -> None:
        while self.at < len(self.pattern):
            sign = self.pattern[self.at]
            step = {"\\": self._escape, "[": self._set, "(": self._group, ")": self._close}.get(
                sign
            )
            if step:
                step()
                self.quantified = False
            elif sign in "*+?{":
                self._quantifier(sign)
            else:
                self._literal()

    def _refuse(self, what: str, hint: str = _HINT) -> None:
        raise WrongValue(f"pattern {self.pattern!r} uses {what}", hint=hint)

    def _literal(self) -> None:
        self.at += 1
        self.last = 1
        self.quantified = False

    def _escape(self, *, in_set: bool = False) -> None:
        sign = self.pattern[self.at + 1]
        if sign in "123456789":
            self._refuse(f"the back-reference \\{sign}")
        if sign.isalnum() and (sign not in _ESCAPES or (in_set and sign == "b")):
            self._refuse(
                f"\\{sign}, which RE2 reads differently", r"write the character, \xHH or $"
            )
        if ord(sign) > 126 or sign == "_":
            self._refuse(f"a backslash before {sign!r}", "omit the backslash")
        self.at += 2
        self.last = 1

    def _set(self) -> None:
        self.at += 2 if self.pattern.startswith("^", self.at + 1) else 1
        if self.pattern[self.at] == "]":
            self.at += 1
        while self.pattern[self.at] != "]":
            if self.pattern[self.at] == "\\":
                self._escape(in_set=True)
            else:
                if (
                    self.pattern[self.at] == "["
                ):  # "[:" begins a class in RE2, a plain set in Python
                    self._refuse("[ inside [...]", r"write \[ for the sign itself")
                self.at += 1
        self.at += 1
        self.last = 1

    def _group(self) -> None:
        self.at += 1
        if self.pattern.startswith("?", self.at):
            match = _GROUP.match(self.pattern, self.at)
            if not match:
                found = "(" + self.pattern[self.at : self.at + 3]
                self._refuse(f"{found!r}, which RE2 does not support")
                return
            self.at = match.end()
            if match[0].endswith(")"):  # flags alone open no group
                return
        self.open.append(1)

    def _close(self) -> None:
        self.at += 1
        self.last = self.open.pop()
        self.open[-1] = max(self.open[-1], self.last)

    def _quantifier(self, sign: str) -> None:
        if sign == "+" and self.quantified:
            self._refuse("a possessive repeat")
        match = _COUNT.match(self.pattern, self.at)
        if sign == "{" and not match:
            self._refuse("{ without a count", r"write \{ for the sign itself")
        if match:
            self.last *= max(int(match[1]), int(match[2] or 0), 1)
            self.at = match.end()
        else:
            self.at += 1
        if self.last > _MOST_REPEATS:
            self._refuse(
                f"{self.last} repeats",
                f"repeat at most {_MOST_REPEATS} times, nested ones multiplied",
            )
        self.open[-1] = max(self.open[-1], self.last)
        self.quantified = True
