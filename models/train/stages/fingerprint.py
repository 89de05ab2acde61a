"""Stage `fingerprint`: a compact n-gram fingerprint of exactly the text that was trained on.

With it the product names the package of a suggestion that repeats 40 lexical tokens or more of a training file
(`codehearth origin`); `lsp_server/modelstore/provenance.py` says how, and how lexical tokens relate to the model's.
Reads the files that stage `pack` drew, writes `fingerprint.bin`; holds no source text. What the files only lent to
prompts as related code is in it where it was drawn itself.

Measured with the fingerprint of 17,650 files of Python (3.6 million hashes, 9.7 MB): of pieces of 40, 60, 100 and 200
tokens of packages that were never trained on, 0.4 %, 0.7 %, 1.5 % and 3.0 % are named. About half of these are chance
(33 bits a hash), the others do repeat 20 to 39 tokens, mostly imports and phrases. Of pieces of 40 tokens of the
training text (without leading comments) all are named, but for what more than four packages have. The stage measures
the first on the held-out packages each time and keeps it in its receipt.
"""

import argparse
import json
from pathlib import Path

from lsp_server.modelstore.provenance import FILE, RUN, WINDOW
from models.train.corpus.fingerprint import heldout_texts, joined, package_hashes, read_sources
from models.train.corpus.fingerprint_check import share_named
from models.train.packages.manifest import Entry
from models.train.stage import TrainingError, Workplace, console, progress, replacing, sha256

STAGE = "fingerprint"
MEGABYTES = 10.0
MOST_PACKAGES = 4
"""A run that more packages have is nobody's in particular: licences, idioms."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sources", type=Path, help="the files that were drawn (default: those of stage `pack`)")
    parser.add_argument("--into", type=Path, help="also copy the fingerprint into this folder, as models/embedded")
    parser.add_argument(
        "--most-packages",
        type=int,
        default=MOST_PACKAGES,
        help="a run of tokens that more packages have is left out (default: %(default)s)",
    )
    parser.add_argument(
        "--window",
        type=int,
        default=WINDOW,
        help=f"of so many neighbouring runs one is kept, and repetitions of {RUN - 1} tokens more than that are found "
        "(default: %(default)s; a longer one makes the fingerprint of a large corpus fit)",
    )
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="size at most (default: %(default)s)")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    workplace.need("corpus")
    if arguments.sources is None:
        workplace.need("pack")
    drawn = read_sources(arguments.sources or workplace.root / "pack" / "sources.jsonl.gz")
    workplace.begin_again(STAGE)
    described = _described(workplace.root / "corpus" / "packages.json")
    unknown = sorted(set(drawn) - set(described))
    if unknown:
        raise TrainingError(
            f"The training text has files of {unknown[0]}, which the corpus lacks.",
            "Run `corpus` as it was run for the training, then this stage again.",
        )
    texts = workplace.root / "corpus" / "packages"
    with progress() as bar:
        names = bar.track(sorted(drawn), description="fingerprinting")
        found = [package_hashes(texts / f"{name}.jsonl.gz", drawn[name], arguments.window) for name in names]
    largest_first = sorted(zip(sorted(drawn), found, strict=True), key=lambda pair: -len(pair[1]))  # compresses better
    packages = [described[name] for name, _ in largest_first]
    fingerprint = joined(packages, [hashes for _, hashes in largest_first], arguments.most_packages, arguments.window)
    path = workplace.folder(STAGE) / FILE
    with replacing(path) as temporary:
        fingerprint.save(temporary)
        size = temporary.stat().st_size
        if size > arguments.megabytes * 1e6:
            raise TrainingError(
                f"The fingerprint has {size / 1e6:.1f} MB, more than {arguments.megabytes:g} MB.",
                "Allow more with --megabytes, or look for longer repetitions only with a larger --window.",
            )
    shares = share_named(
        fingerprint, heldout_texts(workplace.root / "corpus" / "artefacts" / "heldout"), arguments.seed
    )
    if arguments.into is not None:
        arguments.into.mkdir(parents=True, exist_ok=True)
        with replacing(arguments.into / FILE) as temporary:
            temporary.write_bytes(path.read_bytes())
    workplace.finish(
        STAGE,
        packages=len(packages),
        files=sum(map(len, drawn.values())),
        hashes=len(fingerprint.hashes),
        left_out=sum(map(len, found)) - len(fingerprint.hashes),
        window=arguments.window,
        heldout_pieces_named=shares,
        bytes=size,
        sha256=sha256(path),
    )
    console.print(f"{len(fingerprint.hashes):,} hashes of {len(packages)} packages, {size / 1e6:.1f} MB.")
    for tokens, share in shares.items():
        console.print(f"Of pieces of {tokens} tokens of held-out packages {share:.2%} are named.")


def _described(path: Path) -> dict[str, Entry]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        fields = ("kind", "name", "version", "licence")
        entries = [Entry(*(str(package[field]) for field in fields)) for package in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError("packages.json of the corpus cannot be read.", "Run `corpus` again.") from error
    return {entry.key: entry for entry in entries}
