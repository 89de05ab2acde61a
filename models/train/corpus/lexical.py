"""Text as hashes of lexical tokens and of runs of them: what duplicates and overlaps are recognised by.

The hashes are the product's own (`modelstore/provenance.py`), so that the fingerprint names what the corpus held.
Nothing here decides anything.
"""

import re
from pathlib import PurePosixPath

import numpy as np

from lsp_server.modelstore.provenance import TOKEN, Hashes, run_hashes, token_hash

__all__ = ["Hashes", "run_hashes", "token_hashes", "without_header"]

_HASH_SIGN = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*")
_SLASHES = re.compile(r"(?:\s*(?://[^\n]*\n|/\*.*?\*/))*", re.DOTALL)
_HASH_SIGN_SUFFIXES = {".py", ".pyi", ".sh", ".rb", ".toml", ".txt", ".md"}
_TABLE_LIMIT = 1_000_000


class _Table(dict[str, int]):
    """The hash of every token met: most tokens come back."""

    def __missing__(self, token: str) -> int:
        value = self[token] = token_hash(token)
        return value


_table = _Table()


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
