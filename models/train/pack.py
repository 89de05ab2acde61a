"""The stage `pack`: draws examples from the corpus and writes them in parts that training can begin with at once.

Packages come in random order and each file gives few examples, so that a small pack has seen as many packages as a
large one. Every package's examples depend on the seed and its own text alone: the number of processes changes nothing.
"""

import argparse
import gzip
import json
import math
import multiprocessing
import os
import random
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import attrs

from lsp_server.modelstore.catalogue import PROMPT_FORMAT
from models.train.examples import Example, Mix, Recipe, examples_of
from models.train.masks import KINDS
from models.train.pack_parts import counted, write_part
from models.train.pack_reading import Package, files, packages
from models.train.stage import TrainingError, Workplace, console, digest, need_room, progress, replacing
from models.train.tokenizer import FILE, Coder

__all__ = ["KINDS", "add_arguments", "run"]

STATE = "state.json"
SOURCES = "sources.jsonl.gz"
EXAMPLE_TOKENS = 650
"""About what an example has; how densely holes are drawn follows from it."""

LEAST_SPREAD = 300
"""Characters per hole at the densest, where more tokens are asked for than the corpus has use for."""

MOST_SPREAD = 6_000
"""Characters per hole at the sparsest, where the corpus is large: every package costs an index, 0.7 s per million
characters, and at this density that is a quarter of the work. The rest of the packages is then left out."""

MARGIN = 1.15
"""So many more holes are drawn than the tokens asked for need, because some are given up."""

AHEAD = 4
"""Packages per process that are begun before they are needed."""

Source = tuple[str, str]
"""Label of a package and path of a file in it."""


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
    drawing = _Drawing(path, recipe, arguments.seed, arguments.workers)
    if not (parts.folder / "valid-0000.npz").exists():
        _pack_valid(drawing, valid, int(arguments.valid_tokens), parts)
    _pack_train(drawing, train, int(arguments.tokens), int(arguments.part_tokens), parts)
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


