"""What one source file defines, imports and names, in values that need no tree. Reads no files.

`extract` is what the index runs on every file of a workspace: about 0.4 s per megabyte, most of it in tree-sitter.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from operator import itemgetter

import attrs
import tree_sitter

from lsp_server.syntax import grammars
from lsp_server.syntax.chunks import DEEPEST, ChunkSpan, divide
from lsp_server.syntax.encoded import Encoded
from lsp_server.syntax.languages import Language

SIGNATURE_LIMIT = 200
"""Characters: the longest signature, as `index.values.Symbol` promises."""

NAME_LIMIT = 200
"""Characters: what is longer is not a name that a person typed (generated code, broken quotes) and is left out."""

_LONE_RETURN = re.compile(r"\r(?!\n)")
_PATH = re.compile(r"(?:import\s+)?([\w.]*\w)")
_SPACES = re.compile(r"\s+")
_END = re.compile(r"[;\s]*\bend\s*$")
_BARE_DECORATOR = re.compile(rb"@[\w.]+")
_CONTAINERS = frozenset({"class", "interface", "enum", "type"})


@attrs.frozen
class Definition:
    """A definition. Lines count from 0; `line` is its first line, decorators included, and `end_line` its last."""

    name: str
    kind: str
    """A `SymbolKind` of `index.values`."""
    line: int
    end_line: int
    container: str
    """Dotted names of the enclosing definitions, outermost first; for a Go method its receiver's type."""
    signature: str
    """The head on one line, without the body and without decorators that have arguments."""
    name_offset: int
    """Offset of the name, for going there."""


@attrs.frozen
class ImportedName:
    """One imported name. The module is as written (`.m`, `./m`, `fmt`).

    name is None where the module as a whole is imported (`import a.b as c`, `import * as c from "m"`, Go), `*` where
    all its names are, and `default` for a default import. alias is None where the name is kept.
    """

    module: str
    name: str | None
    alias: str | None
    line: int


@attrs.frozen
class Outline:
    """In order of the source. `identifiers` counts the occurrences of every name; not to be changed."""

    definitions: tuple[Definition, ...]
    imports: tuple[ImportedName, ...]
    chunks: tuple[ChunkSpan, ...]
    identifiers: Mapping[str, int]


def extract(language: Language, source: str) -> Outline:
    """The outline of a source text. Never raises on odd or broken source: what cannot be understood is missing."""
    # tree-sitter counts rows at line feeds only. Same length, so offsets still hold.
    source = _LONE_RETURN.sub("\n", source)
    encoded = Encoded(source)
    root = grammars.parse_bytes(language, encoded.data).root_node
    found = _Found(language, encoded)
    for pattern, captures in grammars.matches(grammars.outline_query(language), root):
        found.add(pattern, captures)
    definitions = found.definitions()
    lines = source.replace("\r\n", "\n").split("\n")
    return Outline(
        definitions=tuple(definitions),
        imports=tuple(found.imports()),
        chunks=tuple(divide(lines, definitions, language)),
        identifiers=_identifiers(language, root, encoded.data),
    )


@attrs.define
class _Candidate:
    """A definition whose container is not known yet. Positions are bytes."""

    kind: str
    name: str
    name_start: int
    start: int
    end: int
    line: int
    end_line: int
    body: int | None
    receiver: str | None


