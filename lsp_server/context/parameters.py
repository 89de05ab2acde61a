"""What comes after a line that uses one parameter of its function: the same line with the next parameter.

`self.height = height` under `self.width = width`, in a function of `width, height`. Text in, text out: knows nothing of
files, and of languages only that parameters stand between brackets, with commas between them.
"""

import re
from collections.abc import Iterator, Sequence

from lsp_server.context.analogies import renamed

FARTHEST = 4_000
"""Characters above the cursor in which its function's header is looked for."""

_NAME = re.compile(r"[^\W\d]\w*")
_LAST_NAME = re.compile(r"([^\W\d]\w*)\W*\Z")
_RECEIVERS = frozenset({"self", "cls"})
"""Which every method has; no line goes through them."""

_OPENING, _CLOSING = "([{", ")]}"


def successors(before: str) -> Iterator[str]:
    """Whole lines, without their indentation, that may come after the last finished line of a text, the likeliest
    first.

    before: what stands above the cursor's line, a line end last.
    """
    lines = before[-FARTHEST:].split("\n")[:-1]
    number = next((at for at in range(len(lines) - 1, -1, -1) if lines[at].strip()), None)
    if number is None:
        return
    line = lines[number]
    names = parameters(lines[:number], len(line) - len(line.lstrip()))
    used = set(_NAME.findall(line))
    for at in range(len(names) - 2, -1, -1):
        if names[at] in used - _RECEIVERS and names[at + 1] not in used:
            yield renamed(line.strip(), {names[at]: names[at + 1]})


def parameters(lines: Sequence[str], width: int) -> tuple[str, ...]:
    """Of the innermost function whose body holds a line behind these that begins at column `width`."""
    end = next((at for at in range(len(lines) - 1, -1, -1) if _begins_before(lines[at], width)), None)
    if end is None or ")" not in lines[end]:
        return ()
    text = lines[end]
    while end and sum(map(text.count, _CLOSING)) > sum(map(text.count, _OPENING)):
        end -= 1
        text = f"{lines[end]}\n{text}"
    start = text.find("(")
    return tuple(_names(text[start + 1 :])) if start >= 0 else ()


def _begins_before(line: str, width: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) < width


def _names(text: str) -> Iterator[str]:
    """Of each parameter, to the bracket that closes their list; without types and defaults."""
    depth = begin = 0
    for at, letter in enumerate(text):
        if (letter == "," and not depth) or (letter in _CLOSING and not depth):
            found = _LAST_NAME.search(re.split(r"[:=]", text[begin:at], maxsplit=1)[0])
            if found is not None:
                yield found[1]
            begin = at + 1
            if letter != ",":
                return
        depth += (letter in _OPENING) - (letter in _CLOSING)
