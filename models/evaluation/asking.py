"""One hole, asked as the product asks: its prompt, its stops, its post-processing. Chooses the context, judges nothing.

Arms on identical items:

context   what the product does: related code in the prompt, and the repository's own continuations mixed in
alone     the same prompt without continuations: the model by itself
file      the repository is not there: no related code, continuations from the document only
random    as `file`, with as many characters of other places of the repository as `context` has of related code
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import attrs

from lsp_server.completion import alternatives, gate, postprocess, prompt
from lsp_server.completion.alternatives import Chosen
from lsp_server.completion.place import Mode
from lsp_server.completion.prompt import Parts
from lsp_server.completion.query import Query
from lsp_server.completion.scope import ScopeStop
from lsp_server.completion.service import LINE_TOKENS
from lsp_server.context.continuations import continuations
from lsp_server.context.gather import Place, cost, gather
from lsp_server.context.secrets import redacted
from lsp_server.context.snippet import Snippet
from lsp_server.documents.document import Document
from lsp_server.engine.protocol import Continuation, GenerateRequest
from lsp_server.index.values import IndexReader
from lsp_server.modelstore.card import FimFormat, ModelCard
from lsp_server.settings import Settings
from lsp_server.syntax.trees import SyntaxTree
from models.evaluation.engine import MeasuredModel, Step, Written
from models.evaluation.holes import Kind, Opened
from models.train.examples import rendering
from models.train.examples.rendering import Choice

Arm = Literal["context", "alone", "file", "random"]
ARMS: tuple[Arm, ...] = get_args(Arm)
"""In this order, because `alone` finds its prompt read."""

MODES: Mapping[Kind, Mode] = {"line": "line", "arguments": "line", "block": "block"}
SETTINGS = Settings()


@attrs.frozen
class Asked:
    """One answer. `written` is what the model wrote, up to the line's end or the product's stop, `text` that, or what
    the repository says where the product prefers it (`completion/alternatives.py`), `inserted` what the product's
    post-processing leaves of it; `shown`: would the product show it unasked?"""

    written: Written
    text: str
    inserted: str
    shown: bool
    prompt: str
    steps: Sequence[Step]


class Case:
    """A hole as the product sees it: document, tree, query. Made once for all arms and baselines."""

    def __init__(self, opened: Opened, folder: Path) -> None:
        self.opened = opened
        self.document: Document
        self.tree: SyntaxTree | None
        self.document, self.tree = rendering.document_of(opened.hole.path, opened.text)
        self.offset = len(opened.before)
        self.mode = MODES[opened.hole.kind]
        self.query = Query(self.document, self.offset, SETTINGS, folder, automatic=False, repository=folder.name)

    def stop(self) -> ScopeStop:
        return ScopeStop(self.query, self.tree, self.mode, SETTINGS.completion.max_lines)

    def cut(self, text: str) -> str:
        """A text that came whole, ended where the product ends one that it is streaming."""
        end = self.stop().feed(text + "\n")
        return text if end is None else text[:end]

    def inserted(self, text: str) -> str:
        return postprocess.run(text, self.query, self.tree, self.mode).text

    def chosen(self, text: str, voices: Sequence[Continuation], *, endless: bool) -> Chosen:
        others = (voice.text for voice in voices)
        return alternatives.choose(text, others, self.query, self.tree, self.mode, endless=endless)

    def shown(self, inserted: str, logprob: float | None) -> bool:
        automatic = attrs.evolve(self.query, automatic=True)
        return bool(inserted) and gate.decide(inserted, logprob, automatic, self.mode) is None

    def parts(self, card: ModelCard, choose: Choice) -> Parts:
        path = self.opened.hole.path
        return rendering.parts_at(card, self.query.repository, path, self.document, self.tree, self.offset, choose)


def ask(
    model: MeasuredModel, case: Case, choose: Choice, voices: tuple[Continuation, ...] = (), *, loss: bool = True
) -> Asked:
    """The answer at a hole, and, with `loss`, the model's own way through the truth."""
    segments = prompt.render(model.card, case.parts(model.card, choose))
    steps = model.follow(segments, case.opened.truth, heal=True) if loss else ()
    room = prompt.answer_tokens(model.card)
    request = GenerateRequest(
        lane="hole",
        segments=segments,
        max_tokens=min(LINE_TOKENS, room) if case.mode == "line" else room,
        stop=("\n",) if case.mode == "line" else (),
        stop_tokens=model.card.fim.stop_tokens,
        heal=True,
        continuations=voices,
    )
    whole_line = case.opened.hole.kind == "line"  # the engine stops at its end; what the product cuts is seen below
    written = model.write(request, None if whole_line else case.stop().feed)
    endless = written.reason == "length"
    whole = written.text if not endless else written.text[: max(written.text.rfind("\n"), 0)]
    chosen = case.chosen(case.cut(whole) if whole else "", voices, endless=endless)
    sure = alternatives.sure(written.logprob) if chosen.second else written.logprob
    seen = "".join(segment.text for segment in segments if not segment.special)
    text, inserted = chosen.text if chosen.second else written.text, chosen.processed.text
    return Asked(written, text, inserted, case.shown(inserted, sure), seen, steps)


def loss_of(model: MeasuredModel, case: Case, fim: FimFormat) -> float:
    """Nats that the truth costs in a prompt of another format, without context."""
    card = attrs.evolve(model.card, fim=fim)
    segments = prompt.render(card, case.parts(card, rendering.nothing))
    # Only the text before the cursor can be healed, where it is the prompt's end.
    return sum(step.loss for step in model.follow(segments, case.opened.truth, heal=fim.layout[-1] != "suffix"))


class Contexts:
    """What each arm puts beside the file, in one repository."""

    def __init__(self, reader: IndexReader, repository: Path) -> None:
        self._reader = reader
        self._files = [
            (path.relative_to(repository).as_posix(), path.read_bytes().decode("utf-8", "replace"))
            for path in sorted(repository.rglob("*.py"))
            if path.stat().st_size > 400
        ]

    def choice(self, arm: Arm) -> Choice:
        if arm == "file":
            return rendering.nothing
        return self._random if arm == "random" else rendering.from_index(self._reader)

    def voices(self, arm: Arm, case: Case) -> tuple[Continuation, ...]:
        if arm == "alone":
            return ()
        place = Place(case.opened.hole.path, case.document.text, case.offset)
        lines = 1 if case.mode == "line" else SETTINGS.completion.max_lines
        return continuations(place, self._reader if arm == "context" else None, lines=lines)

    def _random(self, place: Place, room: int) -> tuple[Snippet, ...]:
        """For each snippet of the product's choice one of the same length from a random place of another file."""
        chance = random.Random(f"{place.path} {place.offset}")
        others = [file for file in self._files if file[0] != place.path]
        chosen = gather(place, self._reader, room)
        found = [self._like(snippet, others, chance) for snippet in chosen] if others else []
        return tuple(sorted(found, key=lambda snippet: (snippet.path, snippet.text)))

    def _like(self, snippet: Snippet, files: Sequence[tuple[str, str]], chance: random.Random) -> Snippet:
        length = cost(snippet)
        for _ in range(50):
            path, text = chance.choice(files)
            wanted = length - cost(attrs.evolve(snippet, path=path, text=""))
            start = text.rfind("\n", 0, chance.randrange(len(text))) + 1
            if 0 < wanted <= len(text) - start:
                return Snippet(path, redacted(text[start : start + wanted]), "similar", "random", None, 0.0)
        return snippet
