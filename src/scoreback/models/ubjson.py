"""Reads UBJSON, the form that XGBoost stores models in, without trusting a single byte.

XGBoost's own reader is for files it wrote itself: a truncated one makes it read past the end, ask
for any amount of memory, or abort the process. So a file is read here first.
"""

import struct

import numpy as np

_NUMBERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
_LITERALS = {"T": True, "F": False, "Z": None}
_DEEPEST = 32  # nesting; a model needs about eight

Value = object  # dict, list, numpy array of numbers, str, int, float, bool or None


def decode(content: bytes) -> Value:
    """The value that *content* holds; arrays of one number type come as numpy arrays.

    Raises:
        ValueError: it is not one whole UBJSON value.
    """
    reader = _Reader(content)
    value = reader.value(reader.marker(), depth=0)
    if reader.at != len(content):
        raise ValueError("there are bytes after its end")
    return value


class _Reader:
    """A place in the content, and what can be read from there."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.content) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self.content[self.at - count : self.at]

    def marker(self) -> str:
        return self.take(1).decode("latin-1")

    def value(self, marker: str, depth: int) -> Value:
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        if marker in _LITERALS:
            return _LITERALS[marker]
        if marker in _NUMBERS:
            return self.number(marker)
        if marker == "S":
            return self.text()
        if marker == "{":
            return self.mapping(depth)
        if marker == "[":
            return self.array(depth)
        raise ValueError(f"it holds an unknown marker {marker!r}")

    def number(self, marker: str) -> int | float:
        form = _NUMBERS[marker]
        found: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return found

    def count(self) -> int:
        marker = self.marker()
        if marker not in "iUIlL":
            raise ValueError(f"a length has the marker {marker!r}")
        return int(self.number(marker))

    def text(self) -> str:
        return self.take(self.count()).decode()

    def mapping(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self.content[self.at : self.at + 1] != b"}":
            key = self.text()
            if key in found:
                raise ValueError(f"it holds {key!r} twice")
            found[key] = self.value(self.marker(), depth + 1)
        self.take(1)
        return found

    def array(self, depth: int) -> Value:
        marker = self.marker()
        if marker == "$":
            return self.numbers()
        if marker == "#":
            count = self.count()
            if count > len(self.content) - self.at:  # each element takes a byte at least
                raise ValueError("it ends too early")
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        found = []
        while marker != "]":
            found.append(self.value(marker, depth + 1))
            marker = self.marker()
        return found

    def numbers(self) -> Value:
        kind = self.marker()
        if kind not in _NUMBERS or self.marker() != "#":
            raise ValueError("it holds an array of an unknown type")
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(self.count() * dtype.itemsize), dtype=dtype)
