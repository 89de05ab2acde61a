"""Brackets, quotes and comments of half-written code, from text alone.

A tree of the cursor's line is mostly error nodes while it is being typed; a stack of what is open is not. Strings
and comments are elements of that stack like brackets, so that a text can begin inside a string and close it. This
file knows nothing of completions.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

import attrs

from lsp_server.completion.place import width
from lsp_server.completion.query import Query
from lsp_server.syntax.trees import SyntaxTree

CLOSER = {"(": ")", "[": "]", "{": "}", "${": "}", '"': '"', "'": "'", "`": "`", '"""': '"""', "'''": "'''"}
BRACKETS = frozenset({"(", "[", "{", "${"})

LONG = frozenset({'"""', "'''", "`", "/*"})
"""What goes on over line ends by nature."""

_OPENER = {")": "(", "]": "[", "}": "{"}
_WINDOW = 8_000
"""Characters scanned on each side of the cursor: some 200 lines, about 1 ms."""

_CODE = re.compile(r"^[ \t]*(?:(?:async )?def \w+\(|class \w+[(:]|@\w|[\w.]+ = )", re.MULTILINE)
"""Lines that tell that a quote below belongs to another string, so that the one at the cursor is not closed."""

_LINE_COMMENT = "//"
_BLOCK_COMMENT = "/*"
_NO_QUOTES = frozenset({"plaintext", "markdown", "latex", "tex", "restructuredtext", "html", "xml", "text"})
_HASH = frozenset(
    {"python", "ruby", "shellscript", "sh", "bash", "yaml", "toml", "perl", "r", "elixir", "makefile", "dockerfile"}
)
_SCRIPTS = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact", "tsx", "jsx"})


class Mark(NamedTuple):
    """Something open: its opening characters (a line comment is `//` in every language) and where it stands."""

    kind: str
    offset: int


@attrs.frozen
class Scan:
    """What a text did to a stack."""

    stack: tuple[Mark, ...]
    escape: int | None
    """Offset of the first closer that would close something below the floor, or None. The scan ends there."""
    lowest: int
    """The smallest depth reached, never below the floor."""


@attrs.frozen
class Around:
    """What is open at a cursor, outermost first, and how many of the innermost nothing after the cursor closes."""

    open: tuple[Mark, ...]
    owed: int
    on_line: int
    """How many of `open` were opened on the cursor's line."""
    header: int
    """Indentation, in columns, of the line on which the statement at the cursor begins."""
    above: int
    """The same for the statement that the nearest line above that is not blank ends."""

    @property
    def floor(self) -> int:
        """The depth below which text inserted here must not close anything."""
        return len(self.open) - self.owed

    @property
    def kind(self) -> Literal["code", "string", "comment"]:
        top = self.open[-1].kind if self.open else ""
        if top in (_LINE_COMMENT, _BLOCK_COMMENT):
            return "comment"
        return "code" if not top or top in BRACKETS else "string"


@attrs.frozen
class Lexicon:
    """How one language writes strings and comments."""

    code: re.Pattern[str]
    """Finds, in code, whatever opens or closes something; group `skip` is a token without meaning here."""
    line_comment: str
    """Begins a comment up to the line's end; "" for prose."""
    raw_backtick: bool

    def begins_comment(self, text: str) -> bool:
        return bool(self.line_comment) and text.startswith((self.line_comment, _BLOCK_COMMENT))


def lexicon(language: str) -> Lexicon:
    """The lexicon of a language identifier; unknown languages are read like C."""
    return _lexicon(language)


