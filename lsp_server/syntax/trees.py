"""The syntax tree of one text and what a completion asks of it. Knows no documents; never raises on odd source.

Places are offsets into the text. Parsing lets go of the interpreter's lock every millisecond, but takes 0.2 s per
megabyte from nothing and 10 to 60 ms after an edit: off the event loop, please. The questions cost below a
millisecond; where the source around the cursor is broken, the first one may cost another incremental parse. The first
of a process for a language compiles its queries, 2 to 100 ms, unless `warm_up` came before.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs
import tree_sitter

from lsp_server.syntax import grammars, lexing
from lsp_server.syntax.edits import Replacement, edited
from lsp_server.syntax.encoded import Encoded
from lsp_server.syntax.languages import Language
from lsp_server.syntax.nodes import Nodes, indentation, width
from lsp_server.text import Span

PlaceKind = Literal["code", "comment", "string"]
BlockKind = Literal["suite", "arguments", "parameters", "literal"]

_CLOSERS = {"(": ")", "[": "]", "{": "}", "${": "}"}
_QUOTE = re.compile(r"[A-Za-z]*\"")
_QUOTE_WITHIN = 200
_QUOTES = frozenset({"string_start", '"', "'", "`"})
SMALL = 50_000
"""Characters. tree-sitter mends broken source now and then (2 of 1,000 random edits) differently after an edit than
from nothing. Equal texts should give equal trees, so a broken text below this size, 6 ms of parsing, is parsed anew."""

_BLOCKS: tuple[BlockKind, ...] = ("suite", "arguments", "parameters", "literal")
_CLOSED = re.compile(r"\}[)\]};,]*")
_INNER = frozenset({"variable", "constant", "member"})
_CONTAINERS = frozenset({"class", "interface", "enum", "type"})


@attrs.frozen
class Scope:
    """A definition around a place. `header` goes from its first line, decorators included, to the body's start."""

    name: str
    kind: str
    """A `SymbolKind` of `index.values`."""
    span: Span
    header: Span
    body: Span
    """Braces included; for Python the statements, which begin after their indentation."""


@attrs.frozen
class Block:
    """What a place stands in. suite: statements or members; literal: any other pair of brackets.

    The span includes the brackets. Python's suites end with their last statement.
    """

    kind: BlockKind
    span: Span


def parse(
    language: Language, text: str, old: "SyntaxTree | None" = None, edits: Sequence[Replacement] = ()
) -> "SyntaxTree":
    """The tree of `text`. With `old` and the `edits` that lead from its text to this one, only what changed is parsed.

    Each edit's span is in the text that the edit before it left. Edits that do not lead to `text` are harmless: the
    text is then parsed from nothing.
    """
    encoded = Encoded(text)
    before = None
    if old is not None and old.language is language and old._tree.root_node.end_byte:  # noqa: SLF001  # not given up
        before = edited(old._tree, old._encoded, edits, text)  # noqa: SLF001  # our own class
    tree = grammars.parse_bytes(language, encoded.data, before)
    if before is not None and tree.root_node.has_error and len(text) < SMALL:
        tree = grammars.parse_bytes(language, encoded.data)
    return SyntaxTree(language, encoded, tree)


def warm_up(language: Language) -> None:
    """Compiles what the first question about a text of this language would wait for. Once per process; any thread."""
    grammars.warm_up(language)


