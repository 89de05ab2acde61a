"""One open document, frozen. An edit makes the next one."""

from pathlib import Path

import attrs

from lsp_server.text import LineIndex, Span

LARGEST = 2_000_000
"""Characters. Longer texts are data, not source: a first parse takes half a second and each edit 30 ms."""


@attrs.frozen(eq=False)
class Document:
    """The text as the editor had it at `version`.

    `language` is a name from `syntax.languages` or the editor's own identifier where we know no such language;
    `path` is `None` for documents that are not files.
    """

    uri: str
    path: Path | None
    language: str
    version: int
    text: str
    lines: LineIndex

    @property
    def too_large(self) -> bool:
        """Has it more than `LARGEST` characters? It is kept in step with the editor, but has no tree."""
        return len(self.text) > LARGEST

    @property
    def binary(self) -> bool:
        """Does it hold a NUL character, which no source has? Scans the text: 0.1 ms for the largest."""
        return "\0" in self.text


@attrs.frozen
class Edit:
    """What one change did: `span` of the text before it was replaced by `inserted`."""

    span: Span
    inserted: str
