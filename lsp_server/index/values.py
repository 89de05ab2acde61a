"""What the index answers with: frozen values, safe to hand to any thread."""

from typing import Literal, Protocol

import attrs

SymbolKind = Literal["class", "function", "method", "variable", "constant", "interface", "type", "enum", "module"]


@attrs.frozen
class Symbol:
    """A definition. Lines count from 0 and `end_line` is the last line of the definition, inclusive."""

    name: str
    kind: SymbolKind
    path: str
    """Relative to the workspace folder, with `/`."""
    line: int
    end_line: int
    container: str
    """Dotted names of the enclosing definitions, outermost first; empty at the top of a file."""
    signature: str
    """The definition's head on one line, without its body: at most 200 characters."""


@attrs.frozen
class Import:
    """One imported name.

    `import a.b as c` has module `a.b`, name None, alias `c`; `from .m import x` has module `.m`.
    """

    module: str
    name: str | None
    alias: str | None
    line: int


@attrs.frozen
class Chunk:
    """A definition-sized piece of a file: whole lines, `end_line` inclusive."""

    path: str
    line: int
    end_line: int
    name: str
    """The definition's dotted name, or empty for the code between definitions."""
    text: str


@attrs.frozen
class ScoredChunk:
    chunk: Chunk
    score: float
    """BM25; higher is more similar. Comparable within one answer only."""


@attrs.frozen
class Coverage:
    """How much of the workspace is indexed."""

    files_done: int
    files_total: int
    finished: bool


class IndexReader(Protocol):
    """The questions that context asks of one workspace's index.

    Blocking (SQLite), a few milliseconds each: call on a worker thread, never on the event loop. Answers are
    deterministic for one generation: equal scores are ordered by path and line.
    """

    @property
    def generation(self) -> int:
        """Grows with every change of the index."""
        ...

    @property
    def coverage(self) -> Coverage: ...

    def definitions(self, name: str, *, limit: int = 20) -> list[Symbol]:
        """Definitions with exactly this name anywhere in the workspace."""
        ...

    def symbols(self, path: str) -> list[Symbol]:
        """All definitions of one file, in order of their lines."""
        ...

    def members(self, path: str, container: str) -> list[Symbol]:
        """Definitions directly inside one definition of a file (`container` is its dotted name)."""
        ...

    def imports(self, path: str) -> list[Import]: ...

    def resolve(self, path: str, imported: Import) -> str | None:
        """The workspace file that an import of the file `path` refers to, or `None` (outside, or not resolvable)."""
        ...

    def similar(self, words: list[str], *, exclude: str | None, limit: int) -> list[ScoredChunk]:
        """The chunks most similar to a bag of identifiers, leaving out the file `exclude`."""
        ...

    def holding(self, identifiers: list[str], *, exclude: str | None, limit: int) -> list[Chunk]:
        """Chunks in which these identifiers follow each other, whatever stands between them but identifiers, leaving
        out the file `exclude`. Upper and lower case are not told apart; keywords and single letters do not count."""
        ...

    def text(self, path: str, line: int, end_line: int) -> str | None:
        """Whole lines of an indexed file, as indexed; `None` where the file is gone."""
        ...
