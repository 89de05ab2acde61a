"""Which candidates become the corpus: every text once, no package more than its cap. Reads no files."""

import random

import numpy as np

from models.train.corpus.candidates import Candidates
from models.train.corpus.duplicates import repeated
from models.train.corpus.filters import is_test
from models.train.packages.manifest import Entry

TEST_SHARE = 0.25


def choose(offered: dict[Entry, Candidates], cap: float, seed: int) -> tuple[dict[Entry, list[int]], dict[str, int]]:
    """The places of the files to keep per package, and how many were left out for which reason.

    Of texts that are alike the one of the earlier package stays. Packages without a file are left out.
    """
    rows = [(entry, place) for entry, found in offered.items() for place in range(len(found.paths))]
    seen: set[str] = set()
    first = np.zeros(len(rows), bool)
    for number, (entry, place) in enumerate(rows):
        exact = offered[entry].exact[place]
        first[number] = exact not in seen
        seen.add(exact)
    unique = np.flatnonzero(first)
    if not len(unique):
        return {}, {}
    alike = repeated(np.concatenate([found.signatures for found in offered.values()])[unique])
    kept: dict[Entry, list[int]] = {entry: [] for entry in offered}
    for number in unique[~alike]:
        entry, place = rows[number]
        kept[entry].append(place)
    before = sum(map(len, kept.values()))
    chosen = {entry: within_cap(offered[entry], places, cap, f"{seed} {entry.key}") for entry, places in kept.items()}
    left_out = {
        "exact duplicates": len(rows) - len(unique),
        "near duplicates": int(alike.sum()),
        "over the cap": before - sum(map(len, chosen.values())),
    }
    return {entry: places for entry, places in chosen.items() if places}, left_out


def within_cap(found: Candidates, places: list[int], cap: float, seed: str) -> list[int]:
    """A random choice of at most `cap` characters, tests at most a quarter of what there is and of the cap."""
    room = min(cap, sum(found.characters[place] for place in places))
    tests = TEST_SHARE * room
    drawn = []
    for place in random.Random(seed).sample(places, len(places)):
        size = found.characters[place]
        test = is_test(found.paths[place])
        if size > room or (test and size > tests):
            continue
        room -= size
        tests -= size if test else 0
        drawn.append(place)
    return sorted(drawn)
