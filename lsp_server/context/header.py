"""What the model should know of the current file although it lies above the prompt's window: the import lines and the
heads of the enclosing definitions. Reads the document's text and its tree's scopes; never other files.
"""

import re
import zlib
from collections.abc import Iterator, Sequence

import attrs

from lsp_server.documents.document import Document
from lsp_server.syntax.languages import language_of
from lsp_server.syntax.trees import Scope

IMPORT = re.compile(
    r"(?:import\b|from\s+\S+\s+import\b|package\s|use\s|using\s|#\s*include\b|require(?:_relative|_once)?\b"
    r"|export\b.*\bfrom\b|(?:const|let|var|local)\s.*\brequire\b|(?:pub\s+)?mod\s+\w+\s*;|(?:source|\.)\s+\S)"
)
"""The beginning of an import at the start of a line, in the languages people complete in."""

IMPORT_LINES = 200
"""Lines from the top of a file in which imports are looked for."""

ATTRIBUTES = 8
"""Attributes of a class that are kept with its head, of those that stand above its first method."""

_ATTRIBUTE = re.compile(r"\s+(?:[a-z]+\s+)*[\w$#]+[?!]?\s*(?::\s*\S|=[^=])")
_TRIPLE = re.compile(r'"""|\'\'\'')

_CONTAINERS = frozenset({"class", "interface", "enum", "type"})

_NESTED = re.compile(r"\s*(?:@|def\b|class\b|async\b|function\b|func\b|public\b|private\b|protected\b|get\b|set\b)")

TOP_LEVEL_LINES = 64
"""Code outside every definition counts as one place per so many lines."""


Piece = tuple[int, str]
"""Offset and text of whole lines."""


@attrs.frozen
class Surroundings:
    """What of a file encloses one cursor, read once per anchor.

    scope: names the enclosing definition and what the file imports; equal scopes want the same related code.
    heads: of each enclosing definition, outermost first, the head and the lines of its attributes.
    imports: the import statements at the top of the file.
    gap: a comment line in the file's language that stands for left-out lines.
    """

    scope: str
    heads: tuple[tuple[Piece, ...], ...]
    imports: tuple[Piece, ...]
    gap: str

    @classmethod
    def of(cls, document: Document, offset: int, scopes: Sequence[Scope]) -> "Surroundings":
        """`scopes` are the definitions that enclose `offset`, outermost first."""
        imports = tuple(_imports(document))
        checksum = zlib.crc32("".join(text for _, text in imports).encode("utf-8", "surrogatepass"))
        dotted = ".".join(scope.name for scope in scopes)
        place = dotted or f"line {document.lines.line_of(offset) // TOP_LEVEL_LINES * TOP_LEVEL_LINES}"
        heads = tuple(_head(document, scope, offset) for scope in scopes)
        language = language_of(document.path, document.language)
        gap = f"{language.line_comment if language is not None else '#'} ...\n"
        return cls(f"{place} {checksum:08x}", heads, imports, gap)

    @property
    def imports_end(self) -> int:
        """Offset of the end of the last import, 0 without one."""
        return max((offset + len(text) for offset, text in self.imports), default=0)

    @property
    def heads_text(self) -> str:
        return "".join(text for pieces in self.heads for _, text in pieces)

    def header(self, start: int, room: int) -> str:
        """The import lines and heads that lie before `start`, whole lines in at most `room` characters.

        The innermost head is wanted most, then the outer ones, then the imports from the top; they stand in the order
        of the file. A comment at the end says that something is left out: heads would otherwise run into the middle
        of a body.
        """
        room -= len(self.gap)
        chosen: set[Piece] = set()
        for pieces in (*reversed(self.heads), *((statement,) for statement in self.imports)):
            for offset, text in pieces:
                shown = text[: max(0, start - offset)]
                if not shown or len(shown) > room:
                    break  # An attribute without its class would say the wrong thing.
                if (offset, shown) not in chosen:
                    room -= len(shown)
                    chosen.add((offset, shown))
        if not chosen:
            return ""
        reaches = any(offset + len(text) == start for offset, text in chosen)
        return "".join(text for _, text in sorted(chosen)) + ("" if reaches else self.gap)


def _imports(document: Document) -> list[Piece]:
    """Import statements at the left margin; one that opens a bracket goes on to the line that closes it."""
    text, lines = document.text, document.lines
    found: list[Piece] = []
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


def _head(document: Document, scope: Scope, offset: int) -> tuple[Piece, ...]:
    """A definition from its decorators to its body, and of a class the attributes above its methods."""
    text, lines = document.text, document.lines
    start = lines.start(lines.line_of(scope.header.start))
    written = len(text[scope.header.start : scope.header.end].rstrip())
    body = lines.line_of(scope.header.start + written) + 1
    here = lines.line_of(offset)
    head = (start, text[start : lines.start(min(body, here))])
    if scope.kind not in _CONTAINERS:
        return (head,)
    return (head, *_attributes(document, body, min(here, body + IMPORT_LINES)))


def _attributes(document: Document, line: int, last: int) -> Iterator[Piece]:
    """Lines that declare attributes, without docstrings and comments, up to the first method."""
    text, lines = document.text, document.lines
    found = 0
    quoted = False
    while line < last and found < ATTRIBUTES:
        content = text[lines.start(line) : lines.start(line + 1)]
        quotes = len(_TRIPLE.findall(content))
        if not quoted and not quotes:
            if _NESTED.match(content):
                return
            if _ATTRIBUTE.match(content):
                found += 1
                yield lines.start(line), content
        quoted ^= quotes % 2 == 1
        line += 1
