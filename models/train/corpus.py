"""Stage `corpus`: from a manifest of packages to the text that may be learnt from.

Fetches every package, checks its hash and its licence, keeps what people wrote in it, leaves out what is held out or
evaluated with, and everything that occurs twice. Writes packages/KIND-NAME.jsonl.gz and packages.json, in random order.
"""

import argparse
import email
import gzip
import hashlib
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from models.train import corpus_candidates as candidates
from models.train import licences
from models.train.corpus_filters import is_test
from models.train.corpus_overlap import Excluded, texts_under, wheel_licences, wheel_texts
from models.train.dedupe import repeated
from models.train.fetch import (
    Entry,
    canonical,
    fetch_wheels,
    read_manifest,
    sha256,
    standard_library,
    write_manifest,
)
from models.train.stage import TrainingError, Workplace, console, digest, progress, replacing

STAGE = "corpus"
HERE = Path(__file__).parent
RULES = 1
"""Counts up when a rule of the filters changes: candidates made by older rules are made again."""
TEST_SHARE = 0.25
VALID_PERCENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--manifest", type=Path, default=HERE / "manifest.jsonl", help="packages (default: committed)")
    parser.add_argument("--heldout", type=Path, default=HERE / "heldout.txt", help="names never trained on")
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
    parser.add_argument(
        "--pin", type=Path, metavar="NAMES", help="write the manifest anew from lines `pypi NAME[==VERSION]` and stop"
    )


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    folder = workplace.folder(STAGE)
    artefacts = workplace.folder(STAGE) / "artefacts"
    artefacts.mkdir(exist_ok=True)
    held = read_heldout(arguments.heldout)
    if arguments.pin is not None:
        pin(arguments.pin, arguments.manifest, held, artefacts)
        return
    entries = [entry for entry in read_manifest(arguments.manifest) if not is_held(entry, held)]
    workplace.begin_again(STAGE)
    located = locate(entries, artefacts)
    check_licences(located)
    excluded, not_under = exclusions(arguments.exclude, held, artefacts, folder)
    offered = offer(located, excluded, not_under, folder, arguments.jobs)
    chosen, repeats = choose(offered, arguments.cap * 1e6, arguments.seed)
    packages = write(chosen, offered, folder, arguments.jobs, arguments.seed)
    rejected = sum((Counter(found.verdicts) for found in offered.values()), Counter[str]())
    workplace.finish(
        STAGE,
        manifest=sha256(arguments.manifest),
        heldout=sha256(arguments.heldout),
        packages=len(packages),
        files=sum(package["files"] for package in packages),
        characters=sum(package["characters"] for package in packages),
        excluded_runs=len(excluded.runs),
        files_seen=dict(rejected),
        duplicates=repeats,
        cap_megabytes=arguments.cap,
        seed=arguments.seed,
    )
    total = sum(package["characters"] for package in packages)
    console.print(f"{len(packages)} packages, {total / 1e6:.0f} MB of text.")


