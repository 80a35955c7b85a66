"""Reads UBJSON, the format of XGBoost's model files, without trusting a single byte.

XGBoost's own reader is meant for files that it wrote itself: a truncated file makes it read past
the end, request any amount of memory, or abort the process. So a file is read here first.
"""

import struct
from struct import Struct

import numpy as np

_NUMBERS = {
    b"i": Struct(">b"), b"U": Struct(">B"), b"I": Struct(">h"), b"l": Struct(">i"),
    b"L": Struct(">q"), b"d": Struct(">f"), b"D": Struct(">d"),
}  # fmt: skip
_LENGTHS = {marker: form for marker, form in _NUMBERS.items() if marker in b"iUIlL"}
_DTYPES = {marker: np.dtype(form.format) for marker, form in _NUMBERS.items()}
_LITERALS = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 32  # levels of nesting; a model needs about eight

Value = object  # dict, list, numpy array of numbers, str, int, float, bool or None


def decode(content: bytes) -> Value:
    """The value in *content*; arrays of one number type become numpy arrays.

    Raises:
        ValueError: it is not one whole UBJSON value.
    """
    reader = _Reader(content)
    try:
        value = reader.value(reader.marker(), depth=0)
    except struct.error as short:
        raise ValueError("it ends too early") from short
    if reader.at != len(content):
        raise ValueError("there are bytes after its end")
    return value


class _Reader:
    """A position in the content, with methods to read from it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.content) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self.content[self.at - count : self.at]

    def marker(self) -> bytes:
        """The next byte; empty at the end, which is not a valid marker."""
        self.at += 1
        return self.content[self.at - 1 : self.at]

    def value(self, marker: bytes, depth: int) -> Value:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if marker == b"S":
            return self.text()
        if marker == b"[":
            return self.array(depth)
        if marker == b"{":
            return self.mapping(depth)
        if marker in _NUMBERS:
            return self.number(_NUMBERS[marker])
        if marker in _LITERALS:
            return _LITERALS[marker]
        raise ValueError(
            f"it holds an unknown marker {marker!r}" if marker else "it ends too early"
        )

    def number(self, form: Struct) -> int | float:
        found: int | float = form.unpack_from(self.content, self.at)[0]
        self.at += form.size
        return found

    def count(self) -> int:
        marker = self.content[self.at : self.at + 1]
        form = _LENGTHS.get(marker)
        if form is None:
            raise ValueError(f"a length has the marker {marker!r}")
        self.at += 1 + form.size  # in one step: a model has tens of thousands of lengths
        return int(form.unpack_from(self.content, self.at - form.size)[0])

    def text(self) -> str:
        return self.take(self.count()).decode()

    def mapping(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self.content[self.at : self.at + 1] != b"}":
            key = self.text()
            if key in found:
                raise ValueError(f"it holds {key!r} twice")
            found[key] = self.value(self.marker(), depth + 1)
        self.at += 1
        return found

    def array(self, depth: int) -> Value:
        marker = self.marker()
        if marker == b"$":
            return self.numbers()
        if marker == b"#":
            count = self.count()
            if not 0 <= count <= len(self.content) - self.at:  # each element takes a byte or more
                raise ValueError("it ends too early")
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        found = []
        while marker != b"]":
            found.append(self.value(marker, depth + 1))
            marker = self.marker()
        return found

    def numbers(self) -> Value:
        kind = self.marker()
        if kind not in _DTYPES or self.marker() != b"#":
            raise ValueError("it holds an array of an unknown type")
        dtype = _DTYPES[kind]
        return np.frombuffer(self.take(self.count() * dtype.itemsize), dtype=dtype)
