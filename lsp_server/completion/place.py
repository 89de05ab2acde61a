"""Where the cursor stands: its line, the lines around it and how the file is indented. Reads text, never a tree."""

import re
from collections import Counter
from typing import Literal

import attrs

from lsp_server.completion.query import Query
from lsp_server.syntax.languages import BlockStyle, by_name

Mode = Literal["line", "block"]

TAB = 4
"""Columns per tab when indentations are compared; any number serves a file with one style, 4 also most mixed ones."""

_STYLE_LINES = 200
"""Lines above and below the cursor that tell how a file is indented."""

_LOOK_AROUND_LINES = 60
"""How far a non-blank neighbour is searched; further away it says nothing about this place."""

_INDENTED_LANGUAGES = frozenset(
    {
        "python",
        "yaml",
        "coffeescript",
        "fsharp",
        "haskell",
        "nim",
        "pug",
        "sass",
        "haml",
        "starlark",
        "gdscript",
        "makefile",
    }
)
_TABBED_LANGUAGES = frozenset({"go", "go.mod", "makefile"})
_NARROW = frozenset(
    {"javascript", "javascriptreact", "jsx", "typescript", "typescriptreact", "tsx", "ruby", "lua", "bash", "scala"}
)
"""Languages that indent by two columns where a file says nothing else."""
_OPENERS = re.compile(r"(?:[{(\[]|=>|\b(?:then|do|begin))\s*$")
_POPUP_WORD = re.compile(r"[\w$]+$")


@attrs.frozen
class Place:
    """The cursor's surroundings in a document. Lines come without their line ends."""

    before: str
    """The cursor's line, left of the cursor."""
    after: str
    """The cursor's line, right of the cursor."""
    line: int
    previous: str | None
    """The nearest line above that is not blank, or None."""
    directly_above: str
    """The line above, blank or not; empty on the first line."""
    following: tuple[str, ...]
    """The first lines below that are not blank, at most eight."""
    style: BlockStyle
    """What delimits blocks in this language."""
    language: str
    newline: str

    @classmethod
    def of(cls, query: Query) -> "Place":
        document = query.document
        text, lines = document.text, document.lines
        offset = min(max(query.offset, 0), len(text))
        line = lines.line_of(offset)
        above = range(line - 1, max(-1, line - 1 - _LOOK_AROUND_LINES), -1)
        below = range(line + 1, min(len(lines), line + 1 + _LOOK_AROUND_LINES))
        following: list[str] = []
        for number in below:
            candidate = lines.line_text(text, number)
            if not candidate.isspace() and candidate:
                following.append(candidate)
                if len(following) == 8:
                    break
        first_end = lines.end(text, 0)
        return cls(
            before=text[lines.start(line) : offset],
            after=text[offset : max(offset, lines.end(text, line))],
            line=line,
            previous=next((found for number in above if (found := lines.line_text(text, number)).strip()), None),
            directly_above=lines.line_text(text, line - 1) if line else "",
            following=tuple(following),
            style=block_style(document.language),
            language=document.language,
            newline="\r\n" if text.startswith("\r\n", first_end) else "\n",
        )

    @property
    def on_blank_line(self) -> bool:
        """Only whitespace left of the cursor; what stands right of it may be anything."""
        return not self.before.strip()

    @property
    def column(self) -> int:
        """Width of the indentation of the cursor's line, up to the cursor."""
        return width(self.before)


def block_style(language: str) -> BlockStyle:
    """How a language delimits blocks; unknown ones count as braces, where indentation is watched as well."""
    known = by_name(language)
    if known is not None:
        return known.block_style
    return "indent" if language in _INDENTED_LANGUAGES else "braces"


def indentation(line: str) -> str:
    """The whitespace a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def width(line: str) -> int:
    """Columns of the whitespace a line begins with."""
    columns = 0
    for character in line:
        if character == " ":
            columns += 1
        elif character == "\t":
            columns += TAB - columns % TAB
        else:
            break
    return columns


def is_opener(line: str, language: str) -> bool:
    """Whether deeper lines are expected below a line, from its last character, or from its words where blocks end with
    words. Comments at its end are not seen."""
    line = line.rstrip()
    known = by_name(language)
    if known is not None and known.block_style == "keywords":
        return line.endswith(("{", "(", "[")) or re.search(known.block_header, line) is not None
    return bool(_OPENERS.search(line)) or (block_style(language) == "indent" and line.endswith(":"))


def indent_unit(query: Query) -> str:
    """One step of indentation in this file: a tab, or the commonest difference between successive indentations."""
    text, lines = query.document.text, query.document.lines
    here = lines.line_of(query.offset)
    steps: Counter[int] = Counter()
    tabbed = spaced = last = 0
    for number in range(max(0, here - _STYLE_LINES), min(len(lines), here + _STYLE_LINES)):
        start = lines.start(number)
        first = text[start : start + 1]
        if first in ("", "\n", "\r"):
            continue
        tabbed += first == "\t"
        spaced += first == " "
        columns = width(text[start : start + 80])
        steps[columns - last] += columns > last
        last = columns
    if tabbed or spaced:
        usual = next((step for step, _ in steps.most_common() if step in (2, 3, 4, 8)), None)
        return "\t" if tabbed > spaced else " " * (usual or 4)
    language = query.document.language
    if language in _TABBED_LANGUAGES:
        return "\t"
    return " " * (2 if language in _NARROW else 4)


def popup_rest(query: Query) -> str | None:
    """What the item selected in the editor's menu would add at the cursor.

    None when no text inserted at the cursor can extend the selection, because the word left of the cursor is not its
    beginning (menus match loosely: `gn` finds `getName`). Only for queries that have a selection.
    """
    popup = query.popup or ""
    text = query.document.text
    before = text[max(0, query.offset - len(popup)) : query.offset]
    word = _POPUP_WORD.search(before)
    last = word.start() if word else len(before)
    return next((popup[len(before) - start :] for start in range(last + 1) if popup.startswith(before[start:])), None)
