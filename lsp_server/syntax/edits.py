"""Tells an old tree how its text changed, so that tree-sitter parses only what is new. Parses nothing itself."""

from collections.abc import Sequence
from typing import Protocol

import tree_sitter

from lsp_server.syntax.encoded import Encoded, utf8
from lsp_server.text import Span

MOST_EDITS = 32
"""With more edits at once, e.g. a formatter's, parsing from nothing is as fast as telling the old tree about each."""


class Replacement(Protocol):
    """What happened to a text: `span` of the text before it was replaced by `inserted`."""

    @property
    def span(self) -> Span: ...
    @property
    def inserted(self) -> str: ...


def edited(
    tree: tree_sitter.Tree, encoded: Encoded, edits: Sequence[Replacement], text: str
) -> tree_sitter.Tree | None:
    """A copy of `tree`, of the text `encoded`, moved along with the edits; `None` where they do not lead to `text`.

    Each edit's span is in the text that the edit before it left.
    """
    if len(edits) > MOST_EDITS:
        return None
    moved = tree.copy()
    for edit in edits:
        start, end = edit.span.start, edit.span.end
        if not 0 <= start <= end <= len(encoded.text):
            return None
        first, last = encoded.byte(start), encoded.byte(end)
        inserted = utf8(edit.inserted)
        row, column = encoded.point(first)
        rows = inserted.count(b"\n")
        after = (row + rows, len(inserted) - inserted.rfind(b"\n") - 1) if rows else (row, column + len(inserted))
        moved.edit(first, last, first + len(inserted), (row, column), encoded.point(last), after)
        encoded = Encoded(encoded.text[:start] + edit.inserted + encoded.text[end:])
    return moved if encoded.text == text else None
