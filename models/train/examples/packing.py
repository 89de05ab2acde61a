"""Draws the examples of many packages, in processes of their own, and writes them in parts.

Packages come in random order and each file gives few examples, so that a small pack has seen as many packages as a
large one. Every package's examples depend on the seed and its own text alone: the number of processes changes nothing.
"""

import gzip
import json
import multiprocessing
import os
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import attrs

from models.train.corpus.reading import Package, files
from models.train.examples.drawing import Example, Recipe, examples_of
from models.train.examples.parts import write_part
from models.train.stage import TrainingError, console, progress, replacing
from models.train.tokenizer.coder import Coder

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
class Drawing:
    """How examples are made, and by how many processes."""

    tokenizer: Path
    recipe: Recipe
    seed: int
    workers: int
    only: Mapping[str, frozenset[str]] | None = None
    """The files that training examples are drawn from, by the label of their package; None: all."""

    def examples(self, listed: Sequence[Package], spread: float) -> Iterator[list[Example]]:
        """The examples of each package, in the order of the packages."""
        recipe = attrs.evolve(self.recipe, characters_per_hole=spread)
        if self.workers <= 1:
            _begin(self.tokenizer, recipe, self.seed)
            yield from (_draw(package, self._only(package)) for package in listed)
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
                        waiting.append(pool.submit(_draw, package, self._only(package)))
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

    def _only(self, package: Package) -> frozenset[str] | None:
        return None if self.only is None else self.only.get(package.label, frozenset())


def pack_train(drawing: Drawing, listed: Sequence[Package], wanted: int, per_part: int, parts: Parts) -> None:
    chance = random.Random(f"{drawing.seed} packages")
    ordered = chance.sample(listed, len(listed))
    if drawing.only is not None:
        ordered = [package for package in ordered if package.label in drawing.only]
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


def pack_valid(drawing: Drawing, listed: Sequence[Package], wanted: int, parts: Parts) -> None:
    if not listed:
        return
    chance = random.Random(f"{drawing.seed} valid")
    ordered = chance.sample(listed, len(listed))
    examples: list[Example] = []
    for found in attrs.evolve(drawing, only=None).examples(ordered, _spread(ordered, wanted)):
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


_coder: Coder | None = None

_settings: tuple[Recipe, int] | None = None


def _begin(tokenizer: Path, recipe: Recipe, seed: int) -> None:
    global _coder, _settings
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _coder, _settings = Coder(tokenizer), (recipe, seed)


def _draw(package: Package, only: frozenset[str] | None) -> list[Example]:
    assert _coder is not None
    assert _settings is not None
    recipe, seed = _settings
    chance = random.Random(f"{seed} {package.label}")
    return list(examples_of(package.repository, list(files(package)), recipe, _coder, chance, only=only))
