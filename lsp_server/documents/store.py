"""The documents that the editor has open. Owned by the event loop; reads no files and parses nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from lsp_server.documents.document import Document, Edit
from lsp_server.syntax.languages import language_of
from lsp_server.text import LineIndex, Span


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
