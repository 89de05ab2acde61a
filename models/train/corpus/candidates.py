"""One package's files as candidates: filtered, free of what is excluded, with the numbers that tell duplicates.

Candidates are kept on disk under a key of everything that decides them, so an interrupted run goes on where it was.
Runs in worker processes; compares no package with another.
"""

import gzip
import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from models.train.corpus.duplicates import PLACES, signature
from models.train.corpus.filters import judged
from models.train.corpus.lexical import token_hashes, without_header
from models.train.corpus.overlap import Excluded
from models.train.packages.manifest import Entry
from models.train.packages.sources import language_of, sources
from models.train.stage import TrainingError, replacing

COMPRESSION = 3  # of gzip: three times as fast as the default for a tenth more bytes


@attrs.frozen(eq=False)
class Candidates:
    """What a package offers: per file its path, language, characters and exact hash, and one row of signatures."""

    paths: list[str]
    languages: list[str]
    characters: list[int]
    exact: list[str]
    signatures: NDArray[np.uint64]
    verdicts: dict[str, int]


def gather(entry: Entry, artefact: Path, excluded: Excluded, not_under: frozenset[str], folder: Path, key: str) -> None:
    """Writes the package's candidates into `folder`, unless they are there under the same key."""
    facts_path = folder / f"{entry.key}.npz"
    if _key_of(facts_path) == key:
        return
    facts_path.unlink(missing_ok=True)  # it vouches for the texts, which change first
    verdicts: Counter[str] = Counter()
    facts: list[tuple[str, str, int, str]] = []
    signatures = []
    with (
        replacing(folder / f"{entry.key}.jsonl.gz") as texts_path,
        gzip.open(texts_path, "wt", COMPRESSION, encoding="utf-8") as out,
    ):
        for path, raw in sorted(sources(entry, artefact)):
            if entry.kind in {"pypi", "stdlib"} and path.split("/")[0].removesuffix(".py") in not_under:
                verdicts["held out"] += 1
                continue
            verdict, text = judged(path, raw)
            if verdict == "kept":
                tokens = token_hashes(without_header(text, path))
                if excluded.overlaps(tokens):
                    verdicts["overlap"] += 1
                    continue
                out.write(json.dumps({"path": path, "text": text}, ensure_ascii=False) + "\n")
                exact = hashlib.blake2b("".join(text.split()).encode(), digest_size=12).hexdigest()
                facts.append((path, language_of(path) or "", len(text), exact))
                signatures.append(signature(tokens))
            verdicts[verdict] += 1
    with replacing(facts_path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            key=np.array(key),
            facts=np.array(json.dumps([facts, verdicts])),
            signatures=np.array(signatures, np.uint64).reshape(-1, PLACES),
        )


def facts_of(entry: Entry, folder: Path) -> Candidates:
    """What `gather` found. Raises TrainingError where it cannot be read."""
    try:
        with np.load(folder / f"{entry.key}.npz") as stored:
            facts, verdicts = json.loads(str(stored["facts"]))
            paths, languages, characters, exact = zip(*facts, strict=True) if facts else ([], [], [], [])
            signatures = stored["signatures"]
            return Candidates(list(paths), list(languages), list(characters), list(exact), signatures, verdicts)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(entry) from error


def texts_of(entry: Entry, folder: Path) -> Iterator[dict[str, Any]]:
    """The files {"path", "text"} in the order of the facts."""
    try:
        with gzip.open(folder / f"{entry.key}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(entry) from error


def _key_of(path: Path) -> str:
    try:
        with np.load(path) as stored:
            return str(stored["key"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return ""


def _damaged(entry: Entry) -> TrainingError:
    return TrainingError(
        f"The candidates of {entry.label} cannot be read.", "Delete the folder `candidates` and run `corpus` again."
    )
