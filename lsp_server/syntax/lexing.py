"""What a tree cannot say: whether a cursor stands in a string literal that was never closed. Knows no trees."""

import re
from functools import cache

from lsp_server.syntax.languages import Language

_OPENER = re.compile(r"([A-Za-z$@]*)(\"\"\"|'''|\"|'|`)")


def within(language: Language, text: str, opener: int, offset: int) -> bool:
    """Does the string literal that opens at `opener` still go on at `offset`? Code in an interpolation does not count.

    False where `opener` is not the start of a string literal.
    """
    start = _OPENER.match(text, opener)
    if start is None or start.end() > offset:
        return False
    quote = start.group(2)
    many_lines = len(quote) == 3 or quote == "`"
    inner = language.interpolation if re.fullmatch(language.interpolates, start.group().lower()) else None
    special = _special(quote, inner)
    position = start.end()
    while found := special.search(text, position, offset):
        position = found.end()
        token = found.group()
        if token == quote or (token in "\r\n" and not many_lines):
            return False
        if inner is not None and token == inner[0]:
            end = _end_of_code(inner[1], text, position, offset)
            if end is None:
                return False
            position = end
    return True


def closing(text: str, opener: int) -> str:
    """The text that closes the string literal which opens at `opener`."""
    start = _OPENER.match(text, opener)
    return start.group(2) if start else ""


@cache
def _special(quote: str, inner: tuple[str, str] | None) -> re.Pattern[str]:
    code = ""
    if inner is not None:
        opening = re.escape(inner[0])
        code = rf"|{opening}{opening}|{opening}" if inner[0] == "{" else rf"|{opening}"
    # The interpolation first: Swift's opens with a backslash.
    return re.compile(rf"{code.removeprefix('|')}{'|' if code else ''}\\.|{re.escape(quote)}|[\r\n]", re.DOTALL)


_BRACKETS = {"}": re.compile(r"[{}]"), ")": re.compile(r"[()]")}


def _end_of_code(closer: str, text: str, position: int, offset: int) -> int | None:
    """Just after the bracket that closes an interpolation, or `None` where the cursor comes first."""
    depth = 1
    for brace in _BRACKETS[closer].finditer(text, position, offset):
        depth += -1 if brace.group() == closer else 1
        if depth == 0:
            return brace.end()
    return None
