"""The code actions of one server: finds offers off the event loop, and has the chosen one carried out with the model.

Lives on the event loop and never blocks it. Knows no protocol; the server decides what to do with what comes back.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from lsp_server.actions import catalogue
from lsp_server.actions.asking import ModelAsk
from lsp_server.actions.values import EXTRACT_VARIABLE, Offer, Progress, Proposal, Refusal, Selection, Tools
from lsp_server.documents.trees import Trees
from lsp_server.engine.protocol import Engine, Priority
from lsp_server.index.values import IndexReader
from lsp_server.modelstore.card import ModelCard
from lsp_server.syntax.trees import SyntaxTree

GENERATED_LINES = 10
_GENERATED = re.compile(
    r"@generated\b|\bdo not edit\b|\b(?:auto(?:matically)?[- ]?)?generated (?:by|from)\b", re.IGNORECASE
)
_COMMENT = re.compile(r"^\s*(?:#|//|/\*|\*|--|<!--|\"\"\")")


class ActionService:
    """One per server; all methods on the event loop.

    card_of: the loaded model's card, loading as needed. reader_of: the index of a workspace folder, if there is one.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        trees: Trees,
        card_of: Callable[[], Awaitable[ModelCard]],
        reader_of: Callable[[Path], IndexReader | None],
    ) -> None:
        self._engine = engine
        self._trees = trees
        self._card_of = card_of
        self._reader_of = reader_of
        # One question after the other: an editor asks at every change of the selection and gives up older questions.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="codehearth-actions")

    async def offers(self, selection: Selection) -> list[Offer]:
        """What can be done here without asking the model, best first; then what cannot, each with its reason."""
        tree = await self._trees.at(selection.document)
        if tree is None:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, _offers, selection, tree)

    async def propose(self, selection: Selection, kind: str, key: str, progress: Progress) -> Proposal | Refusal:
        """Carries out the offer of this kind and key. Raises ServerError where the person must act; cancelling the
        task cancels at the engine."""
        offers = await self.offers(selection)
        offer = next((offer for offer in offers if offer.kind == kind and offer.key == key), None)
        action = catalogue.action_of(kind)
        tree = await self._trees.at(selection.document)
        if offer is None or action is None or tree is None:
            return Refusal("This cannot be done here.")
        if offer.reason:
            return Refusal(offer.reason)
        priority = Priority.REFACTOR if kind == EXTRACT_VARIABLE else Priority.DOCUMENTATION
        tools = Tools(
            ask=ModelAsk(self._engine, self._card_of, selection, priority),
            reader=self._reader_of(selection.folder) if selection.folder is not None else None,
            progress=progress,
        )
        return await action.propose(selection, offer, tree, tools)

    def close(self) -> None:
        """Ends the thread once what it has begun is done, without waiting for that. Never blocks."""
        self._thread.shutdown(wait=False)


def _offers(selection: Selection, tree: SyntaxTree) -> list[Offer]:
    found = catalogue.offers(selection, tree)
    if found and (reason := untouchable(selection)):
        found = [attrs.evolve(offer, reason=offer.reason or reason) for offer in found]
    return found


def untouchable(selection: Selection) -> str | None:
    """Why this file should not be edited at all, if it should not. Asks the disk: off the event loop."""
    path = selection.document.path
    if path is not None and path.exists() and not os.access(path, os.W_OK):
        return "The file is read-only."
    head = re.split(r"\r\n|\n|\r", selection.document.text[:4000], maxsplit=GENERATED_LINES)[:GENERATED_LINES]
    if any(_COMMENT.match(line) and _GENERATED.search(line) for line in head):
        return "The file says that it is generated."
    return None