class _Found:
    """Collects the matches of one file and makes them definitions and imports."""

    def __init__(self, language: Language, encoded: Encoded) -> None:
        self._language = language
        self._encoded = encoded
        self._data = encoded.data
        self._by_name: dict[int, tuple[int, _Candidate]] = {}
        self._wrappers: dict[int, tree_sitter.Node] = {}
        self._decorators: dict[int, int] = {}
        self._parents: dict[int, tree_sitter.Node] = {}
        self._imports: dict[int, ImportedName] = {}

    def add(self, pattern: int, captures: grammars.Captures) -> None:
        if "import.module" in captures or "import.path" in captures:
            self._add_import(captures)
        elif "wrapper" in captures:
            self._wrappers.update((node.id, node) for node in captures["wrapper"])
        elif "decorator" in captures:
            self._decorators.update(node.byte_range for node in captures["decorator"])
        else:
            self._add_definition(pattern, captures)

    def _add_definition(self, pattern: int, captures: grammars.Captures) -> None:
        label = next((label for label in captures if label.startswith("definition.")), None)
        if label is None:
            return
        if "receiver" in captures and self._text(captures["receiver"][0]) != "self":
            return
        if "accessor" in captures and not self._text(captures["accessor"][0]).startswith("attr_"):
            return
        node = captures[label][0]
        parts = grammars.parts(node, captures)
        if parts is None:
            return
        kind = "method" if parts.qualified else label.removeprefix("definition.")
        for name in captures.get("name", [parts.name]):
            before = self._by_name.get(name.start_byte)
            if before is not None and before[0] <= pattern:
                continue
            text = self._text(name).strip("\"'`").removeprefix(":")
            if not text or len(text) > NAME_LIMIT:
                continue
            self._parents[name.start_byte] = node
            candidate = _Candidate(
                kind=kind,
                name=text,
                name_start=name.start_byte,
                start=node.start_byte,
                end=node.end_byte,
                line=node.start_point.row,
                end_line=node.end_point.row,
                body=parts.body.start_byte if parts.body is not None else None,
                receiver=self._text(parts.container) if parts.container is not None else None,
            )
            self._by_name[name.start_byte] = (pattern, candidate)

    def definitions(self) -> list[Definition]:
        """All definitions in order, each in its container. Attributes that a class assigns twice count once."""
        for start, (_, candidate) in self._by_name.items():
            self._unwrap(candidate, self._parents[start])
        ordered = sorted((candidate for _, candidate in self._by_name.values()), key=lambda c: (c.start, -c.end))
        enclosing: list[tuple[_Candidate, str, str]] = []
        seen_members: set[tuple[str, str]] = set()
        result = []
        for candidate in ordered:
            # Names that share one node (Go's `A, B int`) are beside, not inside, each other.
            while enclosing and not _holds(enclosing[-1][0], candidate):
                enclosing.pop()
            kind, container = self._placed(candidate, enclosing)
            if container is None or (kind == "variable" and candidate.name_start in self._imports):
                continue  # `local json = require("json")` defines nothing
            if kind in ("variable", "constant"):
                if (container, candidate.name) in seen_members:
                    continue
                seen_members.add((container, candidate.name))
            dotted = f"{container}.{candidate.name}" if container else candidate.name
            if len(enclosing) < DEEPEST:
                enclosing.append((candidate, kind, dotted))
            result.append(
                Definition(
                    name=candidate.name,
                    kind=kind,
                    line=candidate.line,
                    end_line=candidate.end_line,
                    container=container,
                    signature=self._signature(candidate),
                    name_offset=self._encoded.offset(candidate.name_start),
                )
            )
        return sorted(result, key=lambda definition: (definition.line, definition.name_offset))

    def imports(self) -> list[ImportedName]:
        return [imported for _, imported in sorted(self._imports.items(), key=itemgetter(0))]

    def _unwrap(self, candidate: _Candidate, node: tree_sitter.Node) -> None:
        parent = node.parent
        while parent is not None and parent.id in self._wrappers:
            candidate.start, candidate.end = parent.byte_range
            candidate.line, candidate.end_line = parent.start_point.row, parent.end_point.row
            parent = parent.parent
        # A node may end with its line feed; the definition's last line is the one before.
        if candidate.end_line > candidate.line and self._data[candidate.end - 1 : candidate.end] == b"\n":
            candidate.end_line -= 1

    def _placed(self, candidate: _Candidate, enclosing: list[tuple[_Candidate, str, str]]) -> tuple[str, str | None]:
        """Kind and container; no container at all means that the candidate is not a definition after all."""
        kind = candidate.kind
        if kind == "member":
            holder = next((dotted for _, of, dotted in reversed(enclosing) if of in _CONTAINERS), None)
            return "variable", holder
        container = enclosing[-1][2] if enclosing else ""
        if candidate.receiver is not None:
            return kind, candidate.receiver
        if kind == "function" and enclosing and enclosing[-1][1] in _CONTAINERS:
            kind = "method"
        if kind == "variable" and candidate.name.isupper() and (not enclosing or enclosing[-1][1] in _CONTAINERS):
            kind = "constant"
        return kind, container

    def _signature(self, candidate: _Candidate) -> str:
        end = candidate.body if candidate.body is not None else candidate.end
        end = min(end, candidate.start + 8 * SIGNATURE_LIMIT)
        start, kept = candidate.start, b""
        for decorator_start, decorator_end in self._decorators_in(start, end):
            decorator = self._data[decorator_start:decorator_end]
            kept += self._data[start:decorator_start]
            if _BARE_DECORATOR.fullmatch(decorator):
                kept += decorator + b" "
            start = decorator_end
        kept += self._data[start:end]
        source = kept.decode("utf-8", "ignore").strip()
        if candidate.body is None and self._language.block_style == "keywords":
            source = _END.sub("", source.partition("\n")[0])  # an empty body is no node
        text = _SPACES.sub(" ", source)
        if candidate.body is not None:
            text = text.rstrip(":{ ").removesuffix("=>").removesuffix("=")
        text = text.rstrip("; ")
        return text if len(text) <= SIGNATURE_LIMIT else text[: SIGNATURE_LIMIT - 1] + "…"

    def _decorators_in(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """In order. A definition has few decorators, a file may have thousands: look ahead instead of through all."""
        while (decorator_end := self._decorators.get(start)) is not None and decorator_end <= end:
            yield start, decorator_end
            start = decorator_end
            while start < end and self._data[start : start + 1].isspace():
                start += 1

    def _add_import(self, captures: grammars.Captures) -> None:
        importer = self._captured(captures, "import.require") or ""
        if importer and importer not in self._language.importers:
            return
        modules = captures.get("import.module") or captures["import.path"]
        module = self._language.separator.join(self._text(node).strip("\"'") for node in modules)
        if importer.endswith("_relative"):
            module = f"./{module}"  # what Ruby's function means, so that the index need not know the function
        name = self._captured(captures, "import.name")
        alias = self._captured(captures, "import.alias")
        if "import.default" in captures:
            name, alias = "default", self._captured(captures, "import.default")
        elif "import.all" in captures:
            name = "*"
        place = captures.get("import.name") or captures.get("import.alias") or captures.get("import.default")
        start = place[0].start_byte if place else modules[0].start_byte
        if "import.path" in captures:
            found = _PATH.match(module)
            module = found[1].removesuffix("._") if found else module
            if name is None:
                start = modules[0].start_byte
                module, _, name = module.rpartition(self._language.separator)
                if start in self._imports and alias is None:
                    return  # the same without its alias
        imported = ImportedName(module, name, alias, modules[0].start_point.row)
        if len(imported.module) <= NAME_LIMIT * 2:
            self._imports[start] = imported

    def _captured(self, captures: grammars.Captures, label: str) -> str | None:
        nodes = captures.get(label)
        return self._text(nodes[0]).strip("\"'") if nodes else None

    def _text(self, node: tree_sitter.Node) -> str:
        start, end = node.byte_range
        return self._data[start:end].decode("utf-8", "ignore")


def _holds(outer: _Candidate, inner: _Candidate) -> bool:
    return inner.start < outer.end and (outer.start, outer.end) != (inner.start, inner.end)


def _identifiers(language: Language, root: tree_sitter.Node, data: bytes) -> dict[str, int]:
    nodes = grammars.captures(grammars.names_query(language), root, "identifier")
    counts = Counter(data[node.start_byte : node.end_byte] for node in nodes)
    # Sorted, because tree-sitter gives no order to rely on and equal files should give equal outlines.
    names = sorted(name for name in counts if 0 < len(name) <= NAME_LIMIT)
    return {name.decode("utf-8", "ignore"): counts[name] for name in names}
