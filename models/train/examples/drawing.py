"""Examples to learn from: the product's own prompts at the holes of a package's files, each with its right answer.

The package itself is the repository: it is written to a temporary folder and indexed as the product does it. Equal
packages, recipes and seeds give equal examples. Reads no corpus and writes no parts.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import attrs
import numpy as np
from numpy.typing import NDArray

from lsp_server.completion import prompt
from lsp_server.context.gather import Place, gather
from lsp_server.context.secrets import redacted
from lsp_server.context.snippet import Snippet
from lsp_server.engine.protocol import Segment
from lsp_server.index.values import IndexReader
from lsp_server.modelstore.card import ModelCard
from lsp_server.syntax.languages import language_of
from models.train.corpus.reading import File
from models.train.examples.masks import KINDS, Hole, Source
from models.train.examples.rendering import (
    FORMAT,
    PSM,
    Choice,
    burst_at,
    card,
    document_of,
    from_index,
    indexed,
    nothing,
)
from models.train.stage import disk_trouble
from models.train.tokenizer.coder import Coder
from models.train.tokenizer.special import END

LONGEST = 2_048
"""Tokens of an example at most."""

LEAST_FILE = 80
"""Characters of a file below which nothing is taken out of it."""

LEAST_PLAIN = 200


@attrs.frozen
class Mix:
    """Share of each kind of example, in any unit; see `masks.KINDS`."""

    line: float = 0.52
    block: float = 0.15
    arguments: float = 0.08
    docstring: float = 0.04
    annotation: float = 0.03
    name: float = 0.04
    span: float = 0.05
    plain: float = 0.09

    @property
    def shares(self) -> dict[str, float]:
        return {kind: float(getattr(self, kind)) for kind in KINDS}


@attrs.frozen
class Recipe:
    """How examples are drawn. Shares of one table may be in any unit; `contexts` are tokens of a prompt's room."""

    mix: Mix = Mix()
    contexts: tuple[tuple[int, float], ...] = ((512, 0.45), (1024, 0.35), (2048, 0.20))
    related: float = 0.65
    """Share of the holes that see related code as the product chooses it, ..."""
    unrelated: float = 0.10
    """... and what it would choose at another place; the rest see their own file only."""
    psm: float = 0.05
    """Share of the holes in the order prefix, suffix, middle; models of our own are asked in the other order."""
    closers: float = 1 / 3
    """How often an editor has closed the brackets that the middle is to close."""
    characters_per_hole: float = 2_500
    most_holes: int = 12
    """Holes of one file at most."""
    characters_per_token: float = 3.5


@attrs.frozen(eq=False)
class Example:
    """Tokens with the answer at their end: the token at `middle` is the first that has something of it."""

    kind: str
    path: str
    tokens: NDArray[np.uint16]
    middle: int


def examples_of(
    repository: str,
    files: Sequence[File],
    recipe: Recipe,
    coder: Coder,
    chance: random.Random,
    *,
    only: frozenset[str] | None = None,
) -> Iterator[Example]:
    """Examples of one package, spread over its files, or over those `only` that are named here.

    Raises ServerError where it cannot be indexed.
    """
    asked = [(file, _holes(file, recipe, chance)) for file in files if only is None or file.path in only]
    asked = [(file, count) for file, count in asked if count]
    if not asked:
        return
    chance.shuffle(asked)
    kinds = _Kinds(recipe.mix, chance)
    with ExitStack() as stack:
        reader = stack.enter_context(_index(files)) if len(files) > 1 else None
        drawer = _Drawer(repository, files, recipe, coder, reader, chance)
        for file, count in asked:
            language = language_of(Path(file.path), "")
            if language is None:
                continue
            source = Source(language, file.text)
            seen: set[int] = set()
            for _ in range(count):
                kind, hole = kinds.draw(source)
                if hole is not None and hole.start in seen:
                    continue
                example = drawer.plain(file) if hole is None else drawer.filled(file, hole)
                if example is None:
                    continue
                kinds.served(kind)
                if hole is not None:
                    seen.add(hole.start)
                yield example


def answered(
    coder: Coder, segments: Sequence[Segment], answer: str, *, ends: bool = True
) -> tuple[NDArray[np.uint16], int]:
    """A prompt with its answer as the engine has them, and where the answer begins.

    The answer belongs to the last text of the prompt: the product heals the token that the cursor is in.
    """
    tokens: list[int] = []
    for segment in segments[:-1]:
        tokens += [coder.special(segment.text)] if segment.special else coder.tokens(segment.text)
    last = segments[-1]
    if last.special:
        tokens.append(coder.special(last.text))
        joint, middle = coder.tokens(answer), 0
    else:
        joint = coder.tokens(last.text + answer)
        middle = coder.reaching(joint, len(last.text.encode("utf-8", "replace")))
    middle += len(tokens)
    tokens += joint
    if ends:
        tokens.append(END)
    return np.array(tokens, dtype=np.uint16), middle


