"""The stage `pack`: draws examples from the corpus and writes them in parts that training can begin with at once."""

import argparse
import math
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import attrs

from lsp_server.modelstore.catalogue import PROMPT_FORMAT
from lsp_server.modelstore.provenance import Fingerprint
from models.train.corpus.fingerprint import drawn_files
from models.train.corpus.reading import Package, packages
from models.train.examples.drawing import Mix, Recipe
from models.train.examples.masks import KINDS
from models.train.examples.packing import Drawing, Parts, pack_train, pack_valid
from models.train.examples.parts import counted
from models.train.stage import TrainingError, Workplace, console, digest, need_room, progress, sha256
from models.train.tokenizer.coder import FILE, Coder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recipe = Recipe()
    mix = ",".join(f"{kind}={share:g}" for kind, share in recipe.mix.shares.items())
    contexts = ",".join(f"{size}={share:g}" for size, share in recipe.contexts)
    parser.add_argument("--tokens", type=float, default=24e6, help="stop after so many (default: %(default)g)")
    parser.add_argument("--valid-tokens", type=float, default=3e5, help="of packages held out (default: %(default)g)")
    parser.add_argument("--part-tokens", type=float, default=4e6, help="size of a part (default: %(default)g)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--mix", default="", metavar=mix, help="other shares for some of the kinds of examples")
    parser.add_argument("--contexts", default="", metavar=contexts, help="shares of the prompts' sizes, in tokens")
    parser.add_argument("--related", type=float, default=recipe.related, help="share of holes with related code")
    parser.add_argument("--unrelated", type=float, default=recipe.unrelated, help="share with code of another place")
    parser.add_argument("--psm", type=float, default=recipe.psm, help="share of holes with the prefix first")
    parser.add_argument("--closers", type=float, default=recipe.closers, help="share with brackets closed already")
    parser.add_argument(
        "--characters-per-hole",
        type=float,
        default=0.0,
        help="how densely holes are drawn (default: as the corpus and --tokens need it)",
    )
    parser.add_argument(
        "--most-holes", type=int, default=recipe.most_holes, help="holes of one file at most (default: %(default)s)"
    )
    parser.add_argument(
        "--of",
        type=Path,
        metavar="FINGERPRINT",
        help="draw from the files that an earlier model has learnt from, to go on with it (with another --seed, other "
        "examples): its fingerprint stays true",
    )
    parser.add_argument("--force", action="store_true", help="begin again although there are parts")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    corpus, tokenizer = workplace.need("corpus"), workplace.need("tokenizer")
    train, valid = packages(workplace, "train"), packages(workplace, "valid")
    recipe = _recipe(arguments, float(tokenizer["characters_per_token"]))
    facts = {
        "tokenizer": tokenizer["digest"],
        "corpus": digest(corpus),
        "prompt_format": PROMPT_FORMAT,
        "recipe": attrs.asdict(recipe),
        "seed": arguments.seed,
        **({"of": sha256(arguments.of)} if arguments.of is not None else {}),
    }
    parts = Parts(workplace.folder("pack"), digest(facts, arguments.tokens, arguments.part_tokens))
    if arguments.force:
        parts.begin_again()
    parts.check()
    if workplace.receipt("pack") is not None and not arguments.force:
        console.print("The pack is there already; --force begins again.")
        return
    workplace.begin_again("pack")
    need_room(parts.folder, int(arguments.tokens * 2.5))
    path = workplace.root / "tokenizer" / FILE
    if Coder(path).digest != tokenizer["digest"]:
        raise TrainingError("The tokenizer is not the one of its receipt.", "Run `python -m models.train tokenizer`.")
    only = _known(arguments.of, train, arguments.workers) if arguments.of is not None else None
    drawing = Drawing(path, recipe, arguments.seed, arguments.workers, only)
    if not (parts.folder / "valid-0000.npz").exists():
        pack_valid(drawing, valid, int(arguments.valid_tokens), parts)
    pack_train(drawing, train, int(arguments.tokens), int(arguments.part_tokens), parts)
    kinds = counted(parts.train)
    workplace.finish(
        "pack",
        **facts,
        parts=len(parts.train),
        tokens=sum(each["tokens"] for each in kinds.values()),
        examples=sum(each["examples"] for each in kinds.values()),
        kinds=kinds,
        valid=counted([parts.folder / "valid-0000.npz"]) if valid else {},
        packages=parts.state["packages"],
        files=len(parts.sources),
        characters_per_token=recipe.characters_per_token,
    )


def _known(fingerprint: Path, listed: Sequence[Package], workers: int) -> dict[str, frozenset[str]]:
    """The files that a fingerprint was made of, by the label of their package."""
    known = Fingerprint.load(fingerprint)
    numbers = {f"{kind}-{name}": number for number, (kind, name, *_) in enumerate(known.packages)}
    named = [package for package in listed if package.label in numbers]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool, progress() as bar:
        theirs = (known.hashes[known.owners == numbers[each.label]] for each in named)
        found = pool.map(drawn_files, [each.path for each in named], theirs, repeat(known.window))
        paths = bar.track(found, total=len(named), description="looking for known files")
        return {package.label: files for package, files in zip(named, paths, strict=True)}


def _recipe(arguments: argparse.Namespace, characters_per_token: float) -> Recipe:
    contexts = _shares("--contexts", arguments.contexts)
    try:
        sizes = tuple((int(size), share) for size, share in contexts.items()) or Recipe().contexts
    except ValueError:
        sizes = ()
    if not sizes or not all(128 <= size <= 2048 for size, _ in sizes):
        raise TrainingError("--contexts wants sizes from 128 to 2048.", "For example --contexts 512=0.5,2048=0.5.")
    mix = _shares("--mix", arguments.mix)
    if unknown := sorted(set(mix) - set(KINDS)):
        raise TrainingError(f"--mix knows no kind `{unknown[0]}`.", f"The kinds are {', '.join(KINDS)}.")
    return Recipe(
        mix=attrs.evolve(Mix(), **mix),
        contexts=sizes,
        related=arguments.related,
        unrelated=arguments.unrelated,
        psm=arguments.psm,
        closers=arguments.closers,
        characters_per_hole=arguments.characters_per_hole,
        most_holes=arguments.most_holes,
        characters_per_token=characters_per_token,
    )


def _shares(option: str, given: str) -> dict[str, float]:
    """`a=0.5,b=2` as a table."""
    try:
        pairs = [pair.split("=") for pair in given.split(",") if pair]
        shares = {name.strip(): float(share) for name, share in pairs}
    except ValueError:
        shares = {"": math.nan}
    if not all(share >= 0 for share in shares.values()) or (shares and not sum(shares.values()) >= 0):
        raise TrainingError(f"{option} cannot be read.", f"Write it like {option} name=0.5,other=0.25.")
    return shares
