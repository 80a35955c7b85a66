"""Cuts JSON documents out of text that is not one per line: pretty, in lists, in answers.

Each document comes out as the original text, so that its numbers stay as written. At most one
document and one block of text are in memory. A broken document can be skipped where each document
begins on its own line, at the same indentation.
"""

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import IO

from scoreback.connectors.json.flatten import Pointer
from scoreback.connectors.local.loading.rows import MAX_ROW
from scoreback.errors import DataError

BLOCK = 262_144  # bytes per read

# blanks, commas, byte order marks and record separators
_BETWEEN = re.compile("[ \t\r\n,\ufeff\x1e]*")
_DECODER = json.JSONDecoder(strict=False)
CUT_OFF = "the text ends in the middle of a document"

Broken = Callable[[int, str, str], None]  # line where a document begins, what is wrong, its text


class JsonText:
    """Text that is read one JSON value at a time."""

    def __init__(self, content: IO[bytes]) -> None:
        """Read *content*; bytes that are not UTF-8 become lone surrogates."""
        self._content = content
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False
        # the text before the next value on its line, if that is only white space
        self._before: str | None = ""
        self.line = 1  # where the next value begins

    def peek(self) -> str:
        """The first character of what follows, "" at the end."""
        while True:
            between = _BETWEEN.match(self._text, self._at)[0]  # type: ignore[index]
            if between:
                _, line, last = between.rpartition("\n")
                if line:
                    self._before = last
                elif self._before is not None:
                    self._before += last
            self._go(self._at + len(between))
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Skip *character*.

        Raises:
            DataError: another character follows.
        """
        found = self.peek()
        if found != character:
            raise DataError(f"line {self.line}: {found!r} instead of {character!r}")
        self._go(self._at + 1)

    def value(self) -> str:
        """The text of the next value, whatever it is.

        Raises:
            DataError: the value is not JSON, or exceeds the maximum size of a row.
        """
        self.peek()
        while True:
            try:
                _value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MAX_ROW:
                    reason = f"the document does not end within {MAX_ROW:,} characters"
                    raise DataError(f"line {self.line}: {reason}") from error
                if not self._more():
                    cut = error.pos >= len(self._text.rstrip()) or "Unterminated" in error.msg
                    line = self.line + self._text.count("\n", self._at, error.pos) * (not cut)
                    reason = CUT_OFF if cut else error.msg
                    raise DataError(f"line {line}: {reason}") from error
            except RecursionError as error:
                raise DataError(f"line {self.line}: nested too deeply") from error
            else:
                # A number at the end of the block may be incomplete: 12 of 12.5.
                after = self._text[end : end + 1]
                whole = self._text[end - 1] in '}]"' or (after and after not in "0123456789.eE+-")
                if whole or not self._more():
                    found = self._text[self._at : end]
                    self._go(end)
                    self._before = None
                    return found

    def skip_broken(self, close: str) -> str:
        """Skip the broken value that follows; returns its text.

        The next value is recognised by its line, which begins as the broken one's line does;
        *close* may end the list instead. Returns "" where the start of the next value cannot be
        found.
        """
        if self.peek() == "" or self._before is None:
            return ""
        indent = re.escape(self._before.partition(",")[0])
        ending = rf"|[ \t]*{re.escape(close)}" if close else ""
        follows = re.compile(rf"\n(?={indent}(?:,[ \t]*)?\{{{ending})")
        found = follows.search(self._text, self._at)
        while found is None and len(self._text) - self._at <= MAX_ROW and self._more():
            found = follows.search(self._text, self._at)
        if found is None:
            return ""
        broken = self._text[self._at : found.start()]
        self._go(found.start())
        return broken.rstrip(" \t\r\n,")

    def _go(self, end: int) -> None:
        if self._text.find("\n", self._at, end) >= 0:
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


def documents(
    content: IO[bytes], lists: Collection[Pointer], broken: Broken | None = None
) -> Iterator[tuple[int, str]]:
    """Each document in *content*, with the line where it begins.

    Args:
        content: a sequence of values; the items of a list are documents.
        lists: paths in an object to a list of documents; the rest of the object is skipped.
        broken: called for each document that is not JSON, where the start of the next can be found.

    Raises:
        DataError: the text is not JSON; the message says why.
    """
    text = JsonText(content)
    while text.peek():
        yield from _documents(text, lists, (), broken)


def _documents(
    text: JsonText, lists: Collection[Pointer], pointer: Pointer, broken: Broken | None
) -> Iterator[tuple[int, str]]:
    first = text.peek()
    if first == "[" and (not pointer or pointer in lists):
        text.take("[")
        while text.peek() not in ("]", ""):
            yield from _document(text, "]", broken)
        text.take("]")
    elif first == "{" and any(_above(pointer, one) for one in lists):
        for key in keys(text):
            below = (*pointer, key)
            if any(below == one or _above(below, one) for one in lists):
                yield from _documents(text, lists, below, broken)
            else:
                text.value()
    elif pointer:
        text.value()
    else:
        yield from _document(text, "", broken)


def _document(text: JsonText, close: str, broken: Broken | None) -> Iterator[tuple[int, str]]:
    """The next document, or None if it is broken; *close* may end the list around it."""
    line = text.line
    try:
        found = text.value()
    except DataError as error:
        skipped = "" if broken is None else text.skip_broken(close)
        if broken is None or not skipped:
            raise
        broken(line, error.message.partition(": ")[2], skipped)
        return
    yield line, found


def keys(text: JsonText) -> Iterator[str]:
    """Walk the next object: yields each key; the caller takes the value before the next key.

    Raises:
        DataError: the next value is not an object.
    """
    text.take("{")
    while text.peek() not in ("}", ""):
        key = json.loads(text.value(), strict=False)
        text.take(":")
        yield str(key)
    text.take("}")


def _above(pointer: Pointer, other: Pointer) -> bool:
    return len(pointer) < len(other) and other[: len(pointer)] == pointer
