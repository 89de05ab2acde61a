"""All Python files of one repository as one row of tokens, sorted so that what stood before a cursor is found at once.

For the baselines without a model. Reads the files as they are on disk; whoever asks about a hole leaves its own file
out and reads that from the document without the hole instead.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np

NEWLINE = 0
"""The token that stands for one line end, and for several with only white space between."""

DEPTH = 16
"""Tokens to the left that are compared."""

_TOKEN = re.compile(r"[ \t]*(?:(\n)\s*\n(?=[ \t]*)|(\n)|(\w+)|(\S))")
_LARGEST_FILE = 500_000


@attrs.frozen(eq=False)
class Tokens:
    """One text. `starts` and `ends` are offsets without the white space before a token."""

    text: str
    ids: "np.ndarray[tuple[int], np.dtype[np.int32]]"
    starts: "np.ndarray[tuple[int], np.dtype[np.int32]]"
    ends: "np.ndarray[tuple[int], np.dtype[np.int32]]"

    def __len__(self) -> int:
        return len(self.ids)


class Words:
    """Numbers for token texts; unknown ones get new numbers."""

    def __init__(self) -> None:
        self._ids = {"\n": NEWLINE}
        self.texts = ["\n"]

    def id(self, text: str) -> int:
        known = self._ids.get(text)
        if known is None:
            known = self._ids[text] = len(self.texts)
            self.texts.append(text)
        return known

    def tokens(self, text: str) -> Tokens:
        """A row begins with a line end, so that the first line has a beginning too."""
        ids, starts, ends = [NEWLINE], [0], [0]
        for match in _TOKEN.finditer(text):
            if match.group(1) or match.group(2):
                if ids[-1] == NEWLINE:
                    ends[-1] = match.end()
                    continue
                ids.append(NEWLINE)
                starts.append(match.start(1) if match.group(1) else match.start(2))
            else:
                said = match.group(3) or match.group(4)
                ids.append(self.id(said))
                starts.append(match.end() - len(said))
            ends.append(match.end())
        return Tokens(text, *(np.asarray(row, np.int32) for row in (ids, starts, ends)))


Positions = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Places in the row of all files, each of the first token after what matched, in ascending order."""


class RepositoryTokens:
    """The tokens of all files in one row, and the positions sorted by the tokens before them, nearest first."""

    def __init__(self, repository: Path) -> None:
        self.words = Words()
        self.files: list[tuple[str, Tokens]] = [
            (path.relative_to(repository).as_posix(), self.words.tokens(text)) for path, text in _texts(repository)
        ]
        rows = [tokens.ids for _, tokens in self.files]
        self.first = np.cumsum([0, *(len(row) for row in rows)])
        self.ids = np.concatenate([*rows, np.zeros(1, np.int32)])
        # columns[k] is the token k + 1 places to the left; lexsort's last key is the first to decide.
        padded = np.concatenate([np.full(DEPTH, -1, np.int32), self.ids])
        columns = [padded[DEPTH - 1 - back : len(padded) - 1 - back] for back in range(DEPTH)]
        self._order = np.lexsort(columns[::-1])
        self._columns = [column[self._order] for column in columns]

    def after(self, context: Sequence[int], *, leaving_out: str, least: int = 1) -> Iterator[tuple[int, Positions]]:
        """Every place outside the file `leaving_out` that the end of `context` stands before, for each length of that
        end from the longest that occurs down to `least`: (length, places)."""
        spans: list[tuple[int, int]] = []
        low, high = 0, len(self._order)
        for back in range(min(DEPTH, len(context))):
            column = self._columns[back][low:high]
            wanted = context[-1 - back]
            low, high = low + int(np.searchsorted(column, wanted)), low + int(np.searchsorted(column, wanted, "right"))
            if low == high:
                break
            spans.append((low, high))
        own = self._own(leaving_out)
        for length in range(len(spans), least - 1, -1):
            low, high = spans[length - 1]
            found = np.sort(self._order[low:high])
            found = found[(found < own[0]) | (found >= own[1])]
            if len(found):
                yield length, found

    def place(self, position: int) -> tuple[Tokens, int]:
        """The file of a position of the whole row, and the position within it."""
        file = int(np.searchsorted(self.first, position, "right")) - 1
        file = min(file, len(self.files) - 1)
        return self.files[file][1], position - int(self.first[file])

    def by_file(self, positions: Positions) -> list[tuple[Tokens, list[int]]]:
        """The positions grouped by their file, as positions within it."""
        numbers = np.minimum(np.searchsorted(self.first, positions, "right") - 1, len(self.files) - 1)
        grouped: dict[int, list[int]] = {}
        for number, position in zip(numbers.tolist(), positions.tolist(), strict=True):
            grouped.setdefault(number, []).append(position - int(self.first[number]))
        return [(self.files[number][1], places) for number, places in grouped.items()]

    def _own(self, path: str) -> tuple[int, int]:
        for number, (name, _) in enumerate(self.files):
            if name == path:
                return int(self.first[number]), int(self.first[number + 1])
        return -1, -1


def _texts(repository: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(repository.rglob("*.py")):
        if path.stat().st_size <= _LARGEST_FILE:
            yield path, path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
