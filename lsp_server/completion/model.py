"""The model that completes: what the engine has loaded, turned into the card that prompts are built by.

Never loads or runs anything itself. Loading is shared: however many requests wait for it, the engine is asked once,
and a request that gives up does not stop it.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

import attrs

from lsp_server.engine.protocol import Done, Engine, GenerateRequest, ModelFacts, Priority, Segment
from lsp_server.errors import ServerError
from lsp_server.modelstore import catalogue, facts, selftest
from lsp_server.modelstore.budget import context_budget, prompt_budget
from lsp_server.modelstore.card import FimFormat, ModelCard


@attrs.frozen
class ModelState:
    """How the model is. `sentence` is for a person; `name` is known once it was loaded."""

    state: Literal["absent", "loading", "ready", "error"]
    sentence: str = ""
    name: str | None = None


class ActiveModel:
    """The card of the engine's model, made anew when the model changes. Event loop only.

    `on_state` is called on the loop, and only when something changed.
    """

    def __init__(self, engine: Engine, on_state: Callable[[ModelState], None] | None = None) -> None:
        self._engine = engine
        self._on_state = on_state
        self._loading: asyncio.Task[ModelCard] | None = None
        self._facts: ModelFacts | None = None
        self._card: ModelCard | None = None
        self.state = ModelState("absent")

    async def card(self) -> ModelCard:
        """The loaded model's card; starts the engine and loads as needed.

        Raises ModelUnavailable or EngineUnavailable; listeners have heard of it by then.
        """
        if self._loading is None or self._loading.done():
            if self.state.state == "absent":  # After a failure the status says so until it works; it must not flicker.
                self._tell(ModelState("loading", "Loading the model."))
            self._loading = asyncio.create_task(self._load())
            # Whoever waited may be gone by the time it fails; the state has told it to everybody.
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._loading)

    def failed(self, error: ServerError) -> None:
        """A request found out that the model or the engine cannot be used."""
        self._tell(ModelState("error", str(error), self._card.name if self._card else None))

    def close(self) -> None:
        if self._loading is not None:
            self._loading.cancel()

    async def _load(self) -> ModelCard:
        try:
            loaded = await self._engine.model()
            if self._card is None or loaded != self._facts:
                self._card = await self._made(loaded)
                self._facts = loaded
        except ServerError as error:
            self.failed(error)
            raise
        self._tell(ModelState("ready", f"{self._card.name} is ready.", self._card.name))
        return self._card

    async def _made(self, loaded: ModelFacts) -> ModelCard:
        known = facts.of_loaded(loaded, loaded.spec.path)
        fim = catalogue.resolve(known)
        if isinstance(fim, catalogue.Ambiguous):
            fim = await selftest.decide(known.name, fim.candidates, self._continue)
        return card_of(loaded, known, fim)

    async def _continue(self, parts: tuple[selftest.Part, ...], max_tokens: int, stop_tokens: tuple[str, ...]) -> str:
        """What the self-test asks the model with."""
        request = GenerateRequest(
            lane="self-test",
            segments=tuple(Segment(part.text, part.special) for part in parts),
            max_tokens=max_tokens,
            stop_tokens=stop_tokens,
            priority=Priority.INLINE,
        )
        pieces = [item.text async for item in self._engine.generate(request) if not isinstance(item, Done)]
        return "".join(pieces)

    def _tell(self, state: ModelState) -> None:
        if state != self.state:
            self.state = state
            if self._on_state is not None:
                self._on_state(state)


def card_of(loaded: ModelFacts, known: facts.GgufFacts, fim: FimFormat) -> ModelCard:
    """The card of a loaded model whose format is known; its room follows the machine and what it says itself."""
    context_tokens = context_budget(loaded.trained_context, loaded.prefill_rate, loaded.context_tokens)
    return ModelCard(
        name=known.name,
        path=loaded.spec.path,
        fim=fim,
        prompt_format=catalogue.prompt_format(known),
        context_tokens=context_tokens,
        characters_per_token=loaded.characters_per_token,
        prefill_rate=loaded.prefill_rate,
        decode_rate=loaded.decode_rate,
        tested_with=catalogue.tested_with(known),
        prompt_tokens=prompt_budget(context_tokens, catalogue.prompt_tokens(known)),
        random_weights=catalogue.random_weights(known),
    )
