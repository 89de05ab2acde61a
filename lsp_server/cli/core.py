"""What answers in `codehearth serve`: services, trees and engine as one thing with one beginning and one end."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from lsp_server.actions.service import ActionService
from lsp_server.actions.values import Offer, Progress, Proposal, Refusal, Selection
from lsp_server.cancel import CancelToken
from lsp_server.completion.forced import ForcedTexts
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer, Query
from lsp_server.completion.service import CompletionService
from lsp_server.documents.document import Document, Edit
from lsp_server.documents.trees import Trees
from lsp_server.engine.client import EngineClient, EngineState
from lsp_server.engine.fake import FakeEngine
from lsp_server.engine.protocol import Done, Engine, GenerateRequest, ModelFacts, ModelSpec, Piece
from lsp_server.errors import EngineUnavailable, ModelUnavailable
from lsp_server.modelstore import store
from lsp_server.server.parts import ReaderOf
from lsp_server.settings import Settings

OnState = Callable[[ModelState], None]


class OwnedEngine(Engine, Protocol):
    """An engine that somebody closes."""

    def follow(self, settings: Settings) -> None:
        """Other settings from now on."""
        ...

    async def close(self) -> None: ...


class ServedCore:
    """Implements `server.parts.Core`. Event loop only."""

    def __init__(
        self,
        make_engine: Callable[[Callable[[EngineState], None]], OwnedEngine],
        reader_of: ReaderOf,
        on_state: OnState,
        forced_texts: ForcedTexts | None = None,
    ) -> None:
        self._on_state = on_state
        self._state = ModelState("absent")
        self._died = False
        self._engine = make_engine(self._engine_moved)
        self._trees = Trees()
        self._service = CompletionService(
            engine=self._engine,
            trees=self._trees,
            reader_of=reader_of,
            on_state=self._model_moved,
            forced_texts=forced_texts,
        )
        self._actions = ActionService(
            engine=self._engine, trees=self._trees, card_of=self._service.card, reader_of=reader_of
        )

    async def load(self) -> ModelState:
        return await self._service.load()

    async def complete(self, query: Query, token: CancelToken) -> Answer:
        return await self._service.complete(query, token)

    async def offers(self, selection: Selection) -> list[Offer]:
        return await self._actions.offers(selection)

    async def propose(self, selection: Selection, kind: str, key: str, progress: Progress) -> Proposal | Refusal:
        return await self._actions.propose(selection, kind, key, progress)

    def opened(self, document: Document) -> None:
        self._trees.opened(document)

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        self._trees.edited(old, document, edits)
        self._service.edited(old, document, edits)

    def follow(self, settings: Settings) -> None:
        self._engine.follow(settings)
        self._service.forget()

    def closed(self, uri: str) -> None:
        self._trees.closed(uri)
        self._service.closed(uri)

    async def close(self) -> None:
        self._actions.close()
        await self._service.close()
        await self._engine.close()
        self._trees.close()

    def _model_moved(self, state: ModelState) -> None:
        if state.state == "error" and self._died:
            # It costs one suggestion and is started again by the next request: nothing for a person to act on.
            state = ModelState("absent", state.sentence, state.name)
        self._state = state
        self._on_state(state)

    def _engine_moved(self, state: EngineState) -> None:
        """The service hears of the engine only when it asks; a person sees that it loads again, or cannot."""
        self._died = state.state == "off"
        match state.state:
            case "loading" | "starting":
                self._on_state(ModelState("loading", state.sentence or "Loading the model.", self._state.name))
            case "ready" | "unloaded" if self._state.state == "ready":
                self._on_state(self._state)
            case "failed":
                self._on_state(ModelState("error", state.sentence, self._state.name))


def engine_of(settings: Settings, script: Path | None) -> Callable[[Callable[[EngineState], None]], OwnedEngine]:
    """A maker of the engine that the settings ask for; the script's, where there is one."""
    if script is not None:
        return lambda _: ScriptedEngine(script)
    return lambda on_state: LocatedEngine(settings, on_state)


def forced_texts_of(file: Path | None) -> ForcedTexts | None:
    """What `codehearth bench` lays down for a model of random weights."""
    return ForcedTexts(json.loads(file.read_text(encoding="utf-8"))) if file is not None else None


class LocatedEngine:
    """The user's engine process, for a model that is looked for only when it is needed: that may take a while, and a
    missing model must not keep the server from starting."""

    def __init__(self, settings: Settings, on_state: Callable[[EngineState], None]) -> None:
        self._settings = settings
        self._located_for: Settings | None = None
        self._on_state = on_state
        self._client: EngineClient | None = None

    def follow(self, settings: Settings) -> None:
        self._settings = settings

    async def model(self) -> ModelFacts:
        return await (await self._located()).model()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Piece | Done, None]:
        client = await self._located()
        async with aclosing(client.generate(request)) as answers:
            async for answer in answers:
                yield answer

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _located(self) -> EngineClient:
        while self._client is None or self._located_for is not self._settings:
            settings = self._settings
            path = await asyncio.to_thread(store.locate, settings.model)
            if self._client is None:  # Somebody else may have found it meanwhile.
                self._client = EngineClient(_command(settings), _spec(settings, path), on_state=self._on_state)
            else:
                self._client.use(_spec(settings, path))
            self._located_for = settings
        return self._client


class ScriptedEngine(FakeEngine):
    """Answers from a JSON file, read anew for every request, so that a test can change its mind:

    {"text": "…", "delayMs": 0, "modelError": "…", "engineError": "…", "promptsTo": "FILE"}; all are optional. Each
    prompt becomes a line of that file, as a JSON string, for tests that ask what the model is shown.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(lambda _: str(self._script.get("text", "")))
        self._file = file
        self._script: dict[str, object] = {}

    async def model(self) -> ModelFacts:
        self._read()
        if "modelError" in self._script:
            raise ModelUnavailable(str(self._script["modelError"]))
        return await super().model()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Piece | Done, None]:
        self._read()
        await asyncio.sleep(float(str(self._script.get("delayMs", 0))) / 1000)
        self._record(request)
        if "engineError" in self._script:
            raise EngineUnavailable(str(self._script["engineError"]))
        async for answer in super().generate(request):
            yield answer

    def follow(self, settings: Settings) -> None: ...

    async def close(self) -> None: ...

    def _record(self, request: GenerateRequest) -> None:
        if "promptsTo" in self._script:
            with Path(str(self._script["promptsTo"])).open("a", encoding="utf-8") as prompts:
                prompts.write(json.dumps("".join(segment.text for segment in request.segments)) + "\n")

    def _read(self) -> None:
        self._script = json.loads(self._file.read_text(encoding="utf-8"))


def _command(settings: Settings) -> list[str]:
    minutes = str(settings.engine.idle_unload_minutes)
    return [sys.executable, "-P", "-m", "lsp_server", "engine", "--idle-unload-minutes", minutes]


def _spec(settings: Settings, path: Path) -> ModelSpec:
    engine = settings.engine
    return ModelSpec(str(path), engine.context_tokens, engine.threads, engine.gpu_layers)
