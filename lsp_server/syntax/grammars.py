"""Grammars, parsers and compiled queries, each loaded when it is first needed.

A query file has these captures; the first group is for whole files (`outline.py`), the second for places
around a cursor (`trees.py`), which also asks for the definitions there:

    @definition.KIND    a definition; KIND is a `SymbolKind`, or `member` for an attribute of the enclosing class that
                        is defined inside one of its methods
    @name @body         of the definition of the same match; text before the body is the definition's head. Where they
                        are the node's fields `name` and `body`, or stand within C's declarators, they need not be
                        captured: patterns of one node compile in a hundredth of the time (Swift: 700 ms, 12 ms)
    @container          names the type that the definition belongs to, where it stands outside (Go's receivers)
    @receiver           must read `self` or `this` for a `member` to count
    @accessor           must begin with `attr` for the definition to count (Ruby's `attr_reader`)
    @scope.KIND         in place of `@definition.KIND`: encloses places, but defines nothing that could be looked up
                        (namespaces, Rust's `impl`)
    @wrapper            a node around one definition that belongs to it: decorators, `export`, `const`
    @decorator          left out of a signature unless it is a bare name
    @import.module .name .alias .default .all .require    the parts of one imported name; several modules are joined
                        by the language's `separator`; `.default` is the alias of the default export, `.all` takes
                        every name, `.require` must read one of the language's `importers`
    @import.path        in place of `.module`: a dotted path that may begin with `import`; where there is no `.name`
                        the last part is the name
    @identifier         every name that occurs

    @comment @string @interpolation       what kind of place it is
    @block.suite .arguments .parameters .literal    what ends where

Patterns of the second group name types of nodes and nothing else, `[(a) (b)] @role`: they become a table (`roles`),
because walking up from a cursor is many times faster than a query.

Where two definition patterns match the same name, the one that comes first in the file wins. No predicates: trees
here do not keep their source, so `#eq?` could not be evaluated.
"""

import importlib
import itertools
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

import tree_sitter

from lsp_server.syntax.languages import Language

_OUTLINE = re.compile(r"@(?:definition|import|wrapper|decorator)\b")
_DEFINITIONS = re.compile(r"@(?:definition|scope|wrapper)\b")
_NAMES = re.compile(r"@identifier\b")
_ROLE = re.compile(r"@(?:block\.)?(comment|string|interpolation|suite|arguments|parameters|literal)\b")
_COMMENT = re.compile(r"(\"[^\"\n]*\")|;[^\n]*")
_TOKEN = re.compile(r"\"[^\"\n]*\"|[()\[\]]")
_TYPE = re.compile(r"\((\w+)\)")

PIECE = 16 * 1024
"""Bytes handed to tree-sitter at a time."""

WINDOW = 64 * 1024
"""Bytes of source that one query looks at, about 3 ms."""

TOGETHER = 5
"""Patterns that are compiled at once for questions about a place: about 10 ms, at most 30. Fewer would cost more in
all, because each query has a price of its own."""

PATIENCE = 0.3
"""Seconds of processor time that any text may take to parse, besides those for its length."""

PATIENCE_PER_BYTE = 1e-6
"""Seconds: five times what sound source takes."""

LINE_END = b"\n//)\n"
"""For `Language.needs_line_end`. A comment, so that it adds no error; the parenthesis ends another such token."""


def parse_bytes(language: Language, data: bytes, old: tree_sitter.Tree | None = None) -> tree_sitter.Tree:
    """The tree of UTF-8 `data`. `old` is an edited tree of which unchanged parts are kept.

    tree-sitter's Python binding holds the interpreter's lock while it parses (measured with 0.26: 345 ms in one piece
    for 3 MB), so a worker thread alone does not keep an event loop free. Reading through a function and letting go of
    the lock in the progress function does: other threads wait about a millisecond.

    Some grammars run away on broken source, Kotlin's for instance. Such a text has a tree of nothing: whoever asks is
    told what he would be told about an empty file.
    """
    breathe = Breath(PATIENCE + PATIENCE_PER_BYTE * len(data))
    read = _reader(data + LINE_END if language.needs_line_end else data)
    parser = _parser(language)
    try:
        if old is None:
            return parser.parse(read, encoding="utf8", progress_callback=breathe)
        return parser.parse(read, old, encoding="utf8", progress_callback=breathe)
    except ValueError:
        parser.reset()
        return parser.parse(b"")


