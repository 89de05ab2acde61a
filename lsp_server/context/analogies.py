"""Places that are like the cursor's but for some names: `self.height = height` where `self.width =` is being typed.

Before such a place stand the tokens that stand before the cursor, except that some names or numbers are others, each
the same other one throughout. What follows there can be told with the names exchanged. Knows nothing of files; in
plain Python, so that the interpreter is never held for long.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

import attrs

from lsp_server.context.nearby import KEYWORDS

DEPTH = 40
"""Tokens before the cursor that are compared."""

LEAST = 3
"""Tokens that have to be the same."""

DEPTH_BELOW = 30
"""Tokens below that are compared."""

LEAST_BELOW = 3
"""Of them have to be the same."""

MOST_EXCHANGED = 3
MOST_PLACES = 200
"""Places compared of one text, those nearest to the cursor."""

LONGEST_LINE = 1_000
"""Characters of a line that is compared; longer ones are data, and would be remembered for long."""

SHORTEST_PART = 3
"""Letters of a name's part that is exchanged inside other names, too."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_NAME = re.compile(r"\w+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|_+|.")


@attrs.frozen(eq=False)
class _Line:
    """A line's tokens behind the line end before it, and where in the line each begins and ends."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


@lru_cache(maxsize=20_000)
def _line(text: str) -> _Line:
    """Remembered: from key to key all lines but one stay as they are."""
    found = list(_TOKEN.finditer(text))
    return _Line(
        ("\n", *(each[0] for each in found)),
        (-1, *(each.start() for each in found)),
        (0, *(each.end() for each in found)),
    )


class Tokens:
    """A text's tokens, one `\n` for each run of line ends between them, and where they stand."""

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self._lines: list[_Line] = []
        self._offsets: list[int] = []
        self._numbers: list[int] = []
        offset = 0
        for number, content in enumerate(text.split("\n")):
            line = _line(content) if len(content) <= LONGEST_LINE else None
            if line is not None and len(line.words) > 1:
                self._lines.append(line)
                self._offsets.append(offset)
                self._numbers.append(len(self.words) if number else -1)
                self.words.extend(line.words if number else line.words[1:])
            offset += len(content) + 1

    def start(self, number: int) -> int:
        """Where a token begins, in characters."""
        line = bisect_right(self._numbers, number) - 1
        return self._offsets[line] + self._lines[line].starts[number - self._numbers[line]]

    def end(self, number: int) -> int:
        line = bisect_right(self._numbers, number) - 1
        return self._offsets[line] + self._lines[line].ends[number - self._numbers[line]]


@attrs.frozen
class Alike:
    """One such place. number: how many of the text's tokens stand before it. same: tokens that are the same. names:
    each name there, and what it is here, those included that are the same. exchanged: how many are not."""

    number: int
    same: int
    names: Mapping[str, str]
    exchanged: int


def alike(sought: Sequence[str], text: Tokens, *, half: bool, from_start: bool) -> Iterator[Alike]:
    """sought: normal tokens before the cursor. half: the last one is a word that the cursor touches."""
    words, last = text.words, sought[-1]
    before = sought[-2] if len(sought) > 1 else None
    # `number` counts the tokens before a place, so that the last of them is words[number - 1].
    found = set() if half else {at + 1 for at in _occurrences(words, last)}
    if before is not None and (half or _exchangeable(last)):
        following = (at + 1 for at in _occurrences(words, before) if at + 1 < len(words))
        found.update(at + 1 for at in following if (words[at].startswith(last) if half else _exchangeable(words[at])))
    ordered = sorted(found)
    for number in ordered[:MOST_PLACES] if from_start else ordered[-MOST_PLACES:]:
        compared = _compared(sought, words, number, half=half)
        if compared is not None:
            yield compared


def _occurrences(words: list[str], word: str) -> Iterator[int]:
    at = -1
    with suppress(ValueError):
        while True:
            at = words.index(word, at + 1)
            yield at


def _compared(sought: Sequence[str], words: Sequence[str], number: int, *, half: bool) -> Alike | None:
    # Half a word says nothing of what it is called elsewhere.
    backwards = range(1 + half, min(DEPTH, len(sought), number) + 1)
    same, exchanged, names = _aligned(((sought[-back], words[number - back]) for back in backwards), {})
    same += half
    return Alike(number, same, names, exchanged) if same >= LEAST else None


