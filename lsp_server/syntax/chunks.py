"""Divides a file into definition-sized pieces, the unit that the index finds and a prompt quotes. Knows no trees."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import attrs

from lsp_server.syntax.languages import Language

LONGEST = 60
"""Lines of one chunk. Sixty lines of code are about 600 tokens: what a small model's budget holds at most of one."""

SHORTEST = 3
"""Lines below which a definition is not a piece of its own but part of the code around it, e.g. a type alias."""

DEEPEST = 20
"""Definitions inside each other: what is nested more deeply was not written by a person and is not looked into."""


@attrs.frozen
class ChunkSpan:
    """Whole lines, counted from 0, `end_line` inclusive; neither the first nor the last is blank."""

    line: int
    end_line: int
    name: str
    """The definition's dotted name; for code between definitions that of what encloses it, empty at the top."""


class Piece(Protocol):
    """What dividing needs of a definition."""

    @property
    def name(self) -> str: ...
    @property
    def container(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def end_line(self) -> int: ...


def divide(lines: Sequence[str], definitions: Sequence[Piece], language: Language) -> Iterator[ChunkSpan]:
    """Chunks in order of lines, none overlapping; every line that is not blank is in exactly one.

    A definition with the comment above it is one chunk. One that is too long is divided by the definitions inside
    it, and where it has none at blank lines.
    """
    pieces = [piece for piece in definitions if piece.end_line - piece.line + 1 >= SHORTEST]
    pieces.sort(key=lambda piece: (piece.line, -piece.end_line))
    yield from _divide(lines, pieces, 0, len(lines) - 1, "", language)


def _divide(
    lines: Sequence[str], pieces: Sequence[Piece], first: int, last: int, name: str, language: Language
) -> Iterator[ChunkSpan]:
    """Chunks of the lines `first` to `last`, which hold `pieces` (nested ones included, outer before inner)."""
    position = first
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        inner = index + 1
        while inner < len(pieces) and pieces[inner].line <= piece.end_line:
            inner += 1
        inside = pieces[index + 1 : inner]
        index = inner
        end = min(piece.end_line, last)
        if piece.line < position or end < piece.line:
            continue  # begins on a line that is taken, e.g. two definitions on one line
        start = _with_comment(lines, piece.line, position, language)
        yield from _windows(lines, position, start - 1, name)
        dotted = f"{piece.container}.{piece.name}" if piece.container else piece.name
        if end - start + 1 <= LONGEST or not inside or dotted.count(".") >= DEEPEST:
            yield from _windows(lines, start, end, dotted)
        else:
            yield from _divide(lines, inside, start, end, dotted, language)
        position = end + 1
    yield from _windows(lines, position, last, name)


def _with_comment(lines: Sequence[str], line: int, least: int, language: Language) -> int:
    """The first line of the comment that stands directly above `line`, or `line`."""
    marks = (language.line_comment, *language.attached)
    if language.block_comment is not None:
        marks += (language.block_comment[0], "*") if language.block_comment[0] == "/*" else language.block_comment
    # A comment of a whole chunk's length is no comment on one definition, e.g. a licence or disabled code.
    least = max(least, line - LONGEST // 2)
    while line > least and lines[line - 1].lstrip().startswith(marks):
        line -= 1
    return line


def _windows(lines: Sequence[str], first: int, last: int, name: str) -> Iterator[ChunkSpan]:
    """The lines in pieces of at most `LONGEST`, cut at the last blank line of the second half where there is one."""
    while True:
        while first <= last and not lines[first].strip():
            first += 1
        while last >= first and not lines[last].strip():
            last -= 1
        if first > last:
            return
        end = last
        if last - first + 1 > LONGEST:
            end = first + LONGEST - 1
            blank = next((line for line in range(end, first + LONGEST // 2, -1) if not lines[line].strip()), None)
            if blank is not None:
                end = blank - 1
        stop = end
        while not lines[stop].strip():
            stop -= 1
        yield ChunkSpan(first, stop, name)
        first = end + 1