class SyntaxTree(Nodes):
    """Immutable and safe to hand to any thread. Made by `parse`."""

    __slots__ = ("_mended",)

    def __init__(self, language: Language, encoded: Encoded, tree: tree_sitter.Tree) -> None:
        super().__init__(language, encoded, tree)
        self._mended: tuple[int, str, SyntaxTree] | None = None

    def errors(self) -> int:
        """Number of places that are not the language: what tree-sitter skipped and what it found missing."""
        return len(self._broken_nodes())

    def s_expression(self) -> str:
        """The whole tree as text without any of the source, for tests and bug reports."""
        return str(self._tree.root_node)

    def with_inserted(self, offset: int, text: str) -> "SyntaxTree":
        """The tree of the text with `text` inserted at `offset`, parsed incrementally."""
        offset = self._clamped(offset)
        after = self.text[:offset] + text + self.text[offset:]
        return parse(self.language, after, self, (_Insertion(Span(offset, offset), text),))

    def kind_at(self, offset: int) -> PlaceKind:
        """Is a cursor at `offset` in code, in a comment or in a string literal?

        At the end of a line comment or of a string literal that is not closed it is inside; code inside a string
        (`f"{here}"`) is code; a regular expression counts as a string.
        """
        offset = self._clamped(offset)
        for role, node in self._around(offset - 1, "comment", "string", "interpolation"):
            start, end = self._span(node)
            if start < offset and (offset < end or self._is_open(role, node, end)):
                return "code" if role == "interpolation" else "comment" if role == "comment" else "string"
        if self._tree.root_node.has_error:
            if self._in_open_comment(offset):
                return "comment"
            if self._open_string(offset) is not None:
                return "string"
        return "code"

    def scopes(self, offset: int) -> tuple[Scope, ...]:
        """The definitions around `offset`, outermost first.

        In Python the indentation of a line that is blank up to the cursor decides whether it still belongs to the
        definition above it. Brackets and quotes that are still open before the cursor are closed for the purpose.
        """
        offset = self._clamped(offset)
        inserted, tree = self._mend(offset)
        scopes = tree._scopes(offset)  # noqa: SLF001  # our own class
        return tuple(_without(scope, offset, len(inserted)) for scope in scopes)

    def block_at(self, offset: int) -> Block | None:
        """The innermost pair of brackets or suite around `offset`, or `None` at the top of the file."""
        offset = self._clamped(offset)
        inserted, tree = self._mend(offset)
        block = tree._block_at(offset)  # noqa: SLF001  # our own class
        return None if block is None else Block(block.kind, _shortened(block.span, offset, len(inserted)))

    def inside_arguments(self, offset: int) -> bool:
        """Is `offset` directly between the parentheses of a call or of a definition's parameters?"""
        block = self.block_at(offset)
        return block is not None and block.kind in ("arguments", "parameters")

    def opens_block(self, offset: int) -> bool:
        """Is `offset` where a new body is expected and still empty: after `def f():`, inside the `{}` of a function?

        A comment or a docstring alone leaves a body empty. Nothing may follow the cursor on its line but what closes
        the body. An object or collection literal is no body.
        """
        offset = self._clamped(offset)
        rest = self.text[offset : self._line_end(offset)].strip()
        closed = not rest or (self.language.block_style != "indent" and _CLOSED.fullmatch(rest) is not None)
        if not closed or self.kind_at(offset) != "code":
            return False
        anchor = self._before(offset)
        if anchor is None:
            return False
        if self.language.block_style == "indent":
            return self._opens_suite(offset, anchor)
        if self.text[anchor] == "{":
            return self._opens_braces(offset, anchor)
        return self.language.block_style == "keywords" and self._opens_words(offset, anchor)

    # Scopes and blocks

    def _scopes(self, offset: int) -> Iterator[Scope]:
        anchor, column = self._anchor(offset)
        if anchor is None:
            return
        best: dict[int, tuple[int, str, grammars.Captures]] = {}
        wrappers: set[int] = set()
        matches = grammars.definitions_at(self.language, self._tree.root_node, self._byte(anchor))
        for pattern, captures in matches:
            wrappers.update(node.id for node in captures.get("wrapper", ()))
            label = next((label for label in captures if label.startswith(("definition.", "scope."))), None)
            if label is None or label.removeprefix("definition.") in _INNER:
                continue
            node = captures[label][0]
            if node.id not in best or pattern < best[node.id][0]:
                best[node.id] = (pattern, label, captures)
        found = []
        for _, label, captures in best.values():
            node = captures[label][0]
            outer = node
            while outer.parent is not None and outer.parent.id in wrappers:
                outer = outer.parent
            start, end = self._span(outer)
            if offset <= start or not self._reaches(outer, start, end, offset, column):
                continue
            parts = grammars.parts(node, captures)
            if parts is None:
                continue
            body = self._span(parts.body) if parts.body is not None else (end, end)
            kind = "method" if parts.qualified else label.partition(".")[2]
            found.append(Scope(self._source(parts.name), kind, Span(start, end), Span(start, body[0]), Span(*body)))
        outside = None
        for scope in sorted(found, key=lambda scope: (scope.span.start, -scope.span.end)):
            if scope.kind == "function" and outside in _CONTAINERS:
                yield attrs.evolve(scope, kind="method")
            else:
                yield scope
            outside = scope.kind

    def _block_at(self, offset: int) -> Block | None:
        if self.language.block_style == "indent" and self.opens_block(offset):
            return Block("suite", Span(offset, offset))
        before = self._before(offset)
        if before is not None:
            # What was never closed ends at its last token, before the white space that the cursor stands in.
            for role, node in self._around(before, *_BLOCKS):
                start, end = self._span(node)
                if end <= offset and self._lacks_closer(node):
                    suite = role == "literal" and self.text[start] == "{" and self._is_header(start)
                    return Block("suite" if suite else role, Span(start, end))  # type: ignore[arg-type]
        anchor, column = self._anchor(offset)
        for role, node in self._around(-1 if anchor is None else anchor, *_BLOCKS):
            start, end = self._span(node)
            if role == "suite" and self.language.block_style == "indent":
                inside = start <= offset and self._reaches(node, start, end, offset, column, body=True)
            else:
                inside = start < offset < end
            if inside:
                return Block(role, Span(start, end))  # type: ignore[arg-type]  # one of the roles asked for
        return None

    def _anchor(self, offset: int) -> tuple[int | None, int | None]:
        """The character that tells what a cursor stands in, and the cursor's column where indentation decides."""
        if self.language.block_style != "indent":
            return (offset - 1 if offset else None), None
        anchor = self._before(offset)
        line = self._line_start(offset)
        blank = not self.text[line:offset].strip()
        return anchor, (width(self.text[line:offset]) if blank else None)

    def _reaches(
        self, node: tree_sitter.Node, start: int, end: int, offset: int, column: int | None, *, body: bool = False
    ) -> bool:
        """Does a definition or suite go on at the cursor? `body`: the column at `start` is already the body's."""
        if self.language.block_style == "braces":
            return offset < end or self._lacks_closer(node) or self.text[end - 1] not in ")}];"
        if self.language.block_style == "keywords":
            return offset < end or self._lacks_closer(node)
        if offset < end or column is None:
            return True
        own = width(self.text[self._line_start(start) : start])
        return column >= own if body else column > own

    # Where a body begins

    def _opens_suite(self, offset: int, anchor: int) -> bool:
        path = self._path(anchor)
        if self.text[anchor] == ":" and path[0].type == ":":
            parent = path[1]
            suite = next((child for child in parent.children if child.type == "block"), None)
            if suite is not None:
                return self._only_comments(suite)
            return parent.has_error and not self._closers(anchor) and self._is_header(anchor)
        return anchor < self._line_start(offset) and self._ends_docstring(path, anchor)

    def _only_comments(self, suite: tree_sitter.Node) -> bool:
        return all(child.type == "comment" for child in suite.named_children)

    def _ends_docstring(self, path: list[tree_sitter.Node], anchor: int) -> bool:
        """Is `anchor` the end of a docstring with nothing after it in its body?"""
        place = next((index for index, node in enumerate(path) if node.type == "expression_statement"), None)
        if place is None or place + 2 >= len(path):
            return False
        statement, suite, definition = path[place : place + 3]
        return (
            definition.type in ("function_definition", "class_definition")
            and [child for child in suite.named_children if child.type != "comment"] == [statement]
            and [child.type for child in statement.named_children] == ["string"]
            and self._span(statement)[1] == anchor + 1
        )

    def _opens_words(self, offset: int, anchor: int) -> bool:
        """The same where a word ends the body: the tree has no node for a body that is empty."""
        return not self._has_body(offset, anchor) and self._is_header(anchor + 1) and self.kind_at(anchor + 1) == "code"

    def _has_body(self, offset: int, anchor: int) -> bool:
        """Does what follows look like the body, i.e. stand deeper than the header that ends at `anchor`?"""
        following = self._after(offset)
        if following is None:
            return False
        header = width(indentation(self.text, self._line_start(anchor)))
        return width(indentation(self.text, self._line_start(following))) > header

    def _opens_braces(self, offset: int, anchor: int) -> bool:
        following = self._after(offset)
        if following is not None and self.text[following] != "}" and self._has_body(offset, anchor):
            return False  # not closed yet
        path = self._path(anchor)
        parent = path[min(1, len(path) - 1)]  # a tree that was given up has a root and nothing else
        if parent.is_error or self._lacks_closer(parent):
            return self._is_header(anchor)
        return next((role == "suite" for role, node in self._around(anchor, "suite", "literal")), False)

    def _is_header(self, opener: int) -> bool:
        return re.search(self.language.block_header, self.text[self._line_start(opener) : opener].rstrip()) is not None

    # Broken source

    def _open_string(self, offset: int) -> int | None:
        """Where the string literal opens that a cursor is in and that the tree lost because it is not closed."""
        byte = self._byte(offset)
        for node in self._broken_nodes():
            if not node.is_error or node.start_byte >= byte:
                continue
            for child in node.children:
                if child.type in _QUOTES and child.start_byte < byte:
                    opener = self._offset(child.start_byte)
                    if lexing.within(self.language, self.text, opener, offset):
                        return opener
        return self._skipped_quote(offset)

    def _skipped_quote(self, offset: int) -> int | None:
        """The same for grammars (Scala's) that skip the opening quote itself; on the cursor's line only."""
        start = max(self._line_start(offset), offset - _QUOTE_WITHIN)
        for quote in _QUOTE.finditer(self.text, start, offset):
            skipped = self._path(quote.end() - 1)[0].is_error
            if skipped and lexing.within(self.language, self.text, quote.start(), offset):
                return quote.start()
        return None

    def _in_open_comment(self, offset: int) -> bool:
        if self.language.block_comment is None:
            return False
        opening, closing = self.language.block_comment
        start = self.text.rfind(opening, 0, offset)
        if start < 0 or self.text.find(closing, start + len(opening)) >= 0:
            return False
        return all(self._span(node)[0] >= start for _, node in self._around(start, "comment", "string"))

    def _mend(self, offset: int) -> tuple[str, "SyntaxTree"]:
        """What closes the brackets and quotes that are open before `offset` only, and the tree with it inserted."""
        if self._mended is not None and self._mended[0] == offset:
            return self._mended[1], self._mended[2]
        inserted, tree = "", self
        if self._tree.root_node.has_error:
            inserted = self._closers(offset)
            if inserted:
                tree = self.with_inserted(offset, inserted)
        self._mended = (offset, inserted, tree)
        return inserted, tree

    def _closers(self, offset: int) -> str:
        string = self._open_string(offset)
        quote = "" if string is None else lexing.closing(self.text, string)
        anchor = self._before(offset if string is None else string)
        if anchor is None:
            return quote
        limit = self._byte(anchor) + 1
        tokens: dict[int, str] = {}
        for node in self._path(anchor):
            if node.is_error:
                tokens.update((c.start_byte, c.type) for c in node.children if c.end_byte <= limit and not c.is_named)
        words = self.language.closing_words
        opened: list[str] = []
        for _, token in sorted(tokens.items()):
            if token in _CLOSERS:
                # In Bash a brace that does not begin a command is a word like any other.
                apart = "\n" if token == "{" and self.language.block_style == "keywords" else ""
                opened.append(apart + _CLOSERS[token])
            elif token in words:
                opened.append(f"\n{words[token]}")
            elif opened and token == opened[-1].strip():
                opened.pop()
        return quote + "".join(reversed(opened))

    def _is_open(self, role: str, node: tree_sitter.Node, end: int) -> bool:
        """Does a comment or string go on at its own end?"""
        if role == "interpolation":
            return self._lacks_closer(node) or self.text[end - 1] not in ")}"
        if role == "comment":
            marks = self.language.block_comment
            start = self._span(node)[0]
            block = marks is not None and self.text.startswith(marks[0], start)
            return not block or marks is None or not self.text.endswith(marks[1], start + len(marks[0]), end)
        return self._lacks_closer(node)


@attrs.frozen
class _Insertion:
    span: Span
    inserted: str


def _without(scope: Scope, offset: int, length: int) -> Scope:
    """The scope as it is without the `length` characters that were inserted at `offset`."""
    if not length:
        return scope
    span, header, body = (_shortened(span, offset, length) for span in (scope.span, scope.header, scope.body))
    return attrs.evolve(scope, span=span, header=header, body=body)


def _shortened(span: Span, offset: int, length: int) -> Span:
    return Span(*(place if place <= offset else max(offset, place - length) for place in (span.start, span.end)))