def onward(names: Mapping[str, str], sought: Sequence[str], there: Sequence[str]) -> Alike | None:
    """The same looking forward: what stands below a place's line is like what stands below the cursor's, once more
    names are exchanged than those that are known from above. None where no more are, or too little is the same.

    sought, there: normal tokens below the cursor's line and below the place's.
    """
    same, exchanged, known = _aligned(zip(sought[:DEPTH_BELOW], there, strict=False), names)
    return Alike(0, same, known, exchanged) if exchanged and same >= LEAST_BELOW else None


def _aligned(pairs: Iterable[tuple[str, str]], known: Mapping[str, str]) -> tuple[int, int, dict[str, str]]:
    """How far tokens here and there go together: how many are the same, how many names have to be exchanged, and all
    names, those included that are known."""
    names, taken = dict(known), {ours: theirs for theirs, ours in known.items()}
    same = exchanged = 0
    for ours, theirs in pairs:
        if not _exchangeable(ours) or not _exchangeable(theirs):
            if ours != theirs:
                break
            same += 1
            continue
        if names.get(theirs, ours) != ours or taken.get(ours, theirs) != theirs:
            break
        if ours == theirs:
            same += 1
        elif theirs not in names:
            if exchanged == MOST_EXCHANGED or ours.isdigit() != theirs.isdigit():
                break
            exchanged += 1
        names[theirs], taken[ours] = ours, theirs
    return same, exchanged, names


def mentions(text: str, names: Mapping[str, str]) -> bool:
    """Whether a text has a name that is to be exchanged, as a whole."""
    return any(names.get(name, name) != name for name in _NAME.findall(text))


def renamed(text: str, names: Mapping[str, str]) -> str:
    """With every name exchanged that is known, also as a part of other names."""
    whole = {theirs: ours for theirs, ours in names.items() if theirs != ours}
    if not whole:
        return text
    parts = _parts(whole)

    def exchange(found: re.Match[str]) -> str:
        name = found[0]
        if name in names or not _exchangeable(name):
            return names.get(name, name)
        for theirs, ours in parts.items():
            if theirs in name and (exchanged := _with_part(name, theirs, ours)) != name:
                return exchanged
        return name

    return _NAME.sub(exchange, text)


def _parts(names: Mapping[str, str]) -> dict[str, str]:
    """What is exchanged inside of other names: the names themselves and that part in which they differ, as it is
    written there, with a capital, in capitals and without; the longest first."""
    found: dict[str, str] = {}
    for theirs, ours in names.items():
        for one, other in ((theirs, ours), _difference(theirs, ours)):
            if min(len(one), len(other)) >= SHORTEST_PART and not one.isdigit():
                for form in (str, _capital, str.upper, str.lower):
                    found.setdefault(form(one), form(other))
                found[one] = other
    return dict(sorted(found.items(), key=lambda entry: -len(entry[0])))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _with_part(name: str, theirs: str, ours: str) -> str:
    """A name with one of its parts exchanged, where that is not the end or the beginning of another word in it."""
    parts, wanted = _PARTS.findall(name), _PARTS.findall(theirs)
    for at in range(len(parts) - len(wanted) + 1):
        if parts[at : at + len(wanted)] == wanted:
            parts[at : at + len(wanted)] = [ours]
            break
    return "".join(parts)


def _difference(one: str, other: str) -> tuple[str, str]:
    """The parts in the middle of two names that are not the same, between what both begin and end with."""
    left, right = _PARTS.findall(one), _PARTS.findall(other)
    begin = 0
    while begin < min(len(left), len(right)) and left[begin] == right[begin]:
        begin += 1
    end = 0
    while end < min(len(left), len(right)) - begin and left[-1 - end] == right[-1 - end]:
        end += 1
    return "".join(left[begin : len(left) - end]), "".join(right[begin : len(right) - end])


@lru_cache(maxsize=20_000)
def _exchangeable(word: str) -> bool:
    """Whether a word is a name or a number, not a word of the language."""
    return (word[0].isalnum() or word[0] == "_") and word not in KEYWORDS and word != "cls"
