"""Asking the model to fill in a hole of one document, on behalf of an action. Knows nothing of what it asks for."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import cast

from lsp_server.actions.values import Filled, Selection
from lsp_server.completion import prompt
from lsp_server.completion.prompts import path_of, repository_of
from lsp_server.completion.query import Query
from lsp_server.engine.protocol import Done, Engine, GenerateRequest, Piece, Priority
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from lsp_server.modelstore.card import ModelCard

SUFFIX_SHARE = 0.3
"""Of the room, for what follows the hole: an action writes into code that is there already, so it matters more than
while typing."""

DEADLINE_MS = 60_000
"""Somebody chose this from a menu and waits, but not for ever."""

LEAST_SCALE = 0.25


class ModelAsk:
    """Implements `values.Ask` for one selection. `card_of` loads the model as needed."""

    def __init__(
        self, engine: Engine, card_of: Callable[[], Awaitable[ModelCard]], selection: Selection, priority: Priority
    ) -> None:
        self._engine = engine
        self._card_of = card_of
        self._selection = selection
        self._priority = priority

    async def fill(self, prefix: str, suffix: str, *, max_tokens: int, stop: Sequence[str] = ()) -> Filled:
        card = await self._card_of()
        scale = 1.0
        while True:
            try:
                return await self._generated(self._request(card, prefix, suffix, max_tokens, tuple(stop), scale))
            except (ModelUnavailable, EngineUnavailable):
                raise
            except ServerError:
                # The text may be denser than the model's average, so that the prompt did not fit.
                scale /= 2
                if scale < LEAST_SCALE:
                    raise

    def _request(
        self, card: ModelCard, prefix: str, suffix: str, max_tokens: int, stop: tuple[str, ...], scale: float
    ) -> GenerateRequest:
        selection = self._selection
        query = Query(
            selection.document,
            selection.span.start,
            selection.settings,
            selection.folder,
            automatic=False,
            repository=selection.repository,
        )
        room = prompt.budget(card, 0.0, scale=scale).total
        after = _first_lines(suffix, int(room * SUFFIX_SHARE))
        before = _last_lines(prefix, room - len(after))
        parts = prompt.Parts(repository_of(query), path_of(query), (), "", before, after, "")
        return GenerateRequest(
            lane=f"action {selection.folder or selection.document.uri}",
            segments=prompt.render(card, parts),
            max_tokens=min(max_tokens, prompt.answer_tokens(card)),
            stop=stop,
            stop_tokens=card.fim.stop_tokens,
            priority=self._priority,
            deadline_ms=DEADLINE_MS,
        )

    async def _generated(self, request: GenerateRequest) -> Filled:
        text, tokens, logprob = "", 0, 0.0
        # The protocol says iterator and means generator: closing it cancels.
        stream = cast("AsyncGenerator[Piece | Done, None]", self._engine.generate(request))
        async with aclosing(stream):
            async for answer in stream:
                if isinstance(answer, Piece):
                    text += answer.text
                    tokens += answer.tokens
                    logprob += answer.logprob
                elif isinstance(answer, Done) and answer.reason in ("cancelled", "superseded", "deadline"):
                    raise EngineUnavailable("The model did not answer in time.", "Try again.")
        return Filled(text, logprob / tokens if tokens else None)


def _first_lines(text: str, room: int) -> str:
    """Whole lines from the beginning; part of the first line where even that is too long."""
    if len(text) <= room:
        return text
    end = text.rfind("\n", 0, room)
    return text[: end + 1] if end >= 0 else text[:room]


def _last_lines(text: str, room: int) -> str:
    """Whole lines up to the end; the end of the last line where even that is too long."""
    if len(text) <= room:
        return text
    start = text.find("\n", len(text) - room)
    return text[start + 1 :] if 0 <= start < len(text) - 1 else text[len(text) - room :]
