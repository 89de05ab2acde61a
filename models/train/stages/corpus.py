"""Stage `corpus`: from manifests of packages to the text that may be learnt from.

Fetches every package, checks its hash and its licence, keeps what people wrote in it, leaves out what is held out or
evaluated with, and everything that occurs twice. Writes packages/KIND-NAME.jsonl.gz and packages.json, in random order.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from models.train.corpus import bundle
from models.train.corpus.choice import choose
from models.train.corpus.exclusions import exclusions
from models.train.corpus.making import RULES, offer, write
from models.train.packages.heldout import beside, is_held, read_heldout, read_pinned
from models.train.packages.locating import check_licences, locate
from models.train.packages.manifest import Entry, read_manifest
from models.train.packages.pin import pin
from models.train.stage import Workplace, console, disk_trouble, sha256

STAGE = "corpus"
HERE = Path(__file__).parents[1]


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
        bundle.write(folder, arguments.bundle)
        return
    if arguments.unbundle is not None:
        workplace.begin_again(STAGE)
        bundle.read(arguments.unbundle, folder)
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
