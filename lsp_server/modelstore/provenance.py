"""Names the training files' packages that a text repeats, from the fingerprint shipped beside the embedded model.

Works offline on hashes: the fingerprint holds no source text, and only the text that is asked about is read.

A text is read as *lexical tokens*: words, numbers, single punctuation characters, and rulers (`-----`) as one, so white
space and line breaks do not matter. They are not the model's tokens, which cut long words and take indentation along;
in Python a lexical token is about 1.3 of the embedded model's tokens. By winnowing (Schleimer, Wilkerson and Aiken,
2003), of the hashes of all runs of 20 tokens the smallest of every 21 neighbours is kept, in the training text and in
the text that is asked about alike: whatever repeats 40 tokens or more has at least one in common, whatever repeats
fewer than 20 has none but by chance. Runs that occur in many packages are left out, for they tell nothing about origin.
"""

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from lsp_server.errors import ServerError

Hashes = NDArray[np.uint64]

TOKEN = re.compile(r"\w+|[-=*#~+_.]{4,}|[^\w\s]")
"""Rulers are one token, or two texts would have a line of dashes in common."""

RUN = 20
"""Tokens of the runs that are hashed."""
WINDOW = 21
"""Neighbouring runs of which one is kept: a repetition of RUN + WINDOW - 1 tokens is always found."""

FILE = "fingerprint.bin"
FORMAT = 1
HIGH_BITS = 20
LOW_BITS = 13
"""A stored hash has 33 bits: 20 by its place in a table of counts, 13 as a number."""

_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64


@attrs.frozen
class Origin:
    """A package of the training text, and the tokens of the asked text that it shares."""

    kind: str
    name: str
    version: str
    licence: str
    start: int
    """Offset of the first shared character."""
    end: int
    runs: int
    """How many kept hashes are shared: one for about 11 repeated tokens."""


@attrs.frozen(eq=False)
class Fingerprint:
    """Kept hashes of the training text, sorted, with the package of each; a hash has a row per package."""

    packages: tuple[tuple[str, str, str, str], ...]
    """(kind, name, version, licence), by number."""
    hashes: Hashes
    """33 bits of each, ascending."""
    owners: NDArray[np.uint16]
    window: int = WINDOW

    @property
    def shortest(self) -> int:
        """Tokens of a repetition that is always found."""
        return RUN + self.window - 1

    def save(self, path: Path) -> None:
        """Writes the file: a zip archive of three arrays and the packages."""
        high = self.hashes >> np.uint64(LOW_BITS)
        counts = np.bincount(high.astype(np.int64), minlength=1 << HIGH_BITS)
        assert len(counts) == 1 << HIGH_BITS
        assert counts.max(initial=0) < 1 << 16
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            stated = {"format": FORMAT, "run": RUN, "window": self.window, "packages": self.packages}
            # One date for every file: equal fingerprints are equal bytes.
            for name, content in (
                ("about.json", json.dumps(stated).encode()),
                ("counts", _bytes(counts)),
                ("low", _bytes(self.hashes & np.uint64((1 << LOW_BITS) - 1))),
                ("owners", _bytes(self.owners)),
            ):
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)

    @classmethod
    def load(cls, path: Path) -> "Fingerprint":
        """Raises ServerError where the file is damaged or of another format."""
        try:
            with zipfile.ZipFile(path) as archive:
                stated = json.loads(archive.read("about.json"))
                if (stated["format"], stated["run"]) != (FORMAT, RUN):
                    raise ValueError("another format")
                counts, low, owners = (_words(archive.read(name)) for name in ("counts", "low", "owners"))
            high = np.repeat(np.arange(1 << HIGH_BITS, dtype=np.uint64), counts)
            if not len(high) == len(low) == len(owners):
                raise ValueError("arrays of different lengths")
            packages = tuple((str(a), str(b), str(c), str(d)) for a, b, c, d in stated["packages"])
            if len(owners) and owners.max() >= len(packages):
                raise ValueError("a package without a name")
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ServerError(
                f"The fingerprint of the training text, {path.name}, cannot be read.", "Install codehearth again."
            ) from error
        return cls(packages, (high << np.uint64(LOW_BITS)) | low, owners, int(stated["window"]))

    def origins(self, text: str) -> list[Origin]:
        """The packages that the text repeats, those with most of it first; [] where it repeats none."""
        found = list(TOKEN.finditer(text))
        tokens = token_hashes(token.group() for token in found)
        runs = run_hashes(tokens, RUN)
        shared: dict[int, list[int]] = {}
        for place in kept(runs, self.window):
            value = stored(runs[place : place + 1])[0]
            first, last = np.searchsorted(self.hashes, [value, value + np.uint64(1)])
            for owner in self.owners[first:last].tolist():
                shared.setdefault(owner, []).append(int(place))
        return [
            Origin(*self.packages[owner], found[places[0]].start(), found[places[-1] + RUN - 1].end(), len(places))
            for owner, places in sorted(shared.items(), key=lambda item: (-len(item[1]), item[0]))
        ]


def shipped(model: Path) -> Fingerprint | None:
    """The fingerprint that lies beside a model, read once; None where there is none.

    Raises ServerError where it is damaged.
    """
    path = model.with_name(FILE)
    return _loaded(path) if path.is_file() else None


def token_hashes(tokens: Iterable[str]) -> Hashes:
    """One hash for each lexical token."""
    return np.fromiter(map(token_hash, tokens), np.uint64)


def token_hash(token: str) -> int:
    """64 bits that depend on nothing but the token."""
    return int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def run_hashes(tokens: Hashes, length: int) -> Hashes:
    """One hash for each run of `length` consecutive tokens, by the position of its first; empty for a short text.

    The run that begins at i has the value of the sum of tokens[i + j] * BASE**j modulo 2**64, then mixed.
    """
    count = len(tokens) - length + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    powers, inverses = _powers(1 << len(tokens).bit_length())
    sums = np.zeros(len(tokens) + 1, np.uint64)
    np.cumsum(tokens * powers[: len(tokens)], out=sums[1:])
    return mixed((sums[length:] - sums[:count]) * inverses[:count])


def mixed(values: Hashes) -> Hashes:
    """Every bit of the value spread over all 64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def kept(runs: Hashes, window: int) -> NDArray[np.int64]:
    """The places of the smallest of every `window` neighbours, ascending; of a shorter text none."""
    if len(runs) < window:
        return np.empty(0, np.int64)
    smallest = np.lib.stride_tricks.sliding_window_view(runs, window).argmin(axis=1)
    return np.unique(smallest + np.arange(len(smallest)))


def stored(runs: Hashes) -> Hashes:
    """What a fingerprint holds of hashes: 33 bits, mixed once more, because kept hashes are small ones."""
    return mixed(runs) >> np.uint64(64 - HIGH_BITS - LOW_BITS)


def _bytes(numbers: NDArray[Any]) -> bytes:
    return numbers.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()


def _words(content: bytes) -> NDArray[np.uint16]:
    """Numbers of 16 bits that were written as all lower bytes, then all upper ones: that compresses."""
    return np.ascontiguousarray(np.frombuffer(content, np.uint8).reshape(2, -1).T).view("<u2").reshape(-1)


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The first powers of BASE and of its inverse, modulo 2**64."""
    powers, inverses = np.full(count, _BASE, np.uint64), np.full(count, pow(_BASE, -1, 1 << 64), np.uint64)
    powers[0] = inverses[0] = 1
    return np.cumprod(powers), np.cumprod(inverses)


@cache
def _loaded(path: Path) -> Fingerprint:
    return Fingerprint.load(path)