class Parts:
    """The finished parts of one configuration, and from which package on to go on after an interruption."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder = folder
        self._configuration = configuration
        self.state: dict[str, Any] = {"configuration": configuration, "packages": 0, "parts": 0, "tokens": 0}
        self.sources: list[Source] = []

    @property
    def train(self) -> list[Path]:
        return [self.folder / f"train-{number:04}.npz" for number in range(self.state["parts"])]

    def begin_again(self) -> None:
        for path in (*self.folder.glob("*.npz"), self.folder / STATE, self.folder / SOURCES):
            path.unlink(missing_ok=True)

    def check(self) -> None:
        """Takes up where an interrupted run was. Raises TrainingError where the parts are of another configuration."""
        try:
            found = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            found = None
        except ValueError:
            found = {}
        if found is None:
            self.begin_again()  # parts without a state are of a run that was interrupted before its first word
            self._save()
            return
        if found.get("configuration") != self._configuration:
            raise TrainingError(
                f"{self.folder} holds parts of another configuration, corpus or tokenizer.",
                "Run the command again with --force to replace them, or name another folder with --work.",
            )
        self.state = found
        if not all(path.exists() for path in self.train):
            raise TrainingError(f"Parts are missing in {self.folder}.", "Run the command again with --force.")
        if (self.folder / SOURCES).exists():
            with gzip.open(self.folder / SOURCES, "rt", encoding="utf-8") as lines:
                entries = [json.loads(line) for line in lines]
            # What was noted after the last state belongs to a part that is made again.
            self.sources = [(each["package"], each["path"]) for each in entries][: self.state.get("sources", 0)]

    def add(self, examples: Sequence[Example], sources: Sequence[Source], packages: int, chance: random.Random) -> None:
        """One more part of the training text, of all packages before number `packages` in their order."""
        write_part(self.folder / f"train-{self.state['parts']:04}.npz", examples, chance)
        self.sources += sources
        with replacing(self.folder / SOURCES) as temporary, gzip.open(temporary, "wt", encoding="utf-8") as file:
            for label, path in self.sources:
                file.write(json.dumps({"package": label, "path": path}) + "\n")
        self.state["parts"] += 1
        self.state["packages"] = packages
        self.state["tokens"] += sum(len(example.tokens) for example in examples)
        self.state["sources"] = len(self.sources)
        self._save()

    def _save(self) -> None:
        with replacing(self.folder / STATE) as temporary:
            temporary.write_text(json.dumps(self.state, indent=2) + "\n", encoding="utf-8")


@attrs.frozen
class _Drawing:
    """How examples are made, and by how many processes."""

    tokenizer: Path
    recipe: Recipe
    seed: int
    workers: int

    def examples(self, listed: Sequence[Package], spread: float) -> Iterator[list[Example]]:
        """The examples of each package, in the order of the packages."""
        recipe = attrs.evolve(self.recipe, characters_per_hole=spread)
        if self.workers <= 1:
            _begin(self.tokenizer, recipe, self.seed)
            yield from map(_draw, listed)
            return
        with ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.tokenizer, recipe, self.seed),
        ) as pool:
            waiting: deque[Future[list[Example]]] = deque()
            rest = iter(listed)
            try:
                while True:
                    for package in rest:
                        waiting.append(pool.submit(_draw, package))
                        if len(waiting) >= AHEAD * self.workers:
                            break
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            except BrokenProcessPool as error:
                raise TrainingError(
                    "A process that draws examples has ended unexpectedly, perhaps for want of memory.",
                    "Run the command again with fewer --workers: finished parts are kept.",
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _pack_train(drawing: _Drawing, listed: Sequence[Package], wanted: int, per_part: int, parts: Parts) -> None:
    chance = random.Random(f"{drawing.seed} packages")
    ordered = chance.sample(listed, len(listed))
    if not ordered:
        raise TrainingError("The corpus has no packages to learn from.", "Run `python -m models.train corpus` again.")
    spread = drawing.recipe.characters_per_hole or _spread(ordered, wanted)
    done, tokens = int(parts.state["packages"]), int(parts.state["tokens"])
    examples: list[Example] = []
    sources: list[Source] = []
    size = 0
    with progress() as bar:
        task = bar.add_task("tokens", total=wanted, completed=tokens)
        for package, found in zip(ordered[done:], drawing.examples(ordered[done:], spread), strict=True):
            done += 1
            examples += found
            sources += sorted({(package.label, example.path) for example in found})
            fresh = sum(len(example.tokens) for example in found)
            size += fresh
            bar.advance(task, fresh)
            full = tokens + size >= wanted
            if examples and (size >= per_part or full or done == len(ordered)):
                parts.add(examples, sources, done, random.Random(f"{drawing.seed} part {parts.state['parts']}"))
                tokens += size
                examples, sources, size = [], [], 0
            if full:
                break
    console.print(f"{tokens / 1e6:.1f} million tokens from {done} of {len(ordered)} packages.")
    if tokens < wanted:
        console.print("The corpus gives no more at this density: lower --characters-per-hole, or raise --most-holes.")


def _pack_valid(drawing: _Drawing, listed: Sequence[Package], wanted: int, parts: Parts) -> None:
    if not listed:
        return
    chance = random.Random(f"{drawing.seed} valid")
    ordered = chance.sample(listed, len(listed))
    examples: list[Example] = []
    for found in drawing.examples(ordered, _spread(ordered, wanted)):
        examples += found
    chance.shuffle(examples)
    size = 0
    for count, example in enumerate(examples):
        size += len(example.tokens)
        if size >= wanted:
            examples = examples[: count + 1]
    if examples:
        write_part(parts.folder / "valid-0000.npz", examples, chance)


def _spread(listed: Sequence[Package], wanted: int) -> float:
    """Characters per hole, for the tokens wanted to come from all packages."""
    characters = sum(package.characters for package in listed)
    return min(max(LEAST_SPREAD, characters * EXAMPLE_TOKENS / max(1.0, wanted * MARGIN)), MOST_SPREAD)


# In the processes that draw

_coder: Coder | None = None
_settings: tuple[Recipe, int] | None = None


def _begin(tokenizer: Path, recipe: Recipe, seed: int) -> None:
    global _coder, _settings
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _coder, _settings = Coder(tokenizer), (recipe, seed)


def _draw(package: Package) -> list[Example]:
    assert _coder is not None
    assert _settings is not None
    recipe, seed = _settings
    chance = random.Random(f"{seed} {package.label}")
    return list(examples_of(package.repository, list(files(package)), recipe, _coder, chance))


# The command line


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