def warm_up(language: Language) -> None:
    """Compiles what the first question about a place would wait for."""
    roles(language)
    definitions_queries(language)


@cache
def outline_query(language: Language) -> tree_sitter.Query:
    """Definitions and imports."""
    return _compiled(language, _chosen(language, _OUTLINE))


@cache
def names_query(language: Language) -> tree_sitter.Query:
    """Every identifier. Apart from the outline because captures without matches cost half as much."""
    return _compiled(language, _chosen(language, _NAMES))


@cache
def definitions_queries(language: Language) -> tuple[tree_sitter.Query, ...]:
    """Definitions without imports, in pieces of `TOGETHER` patterns: compiling holds the interpreter's lock."""
    patterns = _chosen(language, _DEFINITIONS)
    breathe = Breath()
    queries = []
    for first in range(0, len(patterns), TOGETHER):
        queries.append(_compiled(language, patterns[first : first + TOGETHER]))
        breathe()
    return tuple(queries)


@cache
def roles(language: Language) -> Mapping[str, str]:
    """The role of each type of (named) node that has one: comment, string, interpolation, or a kind of block."""
    found: dict[str, str] = {}
    for pattern in _patterns(language):
        if role := _ROLE.search(pattern):
            found.update(dict.fromkeys(_TYPE.findall(pattern), role.group(1)))
    return found


Captures = dict[str, list[tree_sitter.Node]]


def matches(query: tree_sitter.Query, root: tree_sitter.Node) -> Iterator[tuple[int, Captures]]:
    """(pattern, nodes by capture) of every match below `root`; one that crosses a window's border comes repeatedly.

    Windows, because a query holds the interpreter's lock too, and the binding's progress function for queries crashes
    the process (0.26.1).
    """
    breathe = Breath()
    for start in range(0, root.end_byte, WINDOW):
        cursor = tree_sitter.QueryCursor(query)
        cursor.set_byte_range(start, start + WINDOW)
        yield from cursor.matches(root)
        breathe()


def captures(query: tree_sitter.Query, root: tree_sitter.Node, name: str) -> Iterator[tree_sitter.Node]:
    """Every node below `root` with the capture `name`, once each, in no order."""
    breathe = Breath()
    for start in range(0, root.end_byte, WINDOW):
        cursor = tree_sitter.QueryCursor(query)
        cursor.set_byte_range(start, start + WINDOW)
        for node in cursor.captures(root).get(name, []):
            if start <= node.start_byte < start + WINDOW:
                yield node
        breathe()


def definitions_at(language: Language, root: tree_sitter.Node, byte: int) -> Iterator[tuple[int, Captures]]:
    """(pattern, nodes by capture) of the definitions that touch one byte."""
    for place, query in enumerate(definitions_queries(language)):
        cursor = tree_sitter.QueryCursor(query)
        cursor.set_byte_range(byte, byte + 1)
        for pattern, found in cursor.matches(root):
            yield place * TOGETHER + pattern, found


class Parts(NamedTuple):
    """What a definition consists of."""

    name: tree_sitter.Node
    body: tree_sitter.Node | None
    container: tree_sitter.Node | None
    """Names the type that it belongs to, where that stands outside."""
    qualified: bool
    """Does the container stand in the name, as in C++'s `int Order::total()`?"""


