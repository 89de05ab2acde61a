"""Texts and their replacements: applying, joining, showing as a diff, and the habits of a file. Knows no language."""

import difflib
import re
from collections.abc import Iterable, Sequence

from lsp_server.actions.values import Replacement
from lsp_server.text import Span

_END_OF_LINE = re.compile(r"\r\n|\n|\r")
_INDENTATION = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def applied(text: str, edits: Sequence[Replacement]) -> str:
    """The text after all edits, which stand in order and do not overlap; their spans are of `text`."""
    parts, at = [], 0
    for edit in edits:
        if edit.span.start < at:
            raise ValueError("The edits overlap or are out of order.")
        parts += [text[at : edit.span.start], edit.text]
        at = edit.span.end
    return "".join([*parts, text[at:]])


def joined(edits: Iterable[Replacement]) -> tuple[Replacement, ...]:
    """In order, with those that touch made one: editors differ in how they take an insertion where another begins."""
    result: list[Replacement] = []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        if result and result[-1].span.end == edit.span.start:
            last = result.pop()
            edit = Replacement(Span(last.span.start, edit.span.end), last.text + edit.text)
        result.append(edit)
    return tuple(result)


def line_end(text: str) -> str:
    """What ends the text's first line; `\\n` where there is only one line."""
    found = _END_OF_LINE.search(text)
    return found[0] if found is not None else "\n"


def indentation_at(text: str, offset: int) -> str:
    """The white space that begins the line of `offset`."""
    start = line_start(text, offset)
    end = start
    while end < len(text) and text[end] in " \t\f":
        end += 1
    return text[start:end]


def line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def indentation_unit(text: str) -> str:
    """One step of this file's indentation: a tab, or as many blanks as its least indented line has; else four."""
    found = _INDENTATION.findall(text)
    if not found:
        return "    "
    return (
        "\t" if found[0][0] == "\t" else min((blank for blank in found if "\t" not in blank), key=len, default="    ")
    )


def diff(before: str, after: str, name: str) -> str:
    """A unified diff with three lines around; lines keep their own ends. Empty where nothing changes."""
    old, new = ([line for line in re.split(r"(?<=\n)", text) if line] for text in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
