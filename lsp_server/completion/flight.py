"""One generation on its way, which all requests for the same place share.

A request that continues the text a flight is producing boards it instead of asking the engine again: typing along
what is being generated costs nothing, and so does a request for what is being prefetched. The flight ends at once
when nobody is aboard any more.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import cast

from lsp_server.completion.burst import CLOSERS
from lsp_server.completion.place import Mode
from lsp_server.completion.query import Query
from lsp_server.completion.scope import ScopeStop
from lsp_server.context.continuations import Attested
from lsp_server.engine.protocol import Done, EndReason, Engine, GenerateRequest, Piece
from lsp_server.syntax.trees import SyntaxTree


class Flight:
    """`text` grows while it is in the air. Event loop only; `task` raises what the engine raised."""

    def __init__(
        self,
        query: Query,
        tree: SyntaxTree | None,
        mode: Mode,
        clock: Callable[[], float],
        attested: tuple[Attested, ...] = (),
    ) -> None:
        self.query = query
        self.tree = tree
        self.mode = mode
        self.text = ""
        self.logprob = 0.0
        self.tokens = 0
        self.done: Done | None = None
        self.accounted = False
        """Whether an answer's explanation has told of it already: each token counts once."""
        self.forced = False
        """Whether the text was given: the model's opinion of it then says nothing about it."""
        self._clock = clock
        self._attested = attested
        self._riders = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, engine: Engine, request: GenerateRequest, stop: ScopeStop) -> None:
        """`stop` is for the same query, and new: it reads the answer as it grows."""
        self.forced = request.forced_answer is not None
        self._task = asyncio.create_task(self._fly(engine, request, stop))
        # Whoever was aboard may have left by the time it fails.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def board(self) -> None:
        self._riders += 1

    def leave(self) -> bool:
        """The last one out stops the engine; tells whether this was the last one."""
        self._riders -= 1
        if self._riders == 0 and self._task is not None:
            self._task.cancel()
        return self._riders == 0

    async def landed(self) -> None:
        """Returns when the answer is complete. Raises ServerError as the engine does."""
        assert self._task is not None
        await asyncio.shield(self._task)

    @property
    def flying(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def reason(self) -> EndReason | None:
        return self.done.reason if self.done is not None else None

    def mean_logprob(self) -> float | None:
        return self.logprob / self.tokens if self.tokens else None

    def elsewhere(self, typed: str) -> Iterator[str]:
        """What the repository says after what has been typed since the flight began, the likeliest first."""
        for each in self._attested:
            if each.continuation.text.startswith(typed):
                yield each.continuation.text[len(typed) :]

    def also_at(self, text: str) -> str | None:
        """Where in the repository a text stands word for word after the same text: PATH:LINE, from 1."""
        return self._at(text, verbatim=True)

    def like_at(self, text: str) -> str | None:
        """Where it stands so but for some names."""
        return self._at(text, verbatim=False)

    def _at(self, text: str, *, verbatim: bool) -> str | None:
        said = f"{text.rstrip()}\n"
        candidates = (each for each in self._attested if each.verbatim == verbatim)
        found = (each for each in candidates if each.continuation.text.startswith(said))
        best = next(found, None) if text.strip() else None
        return f"{best.path}:{best.line + 1}" if best is not None else None

    def typed_along(self, query: Query) -> str | None:
        """What was typed since the flight began, if the text so far begins with it and nothing else has changed."""
        began, now = self.query, query
        if began.document.uri != now.document.uri or began.settings != now.settings or began.popup != now.popup:
            return None
        old, new = began.document.text, now.document.text
        if now.offset < began.offset or new[: began.offset] != old[: began.offset]:
            return None
        typed = new[began.offset : now.offset]
        if not self.text.startswith(typed) or not (self.flying or self._has_landed_beyond(len(typed))):
            return None
        # Editors insert and overtype closers after the cursor.
        closers = "".join(CLOSERS)
        same = new[now.offset :].lstrip(closers) == old[began.offset :].lstrip(closers)
        return typed if same else None

    def _has_landed_beyond(self, typed: int) -> bool:
        """Whether a complete answer goes on after `typed` characters. Decoding is greedy: asking again would bring
        the same."""
        return self.reason in ("stop", "end", "length") and bool(self.text[typed:].strip())

    async def _fly(self, engine: Engine, request: GenerateRequest, stop: ScopeStop) -> None:
        began = self._clock()
        first: float | None = None
        reused = evaluated = 0
        # The protocol says iterator and means generator: closing it cancels.
        stream = cast("AsyncGenerator[Piece | Done, None]", engine.generate(request))
        try:
            async for item in stream:
                if isinstance(item, Done):
                    self.done = item
                    return
                if first is None:
                    first = self._clock()
                    reused, evaluated = item.reused or 0, item.evaluated or 0
                self.text += item.text
                self.tokens += item.tokens
                self.logprob += item.logprob
                cut = stop.feed(self.text)
                if cut is not None:
                    # The engine is stopped, so its own account never comes: this one is seen from here.
                    waited, streamed = ((first - began) * 1000, (self._clock() - first) * 1000)
                    self.done = Done("stop", reused, evaluated, self.tokens, 0.0, waited, streamed)
                    self.text = self.text[:cut]
                    return
        finally:
            # Without it the engine would hear of the end only when the garbage collector does.
            await stream.aclose()
