"""What the lines of a documentation string document already, and where: sections and the entries in them.

Reads all three styles and judges nothing: an entry for something that does not exist is an entry.
"""

import re
from collections.abc import Sequence

import attrs

from lsp_server.actions import docstring_styles as styles
from lsp_server.actions.docstring_styles import SectionKind, StyleName

_NAME = r"\\?\*{0,2}\\?\*{0,2}[^\W\d][\w.]*"
_GOOGLE_ENTRY = re.compile(rf"(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*(?:\(.*\))?\s*:(?:\s|$)")
_NUMPY_ENTRY = re.compile(rf"(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*(?::.*|\(.*\).*)?$")


@attrs.frozen
class Entry:
    """One described thing: lines `first` to `end` (exclusive), `names` without stars, exceptions with their dots."""

    names: tuple[str, ...]
    first: int
    end: int


@attrs.frozen
class Section:
    """Lines `first` (its heading) to `end` (exclusive), blank lines at its end left out. indent: of its entries.

    The fields of the Sphinx style have no heading: those of one kind that follow each other make one section.
    """

    kind: SectionKind
    first: int
    end: int
    indent: str
    entries: tuple[Entry, ...] = ()


@attrs.frozen
class Reading:
    """style: the one its sections are written in, None where it has none. epytext: `@param`, which is none of ours."""

    style: StyleName | None
    sections: tuple[Section, ...]
    epytext: bool = False
    summary: str = ""
    """Its first line that is not blank."""

    def names(self, *kinds: SectionKind) -> tuple[str, ...]:
        """What is documented in the sections of these kinds, in order."""
        entries = (entry for section in self.sections if section.kind in kinds for entry in section.entries)
        return tuple(name for entry in entries for name in entry.names)

    def has(self, kind: SectionKind) -> bool:
        return any(section.kind == kind for section in self.sections)


def read(lines: Sequence[str], margin: str) -> Reading:
    """`lines` as in `docstring.Docstring`; `margin` is the indentation of the text."""
    text = "\n".join(lines)
    style = styles.style_of(text)
    summary = next((line.strip() for line in lines if line.strip(" \t\\")), "")
    epytext = re.search(r"^\s*@(param|return|raise|type)\b", text, re.MULTILINE) is not None
    if style is None:
        return Reading(None, (), epytext, summary)
    sections = _fields(lines, margin) if style == "sphinx" else _sections(lines, margin, style)
    return Reading(style, tuple(sections), epytext, summary)


def indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _sections(lines: Sequence[str], margin: str, style: StyleName) -> list[Section]:
    starts: list[tuple[int, SectionKind]] = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else None
        if number == 0 or indent_of(line) == margin:
            kind = styles.heading(line, below, style)
            if kind is not None:
                starts.append((number, kind))
    found = []
    for position, (first, kind) in enumerate(starts):
        limit = starts[position + 1][0] if position + 1 < len(starts) else len(lines)
        body = first + (2 if style == "numpy" else 1)
        end = limit
        if style == "google":
            outside = (
                row for row in range(body, limit) if lines[row].strip() and len(indent_of(lines[row])) <= len(margin)
            )
            end = next(outside, limit)
        end = _trimmed(lines, body, end)
        indent = next((indent_of(line) for line in lines[body:end] if line.strip()), margin)
        entries = _entries(lines, body, end, indent, style) if kind not in ("returns", "yields", "other") else ()
        found.append(Section(kind, first, end, indent, entries))
    return found


def _entries(lines: Sequence[str], body: int, end: int, indent: str, style: StyleName) -> tuple[Entry, ...]:
    pattern = _GOOGLE_ENTRY if style == "google" else _NUMPY_ENTRY
    starts = [
        (row, found)
        for row in range(body, end)
        if indent_of(lines[row]) == indent and (found := pattern.match(lines[row].strip()))
    ]
    limits = [row for row, _ in starts[1:]] + [end] * bool(starts)
    return tuple(
        Entry(tuple(map(_bare, found["names"].split(","))), row, _trimmed(lines, row + 1, limit))
        for (row, found), limit in zip(starts, limits, strict=True)
    )


def _fields(lines: Sequence[str], margin: str) -> list[Section]:
    found: list[Section] = []
    row = 0
    while row < len(lines):
        known = styles.field(lines[row])
        if known is None:
            row += 1
            continue
        kind, field, name = known
        indent = indent_of(lines[row]) if row else margin
        end = row + 1
        while end < len(lines) and (not lines[end].strip() or len(indent_of(lines[end])) > len(indent)):
            end += 1
        end = _trimmed(lines, row + 1, end)
        entry = Entry((_bare(name),) if name else (), row, end)
        last = found[-1] if found else None
        if last is not None and last.kind == kind and not any(line.strip() for line in lines[last.end : row]):
            entries = last.entries
            if field in ("type", "vartype") and entries and entry.names == entries[-1].names:
                entries = (*entries[:-1], attrs.evolve(entries[-1], end=end))
            else:
                entries = (*entries, entry)
            found[-1] = attrs.evolve(last, end=end, entries=entries)
        else:
            found.append(Section(kind, row, end, indent, (entry,)))
        row = end
    return found


def _trimmed(lines: Sequence[str], first: int, end: int) -> int:
    while end > first and not lines[end - 1].strip():
        end -= 1
    return end


def _bare(name: str) -> str:
    return name.strip().replace("\\", "").lstrip("*")
