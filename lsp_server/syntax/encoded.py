"""One text as the UTF-8 that tree-sitter reads, and offsets between the two. Knows no trees."""

import re
from array import array
from bisect import bisect_right

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_STRIDE = 1024
"""Characters between two marks: converting decodes at most this many, and 1 MB of text has a thousand marks."""


class Encoded:
    """A text and its UTF-8. Immutable; the marks are made when a text that is not ASCII is first asked for a place."""

    __slots__ = ("_marks", "data", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = utf8(text)
        self._marks: array[int] | None = None

    def byte(self, offset: int) -> int:
        """Where the character at `offset` begins; offsets outside the text are clamped."""
        offset = min(max(offset, 0), len(self.text))
        if len(self.data) == len(self.text):
            return offset
        mark = offset // _STRIDE
        return self._positions()[mark] + len(utf8(self.text[mark * _STRIDE : offset]))

    def offset(self, byte: int) -> int:
        """The character that holds `byte`; bytes outside the text are clamped."""
        byte = min(max(byte, 0), len(self.data))
        if len(self.data) == len(self.text):
            return byte
        positions = self._positions()
        mark = bisect_right(positions, byte) - 1
        return mark * _STRIDE + len(self.data[positions[mark] : byte].decode("utf-8", "ignore"))

    def point(self, byte: int) -> tuple[int, int]:
        """tree-sitter's (row, column in bytes); its rows end at line feeds only."""
        return self.data.count(b"\n", 0, byte), byte - (self.data.rfind(b"\n", 0, byte) + 1)

    def _positions(self) -> "array[int]":
        if self._marks is None:
            marks = array("L", [0])
            for start in range(0, len(self.text), _STRIDE):
                marks.append(marks[-1] + len(utf8(self.text[start : start + _STRIDE])))
            if len(self.text) % _STRIDE:
                marks.pop()  # a mark stands at the start of a stride, also of the empty one at the very end
            self._marks = marks
        return self._marks


def utf8(text: str) -> bytes:
    """UTF-8 of any `str`: a lone surrogate, which has none, becomes U+FFFD, which also takes three bytes."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode("utf-8")
