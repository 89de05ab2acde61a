"""Brackets, quotes and comments of half-written code, from text alone.

A tree of the cursor's line is mostly error nodes while it is being typed; a stack of what is open is not. Strings
and comments are elements of that stack like brackets, so that a text can begin inside a string and close it. This
file knows nothing of completions.
"""

import re
from typing import Literal, NamedTuple

import attrs

from lsp_server.completion.lexicon import BLOCK_COMMENT, LINE_COMMENT, WORDS, Lexicon, lexicon
from lsp_server.completion.place import width
from lsp_server.completion.query import Query
from lsp_server.syntax.trees import SyntaxTree

CLOSER = {
    "(": ")",
    "[": "]",
    "{": "}",
    "${": "}",
    '"': '"',
    "'": "'",
    "`": "`",
    '"""': '"""',
    "'''": "'''",
    "[[": "]]",
    **WORDS,
}
BRACKETS = frozenset({"(", "[", "{", "${", *WORDS})

LONG = frozenset({'"""', "'''", "`", "[[", "/*"})
"""What goes on over line ends by nature."""

_CLOSER = re.compile(r"\w+|.")
_WINDOW = 8_000
"""Characters scanned on each side of the cursor: some 200 lines, about 1 ms."""

_CODE = re.compile(r"^[ \t]*(?:(?:async )?def \w+\(|class \w+[(:]|@\w|[\w.]+ = )", re.MULTILINE)
"""Lines that tell that a quote below belongs to another string, so that the one at the cursor is not closed."""


class Mark(NamedTuple):
    """Something open: its opening characters and where it stands.

    A line comment is `//` and a block comment `/*` in every language, a block that a word opens is a key of `WORDS`.
    """

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
        if top in (LINE_COMMENT, BLOCK_COMMENT):
            return "comment"
        return "code" if not top or top in BRACKETS else "string"


def scan(
    text: str, lexicon: Lexicon, stack: tuple[Mark, ...] = (), floor: int = 0, base: int = 0, lead: str = ""
) -> Scan:
    """Reads `text` from the state `stack`; offsets count from `base`. Depths below `floor` are not entered.

    `lead` stands left of the text on its line; it is not read, but tells what a word means (`x if y` opens nothing).
    """
    if lead and lexicon.has_words:
        # From the space before the text on: patterns for words take it with them.
        seen = _scan(lead + text, len(lead.rstrip(" \t")), lexicon, stack, floor, base - len(lead))
        return seen if seen.escape is None else attrs.evolve(seen, escape=seen.escape - len(lead))
    return _scan(text, 0, lexicon, stack, floor, base)


def _scan(text: str, position: int, lexicon: Lexicon, stack: tuple[Mark, ...], floor: int, base: int) -> Scan:
    opened = list(stack)
    lowest = len(opened)
    while position < len(text):
        top = opened[-1].kind if opened else ""
        if top and top not in BRACKETS:
            found = lexicon.inside(top).search(text, position)
            if found is None:
                break
            position = found.end()
            token = found.group()
            code = lexicon.opens_code(top, token)
            if code is not None:
                opened.append(Mark(code, base + found.start()))
            elif token.startswith("\\"):
                continue
            elif token == "\n" or top in (LINE_COMMENT, BLOCK_COMMENT):
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
        token = token.lstrip(" \t")
        start = position - len(token)
        closed = lexicon.closes(token)
        if closed is None:
            opened.append(Mark(lexicon.called(token, found.lastgroup), base + start))
        else:
            depth = _matching(opened, closed, floor)
            if depth is None:
                return Scan(tuple(opened), start, lowest)
            del opened[depth:]
            lowest = min(lowest, len(opened))
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
    before = scan(text[here : query.offset], words, stack, base=here)  # from the line's start: it needs no lead
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


def close(marks: tuple[Mark, ...], *, lines: bool = False) -> str:
    """The characters that close `marks` on one line, innermost first; what spans lines by nature is left open.

    A word closes a block on a line of its own: only with `lines`, and from there on.
    """
    closers = []
    for mark in reversed(marks):
        if mark.kind == LINE_COMMENT or mark.kind in LONG or (mark.kind in WORDS and not lines):
            break
        closers.append("\n" * (mark.kind in WORDS) + CLOSER[mark.kind])
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
    escape = scan(rest[start:], words, lead="" if start else text[lines.start(here) : query.offset]).escape
    if escape is None:
        # Of what is not closed within the window, only braces of earlier lines can be closed beyond it.
        further = query.offset + _WINDOW < len(text) or (start > 0 and start == len(rest))
        blocks = ("{", *WORDS)
        braces = [depth for depth, mark in enumerate(opened) if mark.offset < lines.start(here) and mark.kind in blocks]
        return len(opened) - (braces[-1] + 1 if further and braces else 0)
    where = query.offset + start + escape
    closer = _CLOSER.match(text, where)
    kind = words.closes(closer.group()) if closer is not None else None
    line = lines.line_of(where)
    indent = text[lines.start(line) : where]
    candidates = [
        depth for depth, mark in enumerate(opened) if mark.kind == kind or (mark.kind == "${" and kind == "{")
    ]
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