def scan(text: str, lexicon: Lexicon, stack: tuple[Mark, ...] = (), floor: int = 0, base: int = 0) -> Scan:
    """Reads `text` from the state `stack`; offsets count from `base`. Depths below `floor` are not entered."""
    opened = list(stack)
    lowest = len(opened)
    position = 0
    while position < len(text):
        top = opened[-1].kind if opened else ""
        if top and top not in BRACKETS:
            found = _inside(top, lexicon).search(text, position)
            if found is None:
                break
            position = found.end()
            token = found.group()
            if token.startswith("\\") and token != "\\":
                continue
            if token == "${":
                opened.append(Mark("${", base + found.start()))
            elif token == "\n" or top in (_LINE_COMMENT, _BLOCK_COMMENT):
                opened.pop()  # the line's end ends comments and forgotten quotes; neither is a closer of ours
            elif len(opened) <= floor:
                return Scan(tuple(opened), found.start(), lowest)
            else:
                opened.pop()
                lowest = min(lowest, len(opened))
            continue
        found = lexicon.code.search(text, position)
        if found is None:
            break
        position = found.end()
        token = found.group()
        if found.lastgroup == "skip":
            continue
        if token in _OPENER:
            depth = _matching(opened, _OPENER[token], floor)
            if depth is None:
                return Scan(tuple(opened), found.start(), lowest)
            del opened[depth:]
            lowest = min(lowest, len(opened))
        else:
            kind = _LINE_COMMENT if token in ("#", "//") else token
            opened.append(Mark(kind, base + found.start()))
    return Scan(tuple(opened), None, lowest)


def around(query: Query, tree: SyntaxTree | None) -> Around:
    """What is open at the query's cursor. Costs about 2 ms at most, whatever the document's size."""
    text, lines = query.document.text, query.document.lines
    words = lexicon(query.document.language)
    start = _window_start(query, tree)
    here = lines.start(lines.line_of(query.offset))
    stack: tuple[Mark, ...] = ()
    begins: list[tuple[int, int]] = []  # (offset of a line, depth at its start), for finding where a statement begins
    above = 0
    for line in range(lines.line_of(start), lines.line_of(here)):
        position, end = lines.start(line), lines.start(line + 1)
        begins.append((position, len(stack)))
        lowest = len(stack)
        seen = scan(text[position:end], words, stack, base=position)
        while seen.escape is not None:  # a closer whose opener lies before the window
            position += seen.escape + 1
            lowest = 0
            seen = scan(text[position:end], words, seen.stack, base=position)
        stack = seen.stack
        if not text[position:end].isspace():
            above = _statement(begins, min(lowest, seen.lowest))
    before = scan(text[here : query.offset], words, stack, base=here)
    lowest = before.lowest
    if before.escape is not None:
        lowest, before = 0, scan(text[here + before.escape + 1 : query.offset], words, base=here + before.escape + 1)
    begins.append((here, len(stack)))
    header = _statement(begins, lowest)
    opened = _corrected(before.stack, query, tree, start)
    return Around(
        open=opened,
        owed=_owed(opened, query, words, whole=start == 0),
        on_line=sum(mark.offset >= here for mark in opened),
        header=width(text[header : header + 200]),
        above=width(text[above : above + 200]),
    )


def close(marks: tuple[Mark, ...]) -> str:
    """The characters that close `marks` on one line, innermost first; what spans lines by nature is left open."""
    closers = []
    for mark in reversed(marks):
        if mark.kind == _LINE_COMMENT or mark.kind in LONG:
            break
        closers.append(CLOSER[mark.kind])
    return "".join(closers)


def _statement(begins: list[tuple[int, int]], depth: int) -> int:
    """Offset of the last line that begins at `depth` or less: there the statement began that came back to it."""
    return next((line for line, at_start in reversed(begins) if at_start <= depth), begins[0][0])


def _matching(opened: list[Mark], kind: str, floor: int) -> int | None:
    """The depth to return to when `kind` is closed. Brackets forgotten in between are forgiven, strings are not."""
    for depth in range(len(opened) - 1, floor - 1, -1):
        if opened[depth].kind == kind or (opened[depth].kind == "${" and kind == "{"):
            return depth
        if opened[depth].kind not in BRACKETS:
            return None
    return None


