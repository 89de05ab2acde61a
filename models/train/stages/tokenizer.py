"""The stage `tokenizer`: learns the vocabulary once, and never from packages that are held out for validation."""

import argparse
import time
from pathlib import Path

from models.train.corpus.reading import packages
from models.train.export import gguf_reading
from models.train.stage import TrainingError, Workplace, console, digest, replacing
from models.train.tokenizer.coder import FILE, Coder
from models.train.tokenizer.learning import Sample, learn, measured, rebuilt

VOCABULARY = 16_384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sample", type=float, default=60e6, help="characters of source to learn from (default: %(default)s)"
    )
    parser.add_argument(
        "--per-package", type=float, default=1.5e6, help="characters of one package at most (default: %(default)s)"
    )
    parser.add_argument("--of", type=Path, metavar="GGUF", help="take that of an exported model instead")
    parser.add_argument("--force", action="store_true", help="learn it again although it is there")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    corpus = workplace.need("corpus")
    # Also when the corpus has changed since: a tokenizer must not change under what was packed with it.
    if workplace.receipt("tokenizer") is not None and not arguments.force:
        console.print("The tokenizer is there already; --force learns it again.")
        return
    workplace.begin_again("tokenizer")
    began = time.monotonic()
    listed = packages(workplace, "train")
    if not listed:
        raise TrainingError("The corpus has no packages to learn from.", "Run `python -m models.train corpus` again.")
    sample = Sample(listed, int(arguments.sample), int(arguments.per_package), arguments.seed)
    if arguments.of is not None:
        known = gguf_reading.vocabulary(arguments.of)
        learnt = rebuilt(known.tokens, known.merges)
    else:
        learnt = learn(sample, VOCABULARY)
    path = workplace.folder("tokenizer") / FILE
    with replacing(path) as temporary:
        temporary.write_text(learnt.to_str(pretty=False), encoding="utf-8")
    coder = Coder(path)
    workplace.finish(
        "tokenizer",
        digest=coder.digest,
        vocabulary=coder.size,
        characters=sample.characters,
        characters_per_token=round(measured(coder, packages(workplace, "valid") or listed), 4),
        corpus=digest(corpus),
        seconds=round(time.monotonic() - began),
    )
    origin = f"from {sample.characters / 1e6:.0f} million characters" if arguments.of is None else "by an earlier model"
    console.print(f"{coder.size} tokens learnt {origin}.")
