"""Stage `corpus`: from manifests of packages to the text that may be learnt from.

Fetches every package, checks its hash and its licence, keeps what people wrote in it, leaves out what is held out or
evaluated with, and everything that occurs twice. Writes packages/KIND-NAME.jsonl.gz and packages.json, in random order.
"""

import argparse
import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from models.train import corpus_bundle, corpus_candidates, licences
from models.train.corpus_choice import choose
from models.train.corpus_heldout import beside, is_held, read_heldout, read_pinned
from models.train.corpus_overlap import Excluded, texts_under
from models.train.corpus_pin import pin
from models.train.corpus_sources import licence_texts, sources, stated_licence
from models.train.fetch import Entry, fetch, read_manifest, sha256, standard_library
from models.train.fetch_registries import REGISTRIES
from models.train.stage import TrainingError, Workplace, console, digest, disk_trouble, progress, replacing

STAGE = "corpus"
HERE = Path(__file__).parent
RULES = 2
"""Counts up when a rule of the filters changes: candidates made by older rules are made again."""
VALID_PERCENT = 1
ANYBODY_S = {"test", "tests", "docs", "examples", "benchmarks", "scripts", "tools", "src", "lib"}
"""Folders of wheels that are no import packages."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--manifest",
        type=Path,
        nargs="+",
        default=[HERE / "manifest.jsonl"],
        help="packages to learn from (default: the Python of the CPU recipe; manifest-more.jsonl has other languages)",
    )
    parser.add_argument(
        "--heldout",
        type=Path,
        default=HERE / "heldout.txt",
        help="names never trained on (default: committed); their versions lie beside it with the suffix .jsonl",
    )
    parser.add_argument(
        "--exclude",
        type=Path,
        nargs="+",
        default=[HERE.parent / "evaluation" / "data"],
        metavar="PATH",
        help="evaluation data: no file that shares 50 tokens with it is kept (default: models/evaluation/data)",
    )
    parser.add_argument("--cap", type=float, default=4.0, metavar="MB", help="per package (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default: %(default)s)")
    others = parser.add_mutually_exclusive_group()
    others.add_argument(
        "--pin",
        type=Path,
        metavar="NAMES",
        help="write the manifest anew from lines `KIND NAME[==VERSION]` and stop; held-out names go to their own",
    )
    others.add_argument("--bundle", type=Path, metavar="DIR", help="write the corpus as parts of <= 60 MB and stop")
    others.add_argument("--unbundle", type=Path, metavar="DIR", help="unpack the corpus from such parts and stop")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    folder = workplace.folder(STAGE)
    if arguments.bundle is not None:
        workplace.need(STAGE)
        corpus_bundle.write(folder, arguments.bundle)
        return
    if arguments.unbundle is not None:
        workplace.begin_again(STAGE)
        corpus_bundle.read(arguments.unbundle, folder)
        return
    artefacts = folder / "artefacts"
    artefacts.mkdir(exist_ok=True)
    held = read_heldout(arguments.heldout)
    if arguments.pin is not None:
        pin(arguments.pin, arguments.manifest[0], held, beside(arguments.heldout), artefacts)
        return
    entries = [entry for path in arguments.manifest for entry in read_manifest(path) if not is_held(entry, held)]
    workplace.begin_again(STAGE)
    try:
        _make(arguments, workplace, entries, held, artefacts)
    except OSError as error:
        raise disk_trouble(error, Path(error.filename or folder)) from error


def _make(
    arguments: argparse.Namespace,
    workplace: Workplace,
    entries: Sequence[Entry],
    held: frozenset[tuple[str, str]],
    artefacts: Path,
) -> None:
    folder = artefacts.parent
    located = locate(entries, artefacts, "fetching")
    check_licences(located)
    pinned = read_pinned(beside(arguments.heldout), held, {entry.kind for entry in entries})
    excluded, not_under = exclusions(arguments.exclude, held, pinned, artefacts)
    offered = offer(located, excluded, not_under, folder, arguments.jobs)
    chosen, repeats = choose(offered, arguments.cap * 1e6, arguments.seed)
    packages = write(chosen, offered, folder, arguments.jobs, arguments.seed)
    total = sum(package["characters"] for package in packages)
    workplace.finish(
        STAGE,
        manifests={path.name: sha256(path) for path in arguments.manifest},
        heldout=sha256(arguments.heldout),
        rules=RULES,
        packages=len(packages),
        files=sum(package["files"] for package in packages),
        characters=total,
        excluded_runs=len(excluded.runs),
        files_seen=dict(sum((Counter(found.verdicts) for found in offered.values()), Counter[str]())),
        files_left_out=repeats,
        cap_megabytes=arguments.cap,
        seed=arguments.seed,
    )
    console.print(f"{len(packages)} packages, {total / 1e6:.0f} MB of text.")


def locate(entries: Sequence[Entry], artefacts: Path, doing: str) -> dict[Entry, Path]:
    """The verified artefact of every package, in the order of the entries."""
    located: dict[Entry, Path] = {}
    for entry in entries:
        if entry.kind == "stdlib":
            located[entry] = verified_library(entry)
    wanted = [entry for entry in entries if entry.kind != "stdlib"]
    with progress() as bar:
        task = bar.add_task(doing, total=len(wanted))
        located |= fetch(wanted, artefacts, REGISTRIES, lambda count: bar.advance(task, count))
    return {entry: located[entry] for entry in entries}


def verified_library(entry: Entry) -> Path:
    library, folder = standard_library()
    if entry.version != library.version:
        raise TrainingError(
            f"The manifest names the standard library of Python {entry.version}, and this is {library.version}.",
            f"Run the stage with Python {entry.version}, or pin the manifest again.",
        )
    if entry.sha256 not in {"", corpus_candidates.digest_of_library(entry, folder)}:
        raise TrainingError(
            f"The standard library of this Python {entry.version} is not the one that the manifest names.",
            "A distributor changed it: run the stage with the one of python.org, or pin the manifest again.",
        )
    return folder


def check_licences(located: dict[Entry, Path]) -> None:
    """Raises TrainingError for the first package whose artefact or manifest line states another licence."""
    for entry, path in located.items():
        stated = stated_licence(entry, path)
        if stated != entry.licence:
            raise TrainingError(
                f"The manifest says that {entry.label} is under {entry.licence or 'nothing'}, "
                f"and the package says {stated or 'nothing that is known'}.",
                "Take it out of the manifest, or pin the manifest again if the package was relicensed.",
            )
        if not licences.allowed(entry.licence):
            raise TrainingError(
                f"{entry.label} is under {entry.licence}, which is not among the licences to learn from.",
                "Take it out of the manifest.",
            )


def exclusions(
    places: Iterable[Path], held: frozenset[tuple[str, str]], pinned: Sequence[Entry], artefacts: Path
) -> tuple[Excluded, frozenset[str]]:
    """What no text may contain, and the names of the folders that hold a copy of a held-out Python package."""
    place = artefacts / "heldout"
    place.mkdir(exist_ok=True)
    located = locate(pinned, place, "fetching what is held out")
    texts = [(path, raw.decode("utf-8", "replace")) for item in located.items() for path, raw in sorted(sources(*item))]
    modules = {name for kind, name in held if kind == "stdlib"}
    python = [item for item in located.items() if item[0].kind == "pypi"]
    own = {path.split("/")[0] for item in python for path, _ in sources(*item) if "/" in path} - ANYBODY_S
    library = standard_library()[1]
    for module in sorted(modules):
        files = [library / f"{module}.py", *sorted((library / module).rglob("*.py"))]
        texts += [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file()]
    for data in places:
        if not data.exists():
            raise TrainingError(f"There is no evaluation data at {data}.", "Name its folders with --exclude.")
        texts += texts_under(data)
    harmless = [text for item in located.items() for text in licence_texts(*item)]
    named = {name.replace("-", "_") for kind, name in held if kind in {"pypi", "any"}}
    return Excluded.of(texts, harmless), frozenset(own | modules | named)


_excluded = Excluded.from_runs(np.empty(0, np.uint64))
"""Of a worker process: too large to be sent with every package."""


def _begin_worker(excluded: Excluded) -> None:
    global _excluded
    _excluded = excluded


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


def _offer(entry: Entry, artefact: Path, not_under: frozenset[str], folder: Path, key: str) -> None:
    corpus_candidates.gather(entry, artefact, _excluded, not_under, folder, key)


def offer(
    located: dict[Entry, Path], excluded: Excluded, not_under: frozenset[str], folder: Path, jobs: int
) -> dict[Entry, corpus_candidates.Candidates]:
    """Every package's candidates, made in worker processes where they are not on disk yet."""
    place = folder / "candidates"
    place.mkdir(exist_ok=True)
    rules = digest(RULES, hashlib.sha256(excluded.runs.tobytes()).hexdigest(), sorted(not_under))
    largest_first = sorted(located.items(), key=lambda item: -item[1].stat().st_size)
    calls = [(entry, path, not_under, place, digest(rules, entry.sha256)) for entry, path in largest_first]
    _in_workers("filtering", _offer, calls, jobs, excluded)
    return {entry: corpus_candidates.facts_of(entry, place) for entry in located}


def write(
    chosen: dict[Entry, list[int]],
    offered: dict[Entry, corpus_candidates.Candidates],
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


def _write_package(entry: Entry, places: list[int], folder: Path) -> None:
    wanted = set(places)
    with (
        replacing(folder / "packages" / f"{entry.key}.jsonl.gz") as path,
        gzip.open(path, "wt", corpus_candidates.COMPRESSION, encoding="utf-8") as out,
    ):
        for number, file in enumerate(corpus_candidates.texts_of(entry, folder / "candidates")):
            if number in wanted:
                out.write(json.dumps(file, ensure_ascii=False) + "\n")


def _described(entry: Entry, found: corpus_candidates.Candidates, places: list[int]) -> dict[str, Any]:
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
