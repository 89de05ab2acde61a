"""What every code action shares: the question, the offer, the proposal, and what an action may ask for.

Two steps, as editors ask in two: `offers` is cheap and decides from the source alone what can be done here;
`propose` makes the edits of one offer, with the model's help, once somebody has chosen it. Nothing here does anything.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs

from lsp_server.documents.document import Document
from lsp_server.index.values import IndexReader
from lsp_server.settings import Settings
from lsp_server.text import Span

if TYPE_CHECKING:
    # The server imports this file before anything is parsed, and starts faster without a parser.
    from lsp_server.syntax.trees import SyntaxTree

EXTRACT_VARIABLE = "refactor.extract.variable"
DOCUMENTATION = "refactor.rewrite.documentation"
KINDS = (EXTRACT_VARIABLE, DOCUMENTATION)
"""Of all actions, as an editor is told at the start."""


@attrs.frozen
class Selection:
    """Where somebody asks: `span` of a document at one version; empty for a bare cursor."""

    document: Document
    span: Span
    settings: Settings
    folder: Path | None = None
    """The workspace folder that holds the document, or None."""
    repository: str = ""
    """Name of the repository for prompts; may be empty."""


@attrs.frozen
class Offer:
    """One thing that can be done at a selection, found without the model.

    kind: as the protocol names kinds, e.g. `refactor.extract.variable`.
    title: what a menu shows, beginning with a capital, without a full stop.
    key: tells apart the offers of one action at one selection; `propose` gets it back.
    reason: why it cannot be done here, as a sentence; empty where it can. Shown by editors that show such reasons.
    """

    kind: str
    title: str
    key: str
    reason: str = ""


@attrs.frozen
class Replacement:
    """`span` of the selection's document becomes `text`; `text` has the document's line ends and indentation."""

    span: Span
    text: str


@attrs.frozen
class Proposal:
    """The verified edits of one offer: they do not overlap and stand in order.

    summary: what was done, in one phrase for the person, e.g. "Extract `total` from 2 places".
    notes: sentences about what they might want to know, e.g. that the model was not available.
    """

    edits: tuple[Replacement, ...]
    summary: str
    notes: tuple[str, ...] = ()


@attrs.frozen
class Refusal:
    """Why nothing is proposed after all: a sentence for the person, never source text."""

    sentence: str


@attrs.frozen
class Filled:
    """What the model put into a hole. logprob: mean natural logarithm per token; None where nothing came."""

    text: str
    logprob: float | None


class Ask(Protocol):
    """The model, for one document. Event loop only; cancelling the task cancels at the engine."""

    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: Sequence[str] = ()) -> Filled:
        """What the model writes between `prefix` and `suffix`, which are the text around the hole.

        Both may be whole files: they are cut to the model's room at the far ends. The answer ends before the first
        of the `stop` texts. Raises ModelUnavailable or EngineUnavailable where there is no model to ask.
        """
        ...


Progress = Callable[[str, int | None], None]
"""A sentence for the person and a percentage, or None where the end is not known. Cheap; event loop only."""


@attrs.frozen
class Tools:
    """What `propose` may use. `reader` is the index of the workspace folder: blocking, so ask it on a worker thread."""

    ask: Ask
    reader: IndexReader | None = None
    progress: Progress = lambda sentence, percentage: None


class Action(Protocol):
    """One kind of change. Without state: everything comes as arguments."""

    @property
    def kind(self) -> str:
        """The kind of all its offers."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Names from `syntax.languages` that it knows."""
        ...

    def offers(self, selection: Selection, tree: "SyntaxTree") -> list[Offer]:
        """What can be done here, best first; an empty list where the selection is none of its business.

        Synchronous and without the model, on a worker thread: below 0.1 s for 1,000 lines.
        """
        ...

    async def propose(self, selection: Selection, offer: Offer, tree: "SyntaxTree", tools: Tools) -> Proposal | Refusal:
        """The edits, verified (`actions.verify`). `offer` is one of `offers`, without a reason.

        On the event loop: what takes longer than a few milliseconds goes through `asyncio.to_thread`. Cancelling the
        task stops everything. Raises ServerError only where the person must act.
        """
        ...
