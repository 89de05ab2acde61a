"""What stands behind a position of a text, told as it would have to stand at the cursor: its lines, indented anew.

Text in, text out: knows nothing of where texts come from, or why a position was chosen.
"""

import re

import attrs

LONGEST_LINE = 200
"""Characters of a line that are told; longer ones are data."""

_WINDOW = 3_000
"""Characters in which the line above lies."""

_BLANK = re.compile(r"\s*")


@attrs.frozen
class Layout:
    """How the cursor's line begins. indentation: as far as it is typed. above: that of the line above that is not
    blank. begins_line: nothing else is typed yet."""

    indentation: str
    above: str
    begins_line: bool


@attrs.frozen
class Told:
    """Text as it is told at the cursor, and where in its source it ends."""

    text: str
    end: int


def told(text: str, position: int, layout: Layout, *, lines: int) -> Told | None:
    """What follows a position, at most `lines` lines of it, indented as it has to be at the cursor; None where the
    indentation contradicts."""
    there = indentation(text, position)
    here = layout.indentation
    lead = ""
    if layout.begins_line:
        if position == len(text):
            return None  # the cursor itself, or the end of a piece, which is not the end of its file
        expected = _moved(layout.above, above(text, position), there)
        if expected is None or not expected.startswith(here):
            return None
        here, lead = expected, expected[len(here) :]
    taken: list[str] = []
    start = position
    while len(taken) < lines and start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].rstrip()
        if taken and line:
            if not line.startswith(there):
                break
            line = here + line[len(there) :]
        if len(line) > LONGEST_LINE:
            return Told(lead + "".join(taken) + line[:LONGEST_LINE], end)
        taken.append(f"{line}\n")
        start = end + 1
    while len(taken) > 1 and taken[-1] == "\n":
        taken.pop()
    return Told(lead + "".join(taken) if taken else "\n", start)


def _moved(above_here: str, above_there: str, there: str) -> str | None:
    """The indentation that is to the line above as `there` is to the line above it; None where units differ."""
    if there.startswith(above_there):
        return above_here + there[len(above_there) :]
    surplus = above_there.removeprefix(there)
    return above_here.removesuffix(surplus) if above_here.endswith(surplus) else None


def indentation(text: str, position: int) -> str:
    """Of the line that holds a position, as far as it stands before it."""
    start = text.rfind("\n", 0, position) + 1
    blank = _BLANK.match(text, start, position)
    return blank[0] if blank is not None else ""


def above(text: str, position: int) -> str:
    """Indentation of the nearest line above the one that holds a position which is not blank."""
    start = max(0, position - _WINDOW)
    lines = text[start : text.rfind("\n", 0, position) + 1].rstrip()
    return indentation(lines, len(lines))
