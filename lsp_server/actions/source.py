"""A Python text as Python's own parser reads it: the tree, who holds whom, and where each node stands in the text.

Where a file does not parse, the top-level statement around a place often does; then the tree is of that part alone.
Never runs any of the source.
"""

import ast
import threading
import warnings
from collections.abc import Iterator

import attrs

from lsp_server.text import LineIndex, Span

LARGEST = 500_000
"""Characters. Larger files are generated or data; reading one would take a second."""

_BYTE_ORDER_MARK = "\ufeff"
_quiet = threading.Lock()


@attrs.frozen
class Holder:
    """What holds a node: its parent, the field there, and the place in it where the field is a list."""

    node: ast.AST
    field: str
    index: int | None


class Source:
    """One text, parsed. `partial`: the tree is of the part at `begin` only, because the whole file does not parse."""

    def __init__(self, text: str, module: ast.Module, part: Span, *, partial: bool) -> None:
        self.text = text
        self.module = module
        self.part = part
        self.partial = partial
        self._piece = text[part.start : part.end]
        self._lines = LineIndex.of(self._piece)
        self._holders: dict[ast.AST, Holder] | None = None

    def span(self, node: ast.AST) -> Span:
        """Where a node that has a place stands; parentheses around an expression do not belong to it."""
        return Span(
            self._offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self._offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def lines(self, span: Span) -> tuple[int, int]:
        """The first and the last line of a span as nodes count them, from 1."""
        first, last = (self._lines.line_of(offset - self.part.start) + 1 for offset in (span.start, span.end))
        return first, last

    def of(self, node: ast.AST) -> str:
        """The source of a node."""
        span = self.span(node)
        return self.text[span.start : span.end]

    def holder(self, node: ast.AST) -> Holder | None:
        """What holds a node; None for the module."""
        if self._holders is None:
            self._holders = dict(_holders(self.module))
        return self._holders.get(node)

    def _offset(self, line: int, column: int) -> int:
        """Python counts lines from 1 and columns in bytes."""
        return self.part.start + self._lines.offset(self._piece, line - 1, column, "utf-8")


def read(text: str, around: Span | None = None) -> Source | None:
    """The text parsed as a whole; else its top-level statement around a place, where there is one that parses."""
    start = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    module = parsed(text[start:])
    if module is not None:
        return Source(text, module, Span(start, len(text)), partial=False)
    if around is None:
        return None
    part = _statement_around(text, around)
    module = parsed(text[part.start : part.end])
    return None if module is None or not module.body else Source(text, module, part, partial=True)


def parsed(text: str) -> ast.Module | None:
    """The syntax tree; None for what is no Python, or is nested too deeply for Python's parser."""
    # Warnings about the person's own source (an invalid escape) are not ours to give; the filters are the process's.
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def same_program(one: Source, other: Source) -> bool:
    """Are two trees equal? Statements of the module whose source is the same are, and are not compared again."""
    if len(one.module.body) != len(other.module.body):
        return False
    pairs = zip(one.module.body, other.module.body, strict=True)
    return all(
        _with_decorators(one, left) == _with_decorators(other, right) or equal(left, right) for left, right in pairs
    )


def _with_decorators(source: Source, node: ast.stmt) -> str:
    """The source of a definition begins at its `def`; its decorators belong to it all the same."""
    start = min(source.span(part).start for part in (*getattr(node, "decorator_list", ()), node))
    return source.text[start : source.span(node).end]


def equal(one: ast.AST, other: ast.AST) -> bool:
    """Are two trees the same program? Places do not count; everything else does."""
    return ast.dump(one) == ast.dump(other)


def _holders(module: ast.Module) -> Iterator[tuple[ast.AST, Holder]]:
    for parent in ast.walk(module):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield value, Holder(parent, field, None)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        yield item, Holder(parent, field, index)


def _statement_around(text: str, around: Span) -> Span:
    """From the last line that begins at the margin, above the place, to the next one below it.

    Lines that go on with the same statement (closing brackets, `else`, the definition after its decorators) are no
    beginnings; a string whose lines begin at the margin is cut, and then nothing parses, which is safe.
    """
    lines = LineIndex.of(text)
    first = lines.line_of(around.start)
    while first > 0 and not (
        _begins(lines.line_text(text, first)) and not _decorates(lines.line_text(text, first - 1))
    ):
        first -= 1
    last = max(lines.line_of(max(around.start, around.end - 1)), first) + 1
    while last < len(lines) and not (
        _begins(lines.line_text(text, last)) and not _decorates(lines.line_text(text, last - 1))
    ):
        last += 1
    return Span(lines.start(first), lines.start(last))


_CONTINUES = (" ", "\t", "\f", ")", "]", "}", "else", "elif", "except", "finally", "#")


def _begins(line: str) -> bool:
    return bool(line) and not line.startswith(_CONTINUES)


def _decorates(line: str) -> bool:
    return line.startswith("@")
