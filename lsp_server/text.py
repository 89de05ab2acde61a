"""Offsets, lines and editor positions. Below `server/`, a place in a text is an `int` offset into a `str`.

Lines end at `\\n`, `\\r\\n` and `\\r` and nowhere else, as the protocol says: form feeds, U+2028 and their kin, at
which `str.splitlines` also splits, are ordinary characters.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal

import attrs

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_END_OF_LINE = re.compile(r"\r\n|\n|\r")


@attrs.frozen
class Span:
    """Half-open range of offsets, `start <= end`."""

    start: int
    end: int


class LineIndex:
    """Where each line of one text starts. Immutable; `edited` makes the index of the changed text.

    The index does not keep the text: a caller passes the text it was made of. Line numbers count from 0.

    Typing moves every line after it, too many in a 10 MB file for one key. So the lines from `_pivot` on lie
    `_shift` characters after what `_starts` says; the next edit mends only the lines between the two places.
    """

    __slots__ = ("_length", "_pivot", "_shift", "_starts")

    def __init__(self, starts: "array[int]", length: int, pivot: int = 0, shift: int = 0) -> None:
        self._starts = starts
        self._length = length
        self._pivot = pivot
        self._shift = shift

    @classmethod
    def of(cls, text: str) -> "LineIndex":
        starts = array("q", [0])
        starts.extend(_ends_of_lines(text, 0, len(text)))
        return cls(starts, len(text))

    def __len__(self) -> int:
        """Number of lines; a text that ends with a line end has an empty last line."""
        return len(self._starts)

    def line_of(self, offset: int) -> int:
        """The line that contains `offset`; offsets outside the text are clamped."""
        offset = min(max(offset, 0), self._length)
        pivot = self._pivot
        if self._shift and pivot < len(self._starts) and offset >= self._starts[pivot] + self._shift:
            return bisect_right(self._starts, offset - self._shift, pivot) - 1
        end = pivot if self._shift else len(self._starts)
        return max(0, bisect_right(self._starts, offset, 0, end) - 1)

    def start(self, line: int) -> int:
        """Offset at which `line` starts; a line after the last one starts at the end of the text."""
        if line >= len(self._starts):
            return self._length
        return self._starts[line] + (self._shift if line >= self._pivot else 0)

    def end(self, text: str, line: int) -> int:
        """Offset of the line's end, before its line-end characters."""
        end = self.start(line + 1)
        start = self.start(line)
        while end > start and text[end - 1] in "\r\n" and line + 1 < len(self._starts):
            end -= 1
        return end

    def line_text(self, text: str, line: int) -> str:
        """The line without its line end."""
        return text[self.start(line) : self.end(text, line)]

    def offset(self, text: str, line: int, column: int, encoding: Encoding) -> int:
        """The offset of an editor position; positions past the line's or the text's end are clamped."""
        if line < 0:
            return 0
        if line >= len(self._starts):
            return self._length
        start, end = self.start(line), self.end(text, line)
        return start + _characters(text[start:end], max(column, 0), encoding)

    def position(self, text: str, offset: int, encoding: Encoding) -> tuple[int, int]:
        """(line, column in units of `encoding`) of an offset."""
        offset = min(max(offset, 0), self._length)
        line = self.line_of(offset)
        return line, units(text[self.start(line) : offset], encoding)

    def edited(self, text: str, span: Span, inserted: int) -> "LineIndex":
        """The index of `text`, the *new* text, after `span` of the old one was replaced by `inserted` characters.

        Costs a scan of the lines it touches, a copy of the index (0.2 ms for 200,000 lines) and, after an edit
        elsewhere, one pass over the lines between the two places (10 ms from one end of 200,000 to the other).
        """
        # One line of margin on both sides: an edit next to `\r` or `\n` can join or split a `\r\n`.
        first = max(0, self.line_of(span.start) - 1)
        last = min(len(self._starts), self.line_of(span.end) + 2)
        delta = inserted - (span.end - span.start)
        tail = self.start(last) + delta
        touched = array("q", [self.start(first)])
        touched.extend(_ends_of_lines(text, touched[0], tail))
        if len(touched) > 1 and last < len(self._starts) and touched[-1] == tail:
            touched.pop()
        starts = self._starts[:]
        pivot, shift = self._pivot, self._shift
        if shift and pivot < first:
            starts[pivot:first] = array("q", [start + shift for start in starts[pivot:first]])
        elif shift and pivot > last:
            starts[last:pivot] = array("q", [start - shift for start in starts[last:pivot]])
        starts[first:last] = touched
        return LineIndex(starts, len(text), first + len(touched), shift + delta)


def units(text: str, encoding: Encoding) -> int:
    """Length of `text` in code units of the encoding."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _characters(line: str, column: int, encoding: Encoding) -> int:
    """How many characters of `line` the first `column` code units hold; a unit inside a character rounds down."""
    if encoding == "utf-32" or line.isascii():
        return min(column, len(line))
    seen = 0
    for count, character in enumerate(line):
        seen += units(character, encoding)
        if seen > column:
            return count
    return len(line)


def _ends_of_lines(text: str, start: int, end: int) -> Iterator[int]:
    if text.find("\r", start, end) >= 0:
        yield from (match.end() for match in _END_OF_LINE.finditer(text, start, end))
        return
    # Most texts: half the time of the expression, and none for a line of a megabyte.
    while (start := text.find("\n", start, end) + 1) > 0:
        yield start