def read_heldout(path: Path) -> frozenset[tuple[str, str]]:
    """The (kind, canonical name) pairs of heldout.txt. Raises TrainingError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = (line.split() for line in lines if line.strip() and not line.startswith("#"))
        return frozenset((kind, canonical(name)) for kind, name in pairs)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"The list of held-out packages {path.name} cannot be read.",
            "Each line is `KIND NAME`; name another file with --heldout.",
        ) from error


def is_held(entry: Entry, held: frozenset[tuple[str, str]]) -> bool:
    name = canonical(entry.name)
    return (entry.kind, name) in held or ("any", name) in held or ("any", name.split("/")[-1]) in held


def pin(names: Path, manifest: Path, held: frozenset[tuple[str, str]], artefacts: Path) -> None:
    """Writes the manifest anew: what these names are today, where their licence allows them."""
    asked = []
    for line in names.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.split("#")[0].strip().partition(" ")
        name, _, version = rest.strip().partition("==")
        if kind == "pypi":
            asked.append(Entry("pypi", name.strip(), version.strip()))
    left_out: list[str] = []
    with progress() as bar:
        task = bar.add_task("fetching", total=len(asked))
        found = fetch_wheels(
            [entry for entry in asked if not is_held(entry, held)],
            artefacts,
            lambda count: bar.advance(task, count),
            lambda entry: left_out.append(f"{entry.name} is not to be had as a wheel"),
        )
    pinned = []
    for entry, path in found.items():
        licence = licences.of_metadata(wheel_metadata(entry, path))
        if licence is None or not licences.allowed(licence):
            left_out.append(f"{entry.name} is under {licence or 'a licence that was not recognised'}")
            continue
        version = path.name.split("-")[1]
        pinned.append(attrs.evolve(entry, version=version, licence=licence, sha256=sha256(path)))
    library, folder = standard_library()
    pinned.append(attrs.evolve(library, sha256=candidates.standard_library_digest(folder)))
    write_manifest(manifest, pinned)
    for sentence in left_out:
        console.print(f"Left out: {sentence}.", highlight=False)
    console.print(f"{len(pinned)} packages are in {manifest.name}.")


def locate(entries: Sequence[Entry], artefacts: Path) -> dict[Entry, Path]:
    """The verified artefact of every package."""
    located: dict[Entry, Path] = {}
    for entry in entries:
        if entry.kind == "stdlib":
            located[entry] = verified_library(entry)
    with progress() as bar:
        task = bar.add_task("fetching", total=len(entries) - len(located))
        wheels = [entry for entry in entries if entry.kind == "pypi"]
        return located | fetch_wheels(wheels, artefacts, lambda count: bar.advance(task, count))


def verified_library(entry: Entry) -> Path:
    library, folder = standard_library()
    if (entry.version, entry.sha256) != (library.version, candidates.standard_library_digest(folder)):
        raise TrainingError(
            f"The manifest names the standard library of Python {entry.version}, and this is another one "
            f"({library.version}).",
            f"Run the stage with Python {entry.version} as python.org publishes it, or pin the manifest again.",
        )
    return folder


def check_licences(located: dict[Entry, Path]) -> None:
    """Raises TrainingError for the first package whose artefact or manifest line states another licence."""
    for entry, path in located.items():
        stated = entry.licence if entry.kind == "stdlib" else licences.of_metadata(wheel_metadata(entry, path))
        if stated != entry.licence:
            raise TrainingError(
                f"The manifest says that {entry.label} is under {entry.licence}, and the package says "
                f"{stated or 'nothing that is known'}.",
                "Take it out of the manifest, or pin the manifest again if the package was relicensed.",
            )
        if not licences.allowed(entry.licence):
            raise TrainingError(
                f"{entry.label} is under {entry.licence}, which is not among the licences to learn from.",
                "Take it out of the manifest.",
            )


def wheel_metadata(entry: Entry, path: Path) -> email.message.Message:
    try:
        with zipfile.ZipFile(path) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return email.message_from_string(wheel.read(name).decode("utf-8", "replace"))
    except (OSError, StopIteration, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"The wheel of {entry.label} cannot be read.", f"Delete {path.name} from `artefacts` and run it again."
        ) from error


def exclusions(
    places: Iterable[Path], held: frozenset[tuple[str, str]], artefacts: Path, folder: Path
) -> tuple[Excluded, frozenset[str]]:
    """What no text may contain, and the names of folders that hold a copy of a held-out package."""
    with progress() as bar:
        wanted = [Entry("pypi", name, "") for kind, name in sorted(held) if kind == "pypi"]
        task = bar.add_task("fetching what is held out", total=len(wanted))
        wheels = fetch_held(wanted, artefacts, lambda count: bar.advance(task, count))
    modules = {name for kind, name in held if kind == "stdlib"}
    library = standard_library()[1]
    texts = [pair for path in wheels for pair in wheel_texts(path)]
    for module in modules:
        files = [library / f"{module}.py", *sorted((library / module).rglob("*.py"))]
        texts += [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file()]
    for place in places:
        if not place.exists():
            raise TrainingError(f"There is no evaluation data at {place}.", "Name its folders with --exclude.")
        texts += texts_under(place)
    excluded = Excluded.of(texts, [text for path in wheels for text in wheel_licences(path)])
    names = {name.split("/")[0].removesuffix(".py") for path in wheels for name, _ in wheel_texts(path)}
    return excluded, frozenset(names | modules | {name.replace("-", "_") for _, name in held}) - {"tests", "test"}


def fetch_held(wanted: Sequence[Entry], artefacts: Path, tell: Callable[[int], None]) -> list[Path]:
    """The newest wheels of the held-out packages, or the ones that are here."""
    place = artefacts / "heldout"
    place.mkdir(exist_ok=True)
    return sorted(fetch_wheels(wanted, place, tell).values())


_excluded = Excluded.from_runs(np.empty(0, np.uint64))


def _begin_worker(excluded: Excluded) -> None:
    global _excluded
    _excluded = excluded


def _offer(entry: Entry, artefact: Path, not_under: frozenset[str], folder: Path, key: str) -> None:
    candidates.gather(entry, artefact, _excluded, not_under, folder, key)


def offer(
    located: dict[Entry, Path], excluded: Excluded, not_under: frozenset[str], folder: Path, jobs: int
) -> dict[Entry, candidates.Candidates]:
    """Every package's candidates, made in worker processes where they are not on disk yet."""
    place = folder / "candidates"
    place.mkdir(exist_ok=True)
    rules = digest(RULES, hashlib.sha256(excluded.runs.tobytes()).hexdigest(), sorted(not_under))
    largest_first = sorted(located.items(), key=lambda item: -item[1].stat().st_size)
    with progress() as bar, ProcessPoolExecutor(jobs, initializer=_begin_worker, initargs=(excluded,)) as workers:
        task = bar.add_task("filtering", total=len(located))
        running = [
            workers.submit(_offer, entry, path, not_under, place, digest(rules, entry.sha256))
            for entry, path in largest_first
        ]
        try:
            for done in as_completed(running):
                done.result()
                bar.advance(task)
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
    return {entry: candidates.facts_of(entry, place) for entry in located}


