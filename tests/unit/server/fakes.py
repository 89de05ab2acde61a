"""Stand-ins for what the server is given: an editor that remembers, a core that obeys, an index that counts."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import attrs

from lsp_server.actions.values import Offer, Progress, Proposal, Refusal, Selection
from lsp_server.cancel import CancelToken
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer, Completion, Query
from lsp_server.documents.document import Document, Edit
from lsp_server.errors import ServerError, SettingsProblem
from lsp_server.index.values import Coverage, IndexReader
from lsp_server.server.parts import Parts
from lsp_server.server.session import silent
from lsp_server.settings import IndexSettings, Settings, UserFile
from lsp_server.text import Span


async def until(true: Callable[[], object]) -> None:
    """Waits for a state that other threads or tasks bring about."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # There is no event for what the tests look at from outside.
            await asyncio.sleep(0.001)


class FakeEditor:
    def __init__(self) -> None:
        self.notified: list[tuple[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.shown: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.ended: int | None = None
        self.answers: dict[str, Any] = {}

    def notify(self, method: str, params: Any) -> None:
        self.notified.append((method, params))

    async def request(self, method: str, params: Any) -> Any:
        self.asked.append((method, params))
        answer = self.answers.get(method)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def show(self, kind: str, message: str) -> None:
        self.shown.append(message)

    def follow_log_level(self, level: str) -> None:
        self.level = level

    def run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def end(self, code: int) -> None:
        self.ended = code

    async def settle(self) -> None:
        """Until all background work is done and everything scheduled has run."""
        await asyncio.gather(*self.tasks)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def statuses(self) -> list[Any]:
        return [params for method, params in self.notified if method == "codehearth/status"]


class FakeCore:
    """Answers every query with `text`, once `gate` is open; raises `error` instead where it is set."""

    def __init__(self, text: str = "done") -> None:
        self.text = text
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.loading: ServerError | None = None
        self.queries: list[Query] = []
        self.edits: list[tuple[str, str, int]] = []
        self.closed_uris: list[str] = []
        self.cancelled = 0
        self.followed: list[Settings] = []
        self.settings: Settings | None = None
        self.on_state: Callable[[ModelState], None]

    async def load(self) -> ModelState:
        if self.loading is not None:
            raise self.loading
        return ModelState("ready", "", "fake")

    async def complete(self, query: Query, token: CancelToken) -> Answer:
        self.queries.append(query)
        waits = [asyncio.ensure_future(token.wait()), asyncio.ensure_future(self.gate.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            for wait in waits:
                wait.cancel()
        if self.error is not None:
            raise self.error
        nothing = silent("superseded", "")
        if token.cancelled:
            return attrs.evolve(nothing, superseded=True)
        here = Span(query.offset, query.offset)
        explanation = attrs.evolve(nothing.explanation, silence=None, mode="line")
        return Answer((Completion(self.text, here, from_cache=False),), superseded=False, explanation=explanation)

    async def offers(self, selection: Selection) -> list[Offer]:
        return []

    async def propose(self, selection: Selection, kind: str, key: str, progress: Progress) -> Proposal | Refusal:
        return Refusal("This cannot be done here.")

    def opened(self, document: Document) -> None: ...

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        self.edits.append((old.text, document.text, len(edits)))

    def follow(self, settings: Settings) -> None:
        self.followed.append(settings)

    def closed(self, uri: str) -> None:
        self.closed_uris.append(uri)

    async def close(self) -> None: ...


class FakeIndexer:
    """Remembers what it was told; `progress` is how its thread would report."""

    def __init__(
        self,
        folder: Path,
        settings: IndexSettings,
        progress: Callable[[Coverage], None],
        problem: Callable[[ServerError], None],
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.progress = progress
        self.problem = problem
        self.started = False
        self.closed = False
        self.texts: list[tuple[Path, str | None]] = []
        self.paths: list[Path] = []
        self.sweeps = 0
        self.watching = False

    def reader(self) -> IndexReader:
        return cast(IndexReader, self)

    def start(self) -> None:
        self.started = True

    def changed(self, path: Path, text: str | None) -> None:
        self.texts.append((path, text))

    def files_changed(self, paths: Iterable[Path]) -> None:
        self.paths.extend(paths)

    def watch(self) -> None:
        self.watching = True

    def sweep(self) -> None:
        self.sweeps += 1

    def settings_changed(self, settings: IndexSettings) -> None:
        self.settings = settings

    def close(self) -> None:
        self.closed = True


class FakeUserFile(UserFile):
    """Changes when the test says so."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.problems: list[SettingsProblem] = []
        self.written = False

    def changed(self) -> bool:
        written, self.written = self.written, False
        return written


@attrs.define
class World:
    """A session's surroundings, and the `Parts` that lead there."""

    editor: FakeEditor = attrs.field(factory=FakeEditor)
    core: FakeCore = attrs.field(factory=FakeCore)
    indexers: list[FakeIndexer] = attrs.field(factory=list)
    user: FakeUserFile = attrs.field(factory=lambda: FakeUserFile(Settings()))
    strict: bool = True

    def parts(self) -> Parts:
        def make_core(settings: Settings, _: Any, on_state: Callable[[ModelState], None]) -> FakeCore:
            self.core.settings = settings
            self.core.on_state = on_state
            return self.core

        def make_indexer(*arguments: Any) -> FakeIndexer:
            self.indexers.append(FakeIndexer(*arguments))
            return self.indexers[-1]

        return Parts("1.2.3", self.user, make_core, make_indexer, (".py",), self.strict)