class _Kinds:
    """Which kind comes next. A kind that a file does not have is owed to the package's next files."""

    def __init__(self, mix: Mix, chance: random.Random) -> None:
        self._shares = {kind: share for kind, share in mix.shares.items() if share > 0}
        self._chance = chance
        self._owed: Counter[str] = Counter()

    def draw(self, source: Source) -> tuple[str, Hole | None]:
        """A kind and a hole of it in this source; plain text where it has none of all that were tried."""
        owed = [kind for kind, count in self._owed.items() if count > 0]
        wanted = self._chance.choices(list(self._shares), list(self._shares.values()))
        for kind in (*owed, *wanted):
            if kind == "plain":
                return kind, None
            hole = source.draw(kind, self._chance)
            if hole is not None:
                return kind, hole
            if kind not in owed:
                self._owed[kind] += 1
        for kind in ("line", "span"):
            if kind in self._shares and (hole := source.draw(kind, self._chance)) is not None:
                return kind, hole
        return "plain", None

    def served(self, kind: str) -> None:
        if self._owed[kind] > 0:
            self._owed[kind] -= 1


class _Drawer:
    """Makes the examples of one package."""

    def __init__(
        self,
        repository: str,
        files: Sequence[File],
        recipe: Recipe,
        coder: Coder,
        reader: IndexReader | None,
        chance: random.Random,
    ) -> None:
        self._repository = repository
        self._files = files
        self._recipe = recipe
        self._coder = coder
        self._reader = reader
        self._chance = chance

    def filled(self, file: File, hole: Hole) -> Example | None:
        """The prompt at a hole and what was there; None where that does not fit or would show a secret."""
        closers = hole.closers if self._chance.random() < self._recipe.closers else ""
        fim = PSM if self._chance.random() < self._recipe.psm else FORMAT
        answer = file.text[hole.start : hole.end]
        model = self._model(len(answer))
        if model is None:
            return None
        model = attrs.evolve(model, fim=fim)
        # What an editor has put after the cursor stands in the document until the answer takes its place.
        text = file.text[: hole.start] + closers + file.text[hole.end :]
        document, tree = document_of(file.path, text)
        burst = burst_at(model, file.path, document, tree, hole.start, self._choice(file))
        if not closers:
            answer += burst.hidden
        segments = prompt.render(model, burst.parts(self._repository, file.path))
        before = (burst.prefix + burst.typed)[-200:]
        if redacted(before + answer) != before + answer:
            return None
        tokens, middle = answered(self._coder, segments, answer)
        return Example(hole.kind, file.path, tokens, middle) if len(tokens) <= LONGEST else None

    def plain(self, file: File) -> Example | None:
        """A piece of a file as it is, behind the head of a prompt."""
        model = card(self._context(), self._recipe.characters_per_token)
        room = min(int(model.context_tokens * model.characters_per_token * prompt.SAFETY), len(file.text))
        start = self._chance.randint(0, len(file.text) - room)
        start = file.text.rfind("\n", 0, start) + 1
        text = file.text[start : start + room]
        ends = start + room >= len(file.text)
        if not ends:
            text = text[: text.rfind("\n") + 1] or text
        if len(text.strip()) < LEAST_PLAIN:
            return None
        parts = prompt.Parts(self._repository, file.path, (), "", "", "", "")
        head = [segment for segment in prompt.render(model, parts) if segment.text not in _FIM]
        tokens, _ = answered(self._coder, [*head, Segment(redacted(text))], "", ends=ends)
        return Example("plain", file.path, tokens, len(tokens)) if len(tokens) <= LONGEST else None

    def _context(self) -> int:
        sizes, shares = zip(*self._recipe.contexts, strict=True)
        return int(self._chance.choices(sizes, shares)[0])

    def _model(self, characters: int) -> ModelCard | None:
        """A card with a context of a random size, or a larger one where the product keeps no room for such an answer
        in that."""
        drawn = self._context()
        for size in sorted(size for size, _ in self._recipe.contexts if size >= drawn):
            model = card(size, self._recipe.characters_per_token)
            if characters <= prompt.answer_tokens(model) * model.characters_per_token:
                return model
        return None

    def _choice(self, file: File) -> Choice:
        if self._reader is None:
            return nothing
        drawn = self._chance.random()
        if drawn < self._recipe.related:
            return from_index(self._reader)
        if drawn < self._recipe.related + self._recipe.unrelated:
            return self._elsewhere(self._reader, file)
        return nothing

    def _elsewhere(self, reader: IndexReader, file: File) -> Choice:
        """What the product would choose at a random place of another file."""
        other = self._chance.choice(self._files)
        offset = self._chance.randrange(len(other.text) + 1)

        def choose(place: Place, room: int) -> tuple[Snippet, ...]:
            found = gather(Place(path=other.path, text=other.text, offset=offset), reader, room)
            return tuple(snippet for snippet in found if snippet.path != place.path)

        return choose


_FIM = frozenset({FORMAT.prefix_token, FORMAT.suffix_token, FORMAT.middle_token})


def _holes(file: File, recipe: Recipe, chance: random.Random) -> int:
    """How many holes a file gets: by its length, rounded by chance, so that short files have their share."""
    if len(file.text) < LEAST_FILE or "\r" in file.text:
        return 0
    return min(int(len(file.text) / recipe.characters_per_hole + chance.random()), recipe.most_holes)


@contextmanager
def _index(files: Sequence[File]) -> Iterator[IndexReader]:
    """The product's index of the files, written to a folder that vanishes afterwards."""
    with TemporaryDirectory(prefix="codehearth-package-") as folder:
        for file in files:
            relative = PurePosixPath(file.path)
            if relative.is_absolute() or ".." in relative.parts:
                continue
            path = Path(folder) / relative
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file.text, encoding="utf-8", errors="replace", newline="\n")
            except OSError as error:
                raise disk_trouble(error, path) from error
        with indexed(Path(folder)) as reader:
            yield reader
