"""From a query to the prompt that the engine gets: owns the bursts, the recent edits and the context thread.

Event loop only, but for `_ask` and `_look`, which run on the context thread. Asks for related code only when a prompt
is anchored anew and the enclosing definition is another one; answers that come too late are used at the next anchor.
What the repository goes on with is no part of the prompt, and looked for anew by every request.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from lsp_server.completion import burst as bursts
from lsp_server.completion import prompt
from lsp_server.completion.burst import Burst
from lsp_server.completion.ledger import Ledger
from lsp_server.completion.query import Query
from lsp_server.context import continuations
from lsp_server.context.continuations import Attested
from lsp_server.context.gather import Place, gather
from lsp_server.context.header import Surroundings
from lsp_server.context.recent import RecentEdits
from lsp_server.context.snippet import Snippet
from lsp_server.documents.document import Document, Edit
from lsp_server.engine.protocol import Segment
from lsp_server.errors import ServerError
from lsp_server.index.values import IndexReader
from lsp_server.modelstore.card import ModelCard
from lsp_server.syntax.trees import SyntaxTree

PATIENCE_S = 0.04
"""How long an automatic request waits for related code; the index answers in about 10 ms when it is warm."""

EXPLICIT_PATIENCE_S = 1.0
LEAST_SCALE = 0.25

ReaderOf = Callable[[Path], IndexReader | None]


KEPT_BURSTS = 4
"""Bursts remembered per document, newest first: whoever jumps away to look something up or to change a caller comes
back, and the engine may still hold the prompt (a third of the jumps in the shipped trace return)."""


class Prompts:
    """One per server. `tree_thread` answers questions to trees; the context thread is its own, `close` ends it."""

    def __init__(self, reader_of: ReaderOf, tree_thread: Executor) -> None:
        self._reader_of = reader_of
        self._tree_thread = tree_thread
        self._bursts: dict[str, tuple[Burst, ...]] = {}
        self._card: ModelCard | None = None
        self._late: dict[str, tuple[str, asyncio.Future[tuple[tuple[Snippet, ...], bool]]]] = {}
        self._scale: dict[str, float] = {}
        self._recent = RecentEdits()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="codehearth-context")

    def appended(self, query: Query, card: ModelCard) -> int | None:
        """Characters by which a prompt for `query` would grow an earlier one; None when it would be begun anew."""
        known = self._bursts.get(query.document.uri, ()) if card == self._card else ()
        for burst in known:
            if isinstance(bursts.follow(burst, query.document, query.offset), Burst):
                return abs(query.offset - burst.cursor)
        return None

    async def prepare(self, ledger: Ledger, tree: SyntaxTree | None, card: ModelCard) -> tuple[Segment, ...]:
        """The prompt for the ledger's query; notes what it is built of. `tree` is of the query's document."""
        query = ledger.query
        burst = self._followed(query, card)
        if isinstance(burst, str):
            ledger.reanchored = burst
            burst = await self._anchored(ledger, burst, tree, card)
        self._keep(query.document.uri, burst, card)
        ledger.snippets = burst.snippets
        with ledger.hop("prompt"):
            return prompt.render(card, burst.parts(repository_of(query), path_of(query)))

    async def attested(self, ledger: Ledger, lines: int) -> tuple[Attested, ...]:
        """What the repository goes on with, at most `lines` lines of it, where the text before the cursor stands in it
        already; nothing where that is not known in time."""
        query = ledger.query
        if not query.settings.context.enabled:
            return ()
        reader = self._reader_of(query.folder) if query.folder is not None else None
        place = Place(path_of(query), query.document.text, query.offset)
        asked = asyncio.get_running_loop().run_in_executor(self._thread, _look, place, reader, lines)
        with ledger.hop("continuations"):
            try:
                return await asyncio.wait_for(asked, PATIENCE_S if query.automatic else EXPLICIT_PATIENCE_S)
            except TimeoutError:
                return ()

    def shrink(self, query: Query) -> bool:
        """Begins anew with half the room, because the last prompt did not fit; False when it is small already."""
        uri = query.document.uri
        self._bursts.pop(uri, None)
        self._scale[uri] = self._scale.get(uri, 1.0) / 2
        return self._scale[uri] >= LEAST_SCALE

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        """Remembers where the person edits, for the prompts of other files. Lines are exact for a single edit and
        near enough for several at once."""
        if document.path is None:
            return
        for edit in edits:
            first = document.lines.line_of(edit.span.start)
            added = edit.inserted.count("\n")
            removed = old.text.count("\n", edit.span.start, edit.span.end)
            self._recent.note(document.path, first, first + added, added - removed)

    def closed(self, uri: str) -> None:
        for kept in (self._bursts, self._late, self._scale):
            kept.pop(uri, None)

    def forget(self) -> None:
        self._bursts.clear()
        self._late.clear()
        self._scale.clear()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _followed(self, query: Query, card: ModelCard) -> Burst | str:
        """The burst that the query continues, the newest first; else why the newest cannot go on."""
        uri = query.document.uri
        known = self._bursts.get(uri, ())
        if not known:
            return "first request"
        if card != self._card:
            return "another model"
        scope, arriving = self._late.get(uri, ("", None))
        if arriving is not None and arriving.done() and not known[0].complete and scope == known[0].scope:
            return "related code arrived"
        states = [bursts.follow(burst, query.document, query.offset) for burst in known]
        return next((state for state in states if isinstance(state, Burst)), states[0])

    def _keep(self, uri: str, burst: Burst, card: ModelCard) -> None:
        """Makes a burst the newest of its document, in place of the state it was followed from."""
        older = self._bursts.get(uri, ()) if card == self._card else ()
        if card != self._card:
            self._bursts.clear()
            self._card = card
        others = tuple(each for each in older if (each.start, each.suffix) != (burst.start, burst.suffix))
        self._bursts[uri] = (burst, *others)[:KEPT_BURSTS]

    async def _anchored(self, ledger: Ledger, reason: str, tree: SyntaxTree | None, card: ModelCard) -> Burst:
        query = ledger.query
        document, settings = query.document, query.settings
        known = self._bursts.get(document.uri, ()) if card == self._card else ()
        previous = known[0] if known else None
        share = settings.context.share if settings.context.enabled else 0.0
        budget = prompt.budget(card, share, scale=self._scale.get(document.uri, 1.0))
        with ledger.hop("context"):
            around = await asyncio.get_running_loop().run_in_executor(self._tree_thread, _surroundings, query, tree)
            if previous is not None and previous.complete and previous.scope == around.scope:
                snippets, complete = previous.snippets, True
            else:
                snippets, complete = await self._related(query, around, budget.snippets)
        return bursts.anchor(
            previous,
            reason,
            document,
            query.offset,
            order=card.fim.order,
            budget=budget,
            snippets=snippets,
            complete=complete,
            scope=around.scope,
            imports_end=around.imports_end,
            header=lambda start: around.header(start, budget.header),
        )

    async def _related(self, query: Query, around: Surroundings, room: int) -> tuple[tuple[Snippet, ...], bool]:
        """Related code, and whether it is final for this scope: not while the index is being built or is busy."""
        folder, uri = query.folder, query.document.uri
        if folder is None or room <= 0:
            return (), True
        late = self._late.pop(uri, None)
        if late is not None and late[0] == around.scope:
            future = late[1]
        else:
            reader = self._reader_of(folder)
            if reader is None:
                return (), False
            place = Place(
                path=path_of(query),
                text=query.document.text,
                offset=query.offset,
                heads=around.heads_text,
                recent=self._recent_places(query.document.path, folder),
            )
            future = asyncio.get_running_loop().run_in_executor(self._thread, _ask, place, reader, room)
        self._late[uri] = (around.scope, future)  # also for the request that supersedes this one meanwhile
        try:
            patience = PATIENCE_S if query.automatic else EXPLICIT_PATIENCE_S
            related = await asyncio.wait_for(asyncio.shield(future), patience)
        except TimeoutError:
            return (), False
        self._late.pop(uri, None)
        return related

    def _recent_places(self, own: Path | None, folder: Path) -> tuple[tuple[str, int, int], ...]:
        return tuple(
            (place.path.relative_to(folder).as_posix(), place.first, place.last)
            for place in self._recent.newest()
            if place.path != own and place.path.is_relative_to(folder)
        )


def _surroundings(query: Query, tree: SyntaxTree | None) -> Surroundings:
    """Off the loop: where the source is broken, asking for scopes parses again."""
    scopes = tree.scopes(query.offset) if tree is not None else ()
    return Surroundings.of(query.document, query.offset, scopes)


def _ask(place: Place, reader: IndexReader, room: int) -> tuple[tuple[Snippet, ...], bool]:
    """On the context thread. An index that fails costs the snippets, not the completion."""
    try:
        return gather(place, reader, room), reader.coverage.finished
    except ServerError:
        return (), False


def _look(place: Place, reader: IndexReader | None, lines: int) -> tuple[Attested, ...]:
    """On the context thread, as `_ask`."""
    try:
        return continuations.attested(place, reader, lines=lines)
    except ServerError:
        return ()


def path_of(query: Query) -> str:
    """The document's path as prompts and the index write it: relative to its workspace folder, with `/`."""
    path = query.document.path
    if path is None:
        return query.document.uri.rpartition("/")[2]
    if query.folder is not None and path.is_relative_to(query.folder):
        return path.relative_to(query.folder).as_posix()
    return path.name


def repository_of(query: Query) -> str:
    """The repository's name, or empty for a file outside every workspace folder."""
    if query.folder is None:
        return ""
    return query.repository or query.folder.name
