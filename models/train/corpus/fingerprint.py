"""The compact n-gram fingerprint of training text: hashes of its runs of lexical tokens and the packages they are from.

`lsp_server/modelstore/provenance.py` says what it is. Holds no source text, writes no files.
"""

import gzip
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from lsp_server.modelstore.provenance import RUN, WINDOW, Fingerprint, Hashes, kept, run_hashes, stored
from models.train.corpus.lexical import token_hashes, without_header
from models.train.packages.manifest import Entry
from models.train.packages.sources import sources
from models.train.stage import TrainingError

DRAWN = 0.5
"""Share of a file's hashes from which on it was drawn; what many packages have is in no fingerprint."""


def read_sources(path: Path) -> dict[str, set[str]]:
    """The paths of the drawn files by the key of their package. Raises TrainingError where they cannot be read."""
    drawn: defaultdict[str, set[str]] = defaultdict(set)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                source = json.loads(line)
                drawn[source["package"]].add(source["path"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise TrainingError(
            f"The list of training files {path.name} cannot be read.",
            "Run `pack` again, or name another with --sources.",
        ) from error
    return dict(drawn)


def heldout_texts(folder: Path) -> list[str]:
    """The Python of the held-out wheels that stage `corpus` has fetched; [] where it came as a bundle."""
    wheels = [Entry("pypi", path.name, "") for path in sorted(folder.glob("*.whl"))]
    files = [file for wheel in wheels for file in sources(wheel, folder / wheel.name)]
    return [without_header(raw.decode("utf-8", "replace"), path) for path, raw in files]


def package_hashes(path: Path, drawn: set[str], window: int = WINDOW) -> Hashes:
    """The kept hashes of a package's drawn files, each once. Raises TrainingError where a file is missing."""
    found = [np.empty(0, np.uint64)]
    left = set(drawn)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for file in map(json.loads, lines):
                if file["path"] in left:
                    left.discard(file["path"])
                    runs = run_hashes(token_hashes(without_header(file["text"], file["path"])), RUN)
                    found.append(stored(runs[kept(runs, window)]))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise TrainingError(f"{path.name} of the corpus cannot be read.", "Run `corpus` again.") from error
    if left:
        raise TrainingError(
            f"The training text has {min(left)} of {path.name.removesuffix('.jsonl.gz')}, which the corpus lacks.",
            "Run `corpus` as it was run for the training, then this stage again.",
        )
    return np.unique(np.concatenate(found))


def drawn_files(path: Path, theirs: Hashes, window: int) -> frozenset[str]:
    """Those files of a package that a fingerprint was made of, by their hashes: most of what they have, or nearly none.

    theirs: what the fingerprint holds of the package. Files too short to tell are left out.
    """
    found = set()
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for file in map(json.loads, lines):
                runs = run_hashes(token_hashes(without_header(file["text"], file["path"])), RUN)
                hashes = stored(runs[kept(runs, window)])
                if len(hashes) and np.isin(hashes, theirs).mean() >= DRAWN:
                    found.add(file["path"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise TrainingError(f"{path.name} of the corpus cannot be read.", "Run `corpus` again.") from error
    return frozenset(found)


def joined(packages: list[Entry], found: list[Hashes], most_packages: int, window: int = WINDOW) -> Fingerprint:
    """One fingerprint of all packages, without what more than `most_packages` of them have."""
    hashes = np.concatenate([np.empty(0, np.uint64), *found])
    owners = np.repeat(np.arange(len(found), dtype=np.uint16), [len(part) for part in found])
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    _, places, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    rare = counts[places] <= most_packages
    named = tuple((package.kind, package.name, package.version, package.licence) for package in packages)
    return Fingerprint(named, hashes[rare], owners[rare], window)