def choose(
    offered: dict[Entry, candidates.Candidates], cap: float, seed: int
) -> tuple[dict[Entry, list[int]], dict[str, int]]:
    """The places of the files to keep per package, and how many were left out for which reason."""
    rows = [(entry, place) for entry, found in offered.items() for place in range(len(found.paths))]
    seen: set[str] = set()
    first = np.zeros(len(rows), bool)
    for number, (entry, place) in enumerate(rows):
        exact = offered[entry].exact[place]
        first[number] = exact not in seen
        seen.add(exact)
    unique = np.flatnonzero(first)
    signatures = np.concatenate([found.signatures for found in offered.values()])[unique]
    alike = repeated(signatures)
    kept: dict[Entry, list[int]] = {entry: [] for entry in offered}
    for number in unique[~alike]:
        entry, place = rows[number]
        kept[entry].append(place)
    before = sum(map(len, kept.values()))
    chosen = {entry: within_cap(offered[entry], places, cap, f"{seed} {entry.key}") for entry, places in kept.items()}
    counts = {
        "exact": len(rows) - len(unique),
        "near": int(alike.sum()),
        "over the cap": before - sum(map(len, chosen.values())),
    }
    return {entry: places for entry, places in chosen.items() if places}, counts


def within_cap(found: candidates.Candidates, places: list[int], cap: float, seed: str) -> list[int]:
    """A random choice of at most `cap` characters, tests at most a quarter of them."""
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


def write(
    chosen: dict[Entry, list[int]], offered: dict[Entry, candidates.Candidates], folder: Path, jobs: int, seed: int
) -> list[dict[str, Any]]:
    """The stage's files; what an earlier run wrote for other packages goes."""
    place = folder / "packages"
    place.mkdir(exist_ok=True)
    with progress() as bar, ProcessPoolExecutor(jobs) as workers:
        task = bar.add_task("writing", total=len(chosen))
        for _ in workers.map(_write_package, chosen, chosen.values(), [folder] * len(chosen)):
            bar.advance(task)
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