def parts(node: tree_sitter.Node, captured: Captures) -> Parts | None:
    """Of a definition with the captures of its match; `None` for one without a name."""
    name = captured["name"][0] if "name" in captured else node.child_by_field_name("name")
    body = captured["body"][0] if "body" in captured else node.child_by_field_name("body")
    if body is not None and body.type.startswith("ordered_"):
        body = None  # the types of Rust's `struct Pair(u8, u8)` belong to the head
    container = captured["container"][0] if "container" in captured else None
    qualified = False
    if name is None:
        name = _declared(node)
        while name is not None and name.type == "qualified_identifier":
            qualified = True
            scope = name.child_by_field_name("scope")
            container = scope and (scope.child_by_field_name("name") or scope)
            name = name.child_by_field_name("name")
        if name is None or name.type not in _DECLARED:
            return None
    return Parts(name, body, container, qualified)


_DECLARED = frozenset({"identifier", "field_identifier", "type_identifier", "destructor_name", "operator_name"})
_WITHOUT_FIELD = frozenset({"reference_declarator", "parenthesized_declarator", "attributed_declarator"})


def _declared(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The innermost declarator: `f` of `int *f(int a)`."""
    found = None
    inner = node.child_by_field_name("declarator")
    while inner is not None:
        found = inner
        inner = inner.child_by_field_name("declarator")
        if inner is None and found.type in _WITHOUT_FIELD:
            inner = found.named_child(0)
    return found


class Breath:
    """A progress function for long calls into tree-sitter: lets other threads run, once per millisecond."""

    __slots__ = ("_ends", "_since")

    PAUSE_AFTER = 0.001
    """Seconds. Sleeping for no time at all still costs 0.06 ms; a millisecond of work per breath makes that 6 %."""

    def __init__(self, seconds: float = math.inf) -> None:
        """`seconds` of this thread's own time are allowed, so that a busy machine is no reason to stop."""
        self._since = time.perf_counter()
        self._ends = time.thread_time() + seconds

    def __call__(self, *_progress: object) -> bool:
        """True asks tree-sitter to stop."""
        if time.perf_counter() - self._since <= self.PAUSE_AFTER:
            return False
        time.sleep(0)
        self._since = time.perf_counter()
        return time.thread_time() > self._ends


class _Parsers(threading.local):
    """Parsers have state: one per language and thread."""

    def __init__(self) -> None:
        self.by_grammar: dict[tuple[str, str], tree_sitter.Parser] = {}


_parsers = _Parsers()


def _parser(language: Language) -> tree_sitter.Parser:
    parser = _parsers.by_grammar.get(language.grammar)
    if parser is None:
        parser = _parsers.by_grammar[language.grammar] = tree_sitter.Parser(_grammar(language.grammar))
    return parser


# Two threads may both load a grammar or compile a query the first time; one result is thrown away, no harm done.
@cache
def _grammar(place: tuple[str, str]) -> tree_sitter.Language:
    module, function = place
    return tree_sitter.Language(getattr(importlib.import_module(module), function)())


def _chosen(language: Language, wanted: re.Pattern[str]) -> list[str]:
    return [pattern for pattern in _patterns(language) if wanted.search(pattern)]


def _compiled(language: Language, patterns: list[str]) -> tree_sitter.Query:
    return tree_sitter.Query(_grammar(language.grammar), "\n".join(patterns))


@cache
def _patterns(language: Language) -> tuple[str, ...]:
    """The text of each pattern of the language's files, in order."""
    # By their brackets rather than by compiling: that takes 50 ms for TypeScript and holds the interpreter's lock.
    source = _COMMENT.sub(lambda found: found[1] or "", "\n".join(_file(name) for name in language.queries))
    starts, depth = [], 0
    for token in _TOKEN.finditer(source):
        if token.group() in "([":
            if depth == 0:
                starts.append(token.start())
            depth += 1
        elif token.group() in ")]":
            depth -= 1
    return tuple(source[start:end] for start, end in itertools.pairwise([*starts, len(source)]))


def _file(name: str) -> str:
    return resources.files("lsp_server.syntax").joinpath("queries", f"{name}.scm").read_text(encoding="utf-8")


def _reader(data: bytes) -> Callable[[int, object], bytes]:
    return lambda byte, _point: data[byte : byte + PIECE]
