"""What `cli/serve.py` puts into the server, as the server sees it. Only shapes; nothing here does anything."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import attrs

from lsp_server.actions.values import Offer, Progress, Proposal, Refusal, Selection
from lsp_server.cancel import CancelToken
from lsp_server.completion.model import ModelState
from lsp_server.completion.query import Answer, Query
from lsp_server.documents.document import Document, Edit
from lsp_server.errors import ServerError
from lsp_server.index.values import Coverage, IndexReader
from lsp_server.settings import IndexSettings, Settings, UserFile

ReaderOf = Callable[[Path], IndexReader | None]
"""The index of a workspace folder, or None where there is none (yet)."""


class Indexer(Protocol):
    """The index of one workspace folder. Its callbacks come on its own thread; all but `close` return at once."""

    def reader(self) -> IndexReader:
        """A new reader, for any thread; it ends with the indexer."""
        ...

    def start(self) -> None: ...

    def changed(self, path: Path, text: str | None) -> None:
        """An open document has this text now; None: it was closed, and what is on disk counts again."""
        ...

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Files were written, created or deleted on the disk."""
        ...

    def watch(self) -> None:
        """Hears of changes on the disk by itself from now on, because nobody else tells."""
        ...

    def sweep(self) -> None:
        """Compares everything with the disk."""
        ...

    def settings_changed(self, settings: IndexSettings) -> None: ...

    def close(self) -> None:
        """Ends threads and worker processes. Blocks: call off the event loop."""
        ...


class Core(Protocol):
    """What answers: completions and code actions, with their engine and their trees. Event loop only."""

    async def load(self) -> ModelState:
        """Starts the engine and loads the model, so that the first suggestion need not wait. Raises ServerError."""
        ...

    async def complete(self, query: Query, token: CancelToken) -> Answer:
        """Raises ServerError where the user must act; cancelling the task cancels at the engine."""
        ...

    async def offers(self, selection: Selection) -> list[Offer]:
        """The code actions for a selection, without asking the model: what can be done, then what cannot, and why."""
        ...

    async def propose(self, selection: Selection, kind: str, key: str, progress: Progress) -> Proposal | Refusal:
        """The edits of one offer. Raises ServerError; cancelling the task cancels at the engine."""
        ...

    def opened(self, document: Document) -> None: ...

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        """`edits` lead from `old` to `document`, each relative to the text that the one before it left."""
        ...

    def closed(self, uri: str) -> None: ...

    def follow(self, settings: Settings) -> None:
        """The settings have changed: what was suggested before may not be what is suggested now, nor by which model."""
        ...

    async def close(self) -> None: ...


MakeCore = Callable[[Settings, ReaderOf, Callable[[ModelState], None]], Core]
MakeIndexer = Callable[[Path, IndexSettings, Callable[[Coverage], None], Callable[[ServerError], None]], Indexer]


@attrs.frozen
class Parts:
    """Factories, because the settings are known only once the editor has said `initialize`.

    user: the user's own settings, below everything that the editor says.
    prepare: imports what the factories need; slow, and called on a thread before any of them.
    suffixes: of the files that can be indexed, for the editor to watch.
    strict: a bug ends the server instead of one request; for tests.
    """

    version: str
    user: UserFile
    make_core: MakeCore
    make_indexer: MakeIndexer
    suffixes: Iterable[str] = ()
    strict: bool = False
    prepare: Callable[[], None] = lambda: None
