"""Runs of tokens: what one is, and where a text holds it. Knows nothing of files, cursors or what follows a run.

A token is a word, a number, one mark of punctuation or a line's end with the blank lines after it. Other white space
is none.

A call of `re` or `str` keeps the interpreter until it returns, and the event loop waits for it. So nothing here hands
them more than a section of a text at once, and no pattern begins with what can be arbitrarily long: from each line end
of a blank run, or each letter of a long word, it would run to the end again.
"""

import re
from functools import cached_property
from itertools import pairwise

SECTION = 16_000
"""Characters searched by one call: at most 1 ms where every character may begin a run, 0.04 ms in code."""

REACH = 2_000
"""Characters that a run may stretch over, its white space included; a longer one is not found. Runs that overlap each
other over more may be paired otherwise than from the text's beginning."""

_NEAR = 100
"""Characters that mostly hold as many tokens as agree."""

_FAR = 400
"""Characters in which tokens are compared at most."""

_HEAD = 8
"""Characters of a word before it is asked whether it is the end of a longer one."""

_TOKEN = re.compile(r"\n\s*|\w+|[^\w\s]")
_WORD = re.compile(r"\w+")


def tokens_of(text: str) -> list[str]:
    """All tokens as they stand there: a line's end with its white space, what is cut at either side as it is cut."""
    return _TOKEN.findall(text)


def normal(token: str) -> str:
    """By what tokens are compared: all line ends are one."""
    return "\n" if token[0] == "\n" else token


def is_word(token: str) -> bool:
    return _WORD.match(token) is not None


def agreeing(tokens: tuple[str, ...], text: str, position: int) -> int:
    """How many of these tokens, the last first, stand before this position of a text."""
    length = 0
    for reach in (_NEAR, _FAR):
        start = max(0, position - reach)
        there = _TOKEN.findall(text, start, position)
        if start:
            there = there[1:]  # may be half a token
        length = 0
        for ours, theirs in zip(reversed(tokens), reversed(there), strict=False):
            if ours != normal(theirs):
                return length
            length += 1
        if length == len(tokens):
            break
    return length


class Search:
    """The search for one run of normal tokens, of which one at least is no line's end. The last may go on in the text.

    spaced: what follows the run is told without white space in front, and the last token does not go on.
    """

    def __init__(self, tokens: tuple[str, ...], *, spaced: bool) -> None:
        self._tokens = tokens
        self._spaced = spaced
        # Mostly the rarest. Finding it is many times cheaper than the pattern.
        self._longest = max((token for token in tokens if token != "\n"), key=len)

    def ends(self, text: str, most: int, *, from_start: bool) -> list[int]:
        """Where the text goes on after the run, ascending: the first `most` positions or the last.

        Of runs that overlap, the one that begins first counts."""
        found: list[int] = []
        sections = range(0, len(text), SECTION)
        for start in sections if from_start else reversed(sections):
            there = self._ends(text, start, start + SECTION)
            found = found + there if from_start else there + found
            if len(found) >= most:
                break
        return found[:most] if from_start else found[-most:]

    def _ends(self, text: str, start: int, stop: int) -> list[int]:
        """Of the runs that begin from `start` to before `stop`. Looks further back only to pair what overlaps."""
        last = stop + REACH
        if text.find(self._longest, start, last) < 0:
            return []
        return [
            found.end()
            for found in self._pattern.finditer(text, max(0, start - REACH), last)
            # A run that `last` has cut off is longer than REACH, too.
            if start <= found.start() < stop and found.end() - found.start() < REACH
        ]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        said = [_first(self._tokens[0])]
        for left, right in pairwise(self._tokens):
            if left != "\n":
                said.append(r"[^\S\n]+" if is_word(left) and is_word(right) else r"[^\S\n]*")
            said.append(r"\n\s*" if right == "\n" else re.escape(right))
        if self._spaced and self._tokens[-1] != "\n":
            said.append(r"(?!\w)[^\S\n]*" if is_word(self._tokens[-1]) else r"[^\S\n]*")
        return re.compile("".join(said))


def _first(token: str) -> str:
    if token == "\n":
        return r"\n[^\S\n]*"  # the last of a blank run
    if not is_word(token):
        return re.escape(token)
    # Looking back comes after some of the word, so that the search is for plain text.
    head, tail = re.escape(token[:_HEAD]), re.escape(token[_HEAD:])
    return rf"{head}(?<!\w{head}){tail}"
