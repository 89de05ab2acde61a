"""One open document, frozen. An edit makes the next one."""

from pathlib import Path

import attrs

from lsp_server.text import LineIndex, Span


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


@attrs.frozen
class Edit:
    """What one change did: `span` of the text before it was replaced by `inserted`."""

    span: Span
    inserted: str