def _owed(opened: tuple[Mark, ...], query: Query, words: Lexicon, *, whole: bool) -> int:
    """How many of the innermost open marks nothing after the cursor closes.

    The first closer after the cursor that has no opener there belongs to the innermost mark of its kind; one that
    begins its line belongs to a mark whose line is indented like it, if there is any. `opened` is the `whole` stack
    or what the window saw of it.
    """
    text, lines = query.document.text, query.document.lines
    here = lines.line_of(query.offset)
    rest = text[query.offset : query.offset + _WINDOW]
    start = 0
    if opened and opened[-1].kind not in BRACKETS:
        long = opened[-1].kind in LONG
        line_end = lines.end(text, here) - query.offset
        end = scan(rest if long else rest[:line_end], words, opened[-1:], floor=1).escape
        if end is not None and not (long and _CODE.search(rest[:end])):
            return 0
        start = len(rest) if long else line_end  # a quote forgotten ends with its line
    escape = scan(rest[start:], words).escape
    if escape is None:
        # Of what is not closed within the window, only braces of earlier lines can be closed beyond it.
        further = query.offset + _WINDOW < len(text) or (start > 0 and start == len(rest))
        braces = [depth for depth, mark in enumerate(opened) if mark.offset < lines.start(here) and mark.kind == "{"]
        return len(opened) - (braces[-1] + 1 if further and braces else 0)
    where = query.offset + start + escape
    kind = _OPENER[text[where]]
    line = lines.line_of(where)
    indent = text[lines.start(line) : where]
    candidates = [depth for depth, mark in enumerate(opened) if mark.kind == kind or (mark.kind + kind) == "${{"]
    if not indent.strip() and line != here:
        level = width(indent)
        fitting = [depth for depth in candidates if width(_line_at(query, opened[depth].offset)) == level]
        if not fitting and not whole:
            return len(opened)  # it closes something that was opened before the window
        candidates = fitting or candidates
    return len(opened) - 1 - candidates[-1] if candidates else len(opened)


def _line_at(query: Query, offset: int) -> str:
    lines = query.document.lines
    return lines.line_text(query.document.text, lines.line_of(offset))


def _window_start(query: Query, tree: SyntaxTree | None) -> int:
    """A line's start that is not inside a string or a comment: a line of code at the margin, if there is one."""
    if query.offset <= _WINDOW:
        return 0
    text, lines = query.document.text, query.document.lines
    first, last = lines.line_of(query.offset - _WINDOW) + 1, lines.line_of(query.offset)
    for line in range(first, last):
        start = lines.start(line)
        if text[start].isalpha() and (tree is None or tree.kind_at(start) == "code"):
            return start
    return min(lines.start(first), lines.start(last))


def _corrected(stack: tuple[Mark, ...], query: Query, tree: SyntaxTree | None, start: int) -> tuple[Mark, ...]:
    """Drops a long string that only looks open because the window began inside another one."""
    top = stack[-1] if stack else None
    if start and tree is not None and top and top.kind in LONG and tree.kind_at(query.offset) == "code":
        return stack[:-1]
    return stack


@lru_cache(maxsize=64)
def _lexicon(language: str) -> Lexicon:
    hashed = language in _HASH
    scripts = language in _SCRIPTS
    skips: list[str] = []
    if language in _NO_QUOTES:
        openers = []
    elif language == "python":
        openers = ['"""', "'''", '"', "'"]
    elif scripts:
        # A regular expression literal stands where an operand is expected; elsewhere a slash divides.
        skips.append(r"(?:(?<=[(,=:!&|?\[])|(?<=return))[ \t]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/")
        openers = ['"', "'", "`"]
    elif language == "go":
        skips.append(r"'(?:\\[^\n]{1,9}?|[^'\\\n])'")
        openers = ['"', "`"]
    elif hashed:
        openers = ['"', "'"]
    else:
        # `'` opens a character in C and a lifetime in Rust: only a whole character literal means anything.
        skips.append(r"'(?:\\[^\n]{1,9}?|[^'\\\n])'")
        openers = ['"']
    comments = [] if language in _NO_QUOTES else ["#"] if hashed else ["//", "/*"]
    parts = [rf"(?P<skip>{'|'.join(skips)})"] if skips else []
    parts += [re.escape(token) for token in (*openers, *comments)]
    parts.append(r"[()\[\]{}]")
    return Lexicon(re.compile("|".join(parts)), comments[0] if comments else "", language == "go")


@lru_cache(maxsize=64)
def _inside(kind: str, lexicon: Lexicon) -> re.Pattern[str]:
    """Finds, inside a string or a comment, an escape, a line's end that ends it, an interpolation, or its closer."""
    if kind == _LINE_COMMENT:
        return re.compile(r"\n")
    if kind == _BLOCK_COMMENT:
        return re.compile(r"\*/")
    if kind == "`":
        return re.compile("`") if lexicon.raw_backtick else re.compile(r"\\[\s\S]|\$\{|`")
    if kind in ('"""', "'''"):
        return re.compile(rf"\\[\s\S]|{kind}")
    return re.compile(rf"\\.|{kind}|\n")
