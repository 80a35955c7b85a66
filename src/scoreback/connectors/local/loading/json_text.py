"""Cuts JSON documents out of text that has them not one a line: pretty, in lists, in answers.

Each document comes out as the text that stands there, so that its numbers stay as written. At most
one document is held, and a block of the text.
"""

import codecs
import json
import re
from collections.abc import Collection, Iterator
from typing import IO

from scoreback.connectors.json.flatten import Pointer
from scoreback.connectors.local.loading.rows import MAX_ROW
from scoreback.errors import DataError

BLOCK = 262_144  # bytes that are read at a time

_BETWEEN = re.compile("[ \t\r\n,\ufeff\x1e]*")  # blanks, commas, marks of order and of records
_DECODER = json.JSONDecoder(strict=False)
_CUT_OFF = "it ends in the middle of a document"


class JsonText:
    """Text that is read value by value."""

    def __init__(self, content: IO[bytes]) -> None:
        """Read *content*; bytes that are not UTF-8 become lone surrogates."""
        self._content = content
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False
        self.line = 1  # where the next value begins

    def peek(self) -> str:
        """The first character of what comes next, "" at the end."""
        while True:
            self._go(_BETWEEN.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Go past *character*.

        Raises:
            DataError: something else comes next.
        """
        found = self.peek()
        if found != character:
            raise DataError(f"line {self.line}: {found!r} instead of {character!r}")
        self._go(self._at + 1)

    def value(self) -> str:
        """The text of the next value, whatever it is.

        Raises:
            DataError: it is not JSON, or longer than a row may be.
        """
        self.peek()
        while True:
            try:
                _value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MAX_ROW:
                    reason = f"no document ends within {MAX_ROW:,} characters"
                    raise DataError(f"line {self.line}: {reason}") from error
                if not self._more():
                    cut = error.pos >= len(self._text.rstrip()) or "Unterminated" in error.msg
                    line = self.line + self._text.count("\n", self._at, error.pos) * (not cut)
                    reason = _CUT_OFF if cut else error.msg
                    raise DataError(f"line {line}: {reason}") from error
            except RecursionError as error:
                raise DataError(f"line {self.line}: nested too deep") from error
            else:
                # A number at the end of the block may go on in the next: 12 of 12.5.
                after = self._text[end : end + 1]
                whole = self._text[end - 1] in '}]"' or (after and after not in "0123456789.eE+-")
                if whole or not self._more():
                    found = self._text[self._at : end]
                    self._go(end)
                    return found

    def _go(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        if self._ended:
            return False
        data = self._content.read(max(BLOCK, len(self._text) - self._at))
        self._ended = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, final=not data)
        self._at = 0
        return True


def documents(content: IO[bytes], lists: Collection[Pointer]) -> Iterator[tuple[int, str]]:
    """The documents in *content*, and the line where each begins.

    Args:
        content: values one after the other; a list's items are documents.
        lists: where in an object there is a list of documents; the rest of the object is skipped.

    Raises:
        DataError: the text is not JSON; the message is the reason.
    """
    text = JsonText(content)
    while text.peek():
        yield from _documents(text, lists, ())


def _documents(
    text: JsonText, lists: Collection[Pointer], pointer: Pointer
) -> Iterator[tuple[int, str]]:
    first = text.peek()
    if first == "[" and (not pointer or pointer in lists):
        text.take("[")
        while text.peek() not in ("]", ""):
            line = text.line
            yield line, text.value()
        text.take("]")
    elif first == "{" and any(_above(pointer, one) for one in lists):
        for key in keys(text):
            below = (*pointer, key)
            if any(below == one or _above(below, one) for one in lists):
                yield from _documents(text, lists, below)
            else:
                text.value()
    elif pointer:
        text.value()
    else:
        line = text.line
        yield line, text.value()


def keys(text: JsonText) -> Iterator[str]:
    """Walk the object that comes next: each key; whoever asks takes the value before the next.

    Raises:
        DataError: it is not an object.
    """
    text.take("{")
    while text.peek() not in ("}", ""):
        key = json.loads(text.value(), strict=False)
        text.take(":")
        yield str(key)
    text.take("}")


def _above(pointer: Pointer, other: Pointer) -> bool:
    return len(pointer) < len(other) and other[: len(pointer)] == pointer
