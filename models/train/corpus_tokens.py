"""Text as hashes of lexical tokens and of runs of them: what duplicates, overlaps and origins are recognised by.

A lexical token is a word, a number, one punctuation character or a ruler of one of them, so formatting does not matter.
Positions are in tokens. Nothing here decides anything.
"""

import hashlib
import re
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

TOKEN = re.compile(r"\w+|[-=*#~+_.]{4,}|[^\w\s]")
"""Rulers are one token, or two texts would have a line of dashes in common."""
_HASH_SIGN = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*")
_SLASHES = re.compile(r"(?:\s*(?://[^\n]*\n|/\*.*?\*/))*", re.DOTALL)
_HASH_SIGN_SUFFIXES = {".py", ".pyi", ".sh", ".rb", ".toml", ".txt", ".md"}
_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
_TABLE_LIMIT = 1_000_000


class _Table(dict[str, int]):
    """The hash of every token met, 64 bits of BLAKE2b."""

    def __missing__(self, token: str) -> int:
        value = int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        self[token] = value
        return value


_table = _Table()
_powers = [np.ones(1, np.uint64), np.ones(1, np.uint64)]


def without_header(text: str, path: str) -> str:
    """The text after its leading comments: licence headers are everybody's."""
    pattern = _HASH_SIGN if PurePosixPath(path).suffix in _HASH_SIGN_SUFFIXES else _SLASHES
    found = pattern.match(text)
    return text[found.end() :] if found is not None else text


def token_hashes(text: str) -> Hashes:
    """One hash for each lexical token of the text."""
    if len(_table) > _TABLE_LIMIT:
        _table.clear()
    tokens = TOKEN.findall(text)
    return np.fromiter(map(_table.__getitem__, tokens), np.uint64, len(tokens))


def run_hashes(tokens: Hashes, length: int) -> Hashes:
    """One hash for each run of `length` consecutive tokens, by the position of its first; empty for a short text.

    The run that begins at i has the value of the sum of tokens[i + j] * BASE**j, then mixed.
    """
    count = len(tokens) - length + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    powers, inverses = _powers_up_to(len(tokens) + 1)
    sums = np.zeros(len(tokens) + 1, np.uint64)
    np.cumsum(tokens * powers[: len(tokens)], out=sums[1:])
    return mixed((sums[length:] - sums[:count]) * inverses[:count])


def mixed(values: Hashes) -> Hashes:
    """Every bit of the value spread over all 64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _powers_up_to(count: int) -> tuple[Hashes, Hashes]:
    if len(_powers[0]) < count:
        size = max(count, 2 * len(_powers[0]))
        for place, base in enumerate((_BASE, pow(_BASE, -1, 1 << 64))):
            steps = np.full(size, base, np.uint64)
            steps[0] = 1
            _powers[place] = np.cumprod(steps, dtype=np.uint64)
    return _powers[0], _powers[1]
