"""What must not be learnt from: the runs of 50 tokens of held-out packages and evaluation data.

Reads any folder of sources, JSON, JSON lines and TOML. Licence files and leading comments do not count.
"""

import gzip
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from models.train.corpus.lexical import Hashes, run_hashes, token_hashes, without_header
from models.train.stage import TrainingError

RUN = 50
"""Consecutive lexical tokens that two texts share by copying, not by chance."""

PASSAGE = 20
"""Consecutive lexical tokens by which a licence text is recognised inside another text."""

_SIEVE_BITS = 28
_LICENCE_FILE = re.compile(r"(licen[cs]e|notice|copying|authors)", re.IGNORECASE)
_MIDDLES = ("groundtruth", "canonical_solution", "middle")
_SUFFIXES = ("right_context", "suffix")


@attrs.frozen(eq=False)
class Excluded:
    """The hashes of runs that must not occur, sorted, and a sieve that lets few others through to the search."""

    runs: Hashes
    sieve: NDArray[np.uint8]

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]], harmless: Iterable[str] = ()) -> "Excluded":
        """From (path, text) pairs; runs that touch a passage of the `harmless` texts (licences) are left out."""
        passages = [run_hashes(token_hashes(text), PASSAGE) for text in harmless]
        known = np.unique(np.concatenate([np.empty(0, np.uint64), *passages]))
        found = [_runs_outside(token_hashes(without_header(text, path)), known) for path, text in texts]
        return cls.from_runs(np.unique(np.concatenate([np.empty(0, np.uint64), *found])))

    @classmethod
    def from_runs(cls, runs: Hashes) -> "Excluded":
        sieve = np.zeros(1 << (_SIEVE_BITS - 3), np.uint8)
        slots = runs >> np.uint64(64 - _SIEVE_BITS)
        np.bitwise_or.at(sieve, slots >> np.uint64(3), (1 << (slots & np.uint64(7))).astype(np.uint8))
        return cls(runs, sieve)

    def overlaps(self, tokens: Hashes) -> bool:
        """Whether a text shares a run with what is excluded."""
        if not len(self.runs):
            return False
        runs = run_hashes(tokens, RUN)
        slots = runs >> np.uint64(64 - _SIEVE_BITS)
        suspects = runs[(self.sieve[slots >> np.uint64(3)] >> (slots & np.uint64(7)).astype(np.uint8)) & 1 == 1]
        return bool(np.any(_among(suspects, self.runs)))


def texts_under(place: Path) -> Iterator[tuple[str, str]]:
    """Every text of a file or folder of evaluation data, with the path it stands for.

    Raises TrainingError where a file cannot be read.
    """
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if not path.is_file() or _LICENCE_FILE.match(path.name):
            continue
        try:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield from _texts(path.name.removesuffix(".gz"), raw.decode("utf-8", "replace"))
        except (OSError, ValueError, EOFError) as error:
            raise TrainingError(
                f"The evaluation data {path.name} cannot be read, so nothing can be kept out by it.",
                "Repair the file, or name other folders with --exclude.",
            ) from error


def _runs_outside(tokens: Hashes, known: Hashes) -> Hashes:
    """The runs without those that touch a passage whose hash is known."""
    touched = np.zeros(len(tokens) + 1, np.int64)
    begins = np.flatnonzero(_among(run_hashes(tokens, PASSAGE), known))
    np.add.at(touched, begins, 1)
    np.add.at(touched, begins + PASSAGE, -1)
    inside = np.concatenate([[0], np.cumsum(np.cumsum(touched) > 0)])
    runs = run_hashes(tokens, RUN)
    outside: Hashes = runs[inside[RUN : RUN + len(runs)] == inside[: len(runs)]]
    return outside


def _among(values: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which values are in the sorted ones."""
    if not len(known):
        return np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == values
    return found


def _texts(name: str, text: str) -> Iterator[tuple[str, str]]:
    suffix = Path(name).suffix
    if suffix == ".jsonl":
        for line in text.splitlines():
            yield from _strings(json.loads(line)) if line.strip() else ()
    elif suffix == ".json":
        yield from _strings(json.loads(text))
    elif suffix == ".toml":
        yield from _strings(tomllib.loads(text))
    else:
        yield name, text


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """Every string inside, and the pieces of a hole joined: a run may cross the cursor."""
    if isinstance(value, str):
        yield "", value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
        if isinstance(value.get("prompt"), str):
            pieces = [value["prompt"]]
            for keys in (_MIDDLES, _SUFFIXES):
                pieces += [value[key] for key in keys if isinstance(value.get(key), str)][:1]
            yield "", "".join(pieces)
