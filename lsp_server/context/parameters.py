"""What comes after a line that uses one parameter of its function: the same line with the next parameter.

`self.height = height` under `self.width = width`, in a function of `width, height`. Text in, text out: knows nothing of
files, and of languages only that parameters stand between brackets, with commas between them.
"""

import re
from collections.abc import Iterator, Sequence

from lsp_server.context.analogies import renamed
from lsp_server.context.telling import LONGEST_LINE

FARTHEST = 4_000
"""Characters above the cursor in which its function's header is looked for."""

_NAME = re.compile(r"[^\W\d]\w*")
_HEAD = 80
"""Characters in which a header says what it is."""

_FUNCTION = frozenset({"def", "fn", "fun", "func", "function"})
_CONTROL = frozenset({"if", "else", "for", "foreach", "while", "switch", "catch", "with", "match", "using", "lock"})
"""Words that begin a header in braces which is no function's."""

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
    if len(line) > LONGEST_LINE:
        return
    names = parameters(lines[:number], len(line) - len(line.lstrip()))
    used = set(_NAME.findall(line))
    for at in range(len(names) - 2, -1, -1):
        if names[at] in used - _RECEIVERS and names[at + 1] not in used:
            yield renamed(line.strip(), {names[at]: names[at + 1]})


def parameters(lines: Sequence[str], width: int) -> tuple[str, ...]:
    """Of the innermost function whose body holds a line behind these that begins at column `width`."""
    end = len(lines)
    while True:
        end = next((at for at in range(end - 1, -1, -1) if lines[at].strip() and _width(lines[at]) < width), -1)
        if end < 0:
            return ()
        text = lines[end]
        while end and sum(map(text.count, _CLOSING)) > sum(map(text.count, _OPENING)):
            end -= 1
            text = f"{lines[end]}\n{text}"
        width = _width(lines[end])
        words = _NAME.findall(text[:_HEAD])
        if "class" in words[:4]:
            return ()
        braced = text.rstrip().endswith("{") and _CONTROL.isdisjoint(words[:2])
        if "(" in text and (braced or not _FUNCTION.isdisjoint(words[:4])):
            return tuple(_names(text[text.index("(") + 1 :]))


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _names(text: str) -> Iterator[str]:
    """Of each parameter, to the bracket that closes their list; without types and defaults."""
    depth = begin = 0
    for at, letter in enumerate(text):
        if (letter == "," or letter in _CLOSING) and not depth:
            found = _NAME.findall(re.split(r"[:=]", text[begin:at], maxsplit=1)[0])
            if found:
                yield found[-1]
            begin = at + 1
            if letter != ",":
                return
        depth += (letter in _OPENING) - (letter in _CLOSING)
