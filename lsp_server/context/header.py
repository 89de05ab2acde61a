"""What the model should know of the current file although it lies above the prompt's window: the import lines and the
heads of the enclosing definitions. Reads the document's text and its tree's scopes; never other files.
"""

import re
import zlib
from collections.abc import Sequence

import attrs

from lsp_server.documents.document import Document
from lsp_server.syntax.trees import Scope

IMPORT = re.compile(
    r"(?:import\b|from\s+\S+\s+import\b|package\s|use\s|using\s|#\s*include\b|require\b|export\b.*\bfrom\b"
    r"|(?:const|let|var)\s.*\brequire\s*\()"
)
"""The beginning of an import at the start of a line, in the languages people complete in."""

IMPORT_LINES = 200
"""Lines from the top of a file in which imports are looked for."""

ATTRIBUTE_LINES = 8
"""Lines below a class's head that are kept with it: its attributes, up to its first method or blank line."""

_CONTAINERS = frozenset({"class", "interface", "enum", "type"})

_NESTED = re.compile(r"\s*(?:@|def\b|class\b|async\b|function\b|func\b|public\b|private\b|protected\b|get\b|set\b)")

TOP_LEVEL_LINES = 64
"""Code outside every definition counts as one place per so many lines."""


@attrs.frozen
class Surroundings:
    """What of a file encloses one cursor, read once per anchor.

    scope: names the enclosing definition and what the file imports; equal scopes want the same related code.
    heads: the heads of the enclosing definitions, outermost first, as (offset, text).
    imports: the import lines at the top of the file, as (offset, text).
    """

    scope: str
    heads: tuple[tuple[int, str], ...]
    imports: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, document: Document, offset: int, scopes: Sequence[Scope]) -> "Surroundings":
        """`scopes` are the definitions that enclose `offset`, outermost first."""
        imports = tuple(_imports(document))
        checksum = zlib.crc32("".join(text for _, text in imports).encode("utf-8", "surrogatepass"))
        dotted = ".".join(scope.name for scope in scopes)
        place = dotted or f"line {document.lines.line_of(offset) // TOP_LEVEL_LINES * TOP_LEVEL_LINES}"
        heads = tuple(_head(document, scope, offset) for scope in scopes)
        return cls(f"{place} {checksum:08x}", heads, imports)

    @property
    def heads_text(self) -> str:
        return "".join(text for _, text in self.heads)

    def header(self, start: int, room: int) -> str:
        """The import lines and heads that lie before `start`, whole lines in at most `room` characters.

        The innermost head is wanted most, then the outer ones, then the imports from the top; they stand in the order
        of the file.
        """
        chosen: list[tuple[int, str]] = []
        for offset, text in (*reversed(self.heads), *self.imports):
            if offset + len(text) > start:
                text = text[: max(0, start - offset)]
            if text and len(text) <= room:
                room -= len(text)
                chosen.append((offset, text))
        return "".join(text for _, text in sorted(set(chosen)))


def _imports(document: Document) -> list[tuple[int, str]]:
    """Import statements at the left margin; one that opens a bracket goes on to the line that closes it."""
    text, lines = document.text, document.lines
    found: list[tuple[int, str]] = []
    line, last = 0, min(len(lines), IMPORT_LINES)
    while line < last:
        start = lines.start(line)
        end = line + 1
        if IMPORT.match(text, start):
            while end < last and _is_open(text[start : lines.start(end)]):
                end += 1
            if text[start : lines.start(end)].strip():
                found.append((start, text[start : lines.start(end)]))
        line = end
    return found


def _is_open(statement: str) -> bool:
    return any(statement.count(opener) > statement.count(closer) for opener, closer in ("()", "{}"))


def _head(document: Document, scope: Scope, offset: int) -> tuple[int, str]:
    """Whole lines: a definition from its decorators to its body, and of a class the attributes above its methods."""
    text, lines = document.text, document.lines
    first = lines.line_of(scope.header.start)
    written = len(text[scope.header.start : scope.header.end].rstrip())
    end = lines.line_of(scope.header.start + written) + 1
    here = lines.line_of(offset)
    last = min(end + ATTRIBUTE_LINES, here) if scope.kind in _CONTAINERS else end
    while end < last:
        line = lines.line_text(text, end)
        if not line.strip() or _NESTED.match(line):
            break
        end += 1
    return lines.start(first), text[lines.start(first) : lines.start(min(end, here))]
