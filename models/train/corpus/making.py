"""The two passes over all packages, in worker processes: what each has to offer, and the texts that were chosen of it.

Writes the corpus; decides nothing about a file.
"""

import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from models.train.corpus import candidates
from models.train.corpus.overlap import Excluded
from models.train.packages.manifest import Entry
from models.train.stage import digest, progress, replacing

RULES = 2
"""Counts up when a rule of the filters changes: candidates made by older rules are made again."""

VALID_PERCENT = 1

_excluded = Excluded.from_runs(np.empty(0, np.uint64))
"""Of a worker process: too large to be sent with every package."""


def offer(
    located: dict[Entry, Path], excluded: Excluded, not_under: frozenset[str], folder: Path, jobs: int
) -> dict[Entry, candidates.Candidates]:
    """Every package's candidates, made in worker processes where they are not on disk yet."""
    place = folder / "candidates"
    place.mkdir(exist_ok=True)
    rules = digest(RULES, hashlib.sha256(excluded.runs.tobytes()).hexdigest(), sorted(not_under))
    largest_first = sorted(located.items(), key=lambda item: -item[1].stat().st_size)
    calls = [(entry, path, not_under, place, digest(rules, entry.sha256)) for entry, path in largest_first]
    _in_workers("filtering", _offer, calls, jobs, excluded)
    return {entry: candidates.facts_of(entry, place) for entry in located}


def write(
    chosen: dict[Entry, list[int]],
    offered: dict[Entry, candidates.Candidates],
    folder: Path,
    jobs: int,
    seed: int,
) -> list[dict[str, Any]]:
    """The stage's files; what an earlier run wrote for other packages goes."""
    place = folder / "packages"
    place.mkdir(exist_ok=True)
    _in_workers("writing", _write_package, [(entry, places, folder) for entry, places in chosen.items()], jobs)
    names = {f"{entry.key}.jsonl.gz" for entry in chosen}
    for path in place.iterdir():
        if path.name not in names:
            path.unlink()
    packages = [_described(entry, offered[entry], places) for entry, places in chosen.items()]
    random.Random(seed).shuffle(packages)
    with replacing(folder / "packages.json") as path:
        path.write_text(json.dumps(packages, indent=1) + "\n", encoding="utf-8")
    return packages


def _in_workers(
    doing: str,
    work: Callable[..., None],
    calls: Sequence[tuple[Any, ...]],
    jobs: int,
    excluded: Excluded = _excluded,
) -> None:
    """Does the calls in worker processes, or here where one job is asked for; an exception of one ends them all."""
    with progress() as bar:
        task = bar.add_task(doing, total=len(calls))
        if jobs == 1:
            _begin_worker(excluded)
            for call in calls:
                work(*call)
                bar.advance(task)
            return
        # Not forked: the bar has a thread.
        context = get_context("spawn")
        with ProcessPoolExecutor(jobs, context, initializer=_begin_worker, initargs=(excluded,)) as workers:
            try:
                for done in as_completed([workers.submit(work, *call) for call in calls]):
                    done.result()
                    bar.advance(task)
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise


def _begin_worker(excluded: Excluded) -> None:
    global _excluded
    _excluded = excluded


def _offer(entry: Entry, artefact: Path, not_under: frozenset[str], folder: Path, key: str) -> None:
    candidates.gather(entry, artefact, _excluded, not_under, folder, key)


def _write_package(entry: Entry, places: list[int], folder: Path) -> None:
    wanted = set(places)
    with (
        replacing(folder / "packages" / f"{entry.key}.jsonl.gz") as path,
        gzip.open(path, "wt", candidates.COMPRESSION, encoding="utf-8") as out,
    ):
        for number, file in enumerate(candidates.texts_of(entry, folder / "candidates")):
            if number in wanted:
                out.write(json.dumps(file, ensure_ascii=False) + "\n")


def _described(entry: Entry, found: candidates.Candidates, places: list[int]) -> dict[str, Any]:
    languages = Counter[str]()
    for place in places:
        languages[found.languages[place]] += found.characters[place]
    lot = int.from_bytes(hashlib.sha256(entry.key.encode()).digest()[:4], "big") % 100
    return {
        "kind": entry.kind,
        "name": entry.name,
        "version": entry.version,
        "licence": entry.licence,
        "language": languages.most_common(1)[0][0],
        "files": len(places),
        "characters": sum(found.characters[place] for place in places),
        "split": "valid" if lot < VALID_PERCENT else "train",
    }
