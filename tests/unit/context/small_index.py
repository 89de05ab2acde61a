"""An `IndexReader` over a few Python files given as text: simple enough to see that what a page expects is right."""

import ast
from collections.abc import Iterator, Mapping

from lsp_server.context.nearby import IDENTIFIER
from lsp_server.index.values import Chunk, Coverage, Import, ScoredChunk, Symbol
from lsp_server.index.words import words_in


class SmallIndex:
    """Paths are relative, modules are paths with dots. Similarity is the number of shared identifiers."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._symbols = {path: list(_symbols(path, text)) for path, text in files.items()}
        self.asked = 0
        self.generation = 1
        self.coverage = Coverage(len(files), len(files), True)

    def definitions(self, name: str, *, limit: int = 20) -> list[Symbol]:
        self.asked += 1
        found = [symbol for path in sorted(self._files) for symbol in self._symbols[path] if symbol.name == name]
        return found[:limit]

    def symbols(self, path: str) -> list[Symbol]:
        self.asked += 1
        return list(self._symbols.get(path, ()))

    def members(self, path: str, container: str) -> list[Symbol]:
        return [symbol for symbol in self.symbols(path) if symbol.container == container]

    def imports(self, path: str) -> list[Import]:
        found: list[Import] = []
        for node in _tree(self._files.get(path, "")).body:
            if isinstance(node, ast.Import):
                found += [Import(name.name, None, name.asname, node.lineno - 1) for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                found += [Import(module, name.name, name.asname, node.lineno - 1) for name in node.names]
        return found

    def resolve(self, path: str, imported: Import) -> str | None:
        places = [imported.module.replace(".", "/")]
        if imported.name:
            places.insert(0, f"{places[0]}/{imported.name}")
        for place in places:
            for target in (f"{place}.py", f"{place}/__init__.py"):
                if target in self._files:
                    return target
        return None

    def similar(self, words: list[str], *, exclude: str | None, limit: int) -> list[ScoredChunk]:
        wanted = set(words)
        found: list[ScoredChunk] = []
        for path, text in self._files.items():
            lines = text.split("\n")
            for symbol in self._symbols[path]:
                if path == exclude or symbol.container:
                    continue
                body = "\n".join(lines[symbol.line : symbol.end_line + 1])
                shared = len(wanted & set(IDENTIFIER.findall(body)))
                if shared:
                    chunk = Chunk(path, symbol.line, symbol.end_line, symbol.name, body)
                    found.append(ScoredChunk(chunk, float(shared)))
        return sorted(found, key=lambda scored: (-scored.score, scored.chunk.path, scored.chunk.line))[:limit]

    def holding(self, identifiers: list[str], *, exclude: str | None, limit: int) -> list[Chunk]:
        wanted = f" {words_in(' '.join(identifiers))} "
        found: list[Chunk] = []
        for path, text in sorted(self._files.items()):
            lines = text.split("\n")
            for symbol in self._symbols[path]:
                body = "\n".join(lines[symbol.line : symbol.end_line + 1])
                if path != exclude and not symbol.container and wanted in f" {words_in(body)} ":
                    found.append(Chunk(path, symbol.line, symbol.end_line, symbol.name, body))
        return found[:limit]

    def text(self, path: str, line: int, end_line: int) -> str | None:
        if path not in self._files:
            return None
        return "\n".join(self._files[path].split("\n")[line : end_line + 1])


def _tree(text: str) -> ast.Module:
    """The tree of the part of a file that parses: the file with the cursor is unfinished."""
    lines = text.split("\n")
    for end in range(len(lines), 0, -1):
        try:
            return ast.parse("\n".join(lines[:end]))
        except SyntaxError:
            continue
    return ast.parse("")


def _symbols(path: str, text: str) -> Iterator[Symbol]:
    def walk(nodes: list[ast.stmt], container: str) -> Iterator[Symbol]:
        for node in nodes:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                kind = "class" if isinstance(node, ast.ClassDef) else "method" if container else "function"
                head = text.split("\n")[node.lineno - 1].strip().removesuffix(":")
                yield Symbol(node.name, kind, path, node.lineno - 1, (node.end_lineno or 1) - 1, container, head)
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{container}.{node.name}".lstrip("."))

    yield from walk(_tree(text).body, "")
