"""The documents that the editor has open. Owned by the event loop; reads no files and parses nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from lsp_server.documents.document import Document, Edit
from lsp_server.syntax.languages import language_of
from lsp_server.text import Encoding, LineIndex, Span

Position = tuple[int, int]
"""Line and column as the editor counts them, from 0; columns in code units of the encoding in use."""

Change = tuple[Position, Position, str] | tuple[None, None, str]
"""Start, end and the text that replaces what is between them; without positions the text replaces everything."""


class Documents:
    """Open documents by URI. Each change makes a new `Document`, so that who holds the old one has a snapshot."""

    def __init__(self) -> None:
        self._open: dict[str, Document] = {}

    def open(self, uri: str, path: Path | None, identifier: str, version: int, text: str) -> Document:
        """`identifier` is the editor's name of the language. A document that is open already is replaced: an editor
        that opens twice has forgotten the first time, and its newest text counts."""
        known = language_of(path, identifier)
        language = known.name if known is not None else identifier
        document = self._open[uri] = Document(uri, path, language, version, text, LineIndex.of(text))
        return document

    def edit(self, uri: str, version: int, edits: Sequence[Edit]) -> Document:
        """The document after the edits, each relative to the text that the one before it left.

        Spans that reach past the text end with it. Raises KeyError for a URI that is not open: the offsets of an
        edit were counted in a document, so its caller has one.
        """
        document = self._open[uri]
        for edit in edits:
            document = _edited(document, edit)
        document = self._open[uri] = attrs.evolve(document, version=version)
        return document

    def change(
        self, uri: str, version: int, changes: Sequence[Change], encoding: Encoding
    ) -> tuple[Document, tuple[Edit, ...]] | None:
        """The same with an editor's positions, each relative to the text that the change before it left.

        Gives the document and the edits that the changes came to; `None` for a URI that is not open.
        """
        document = self._open.get(uri)
        if document is None:
            return None
        edits = []
        for change in changes:
            edits.append(_edit(document, change, encoding))
            document = _edited(document, edits[-1])
        document = self._open[uri] = attrs.evolve(document, version=version)
        return document, tuple(edits)

    def close(self, uri: str) -> None:
        """Forgets the document; nothing happens to one that is not open."""
        self._open.pop(uri, None)

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def __iter__(self) -> Iterator[Document]:
        """A snapshot, in the order in which they were opened."""
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)


def _edit(document: Document, change: Change, encoding: Encoding) -> Edit:
    start, end, inserted = change
    if start is None or end is None:
        return Edit(Span(0, len(document.text)), inserted)
    first = document.lines.offset(document.text, *start, encoding)
    last = document.lines.offset(document.text, *end, encoding)
    return Edit(Span(min(first, last), max(first, last)), inserted)


def _edited(document: Document, edit: Edit) -> Document:
    length = len(document.text)
    start = min(max(edit.span.start, 0), length)
    end = min(max(edit.span.end, start), length)
    text = document.text[:start] + edit.inserted + document.text[end:]
    if end - start == length:
        lines = LineIndex.of(text)
    else:
        lines = document.lines.edited(text, Span(start, end), len(edit.inserted))
    return attrs.evolve(document, text=text, lines=lines)
