"""One inline completion, from the query to the answer: the route of ARCHITECTURE.md, hop by hop.

Lives on the event loop and never blocks it. Talks to nobody about the protocol: the server converts and decides what
is superseded; here a superseded token stops everything that is under way for it, engine included.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import attrs

from lsp_server.cancel import CancelToken
from lsp_server.completion import alternatives, gate, postprocess, prompt, trigger
from lsp_server.completion.cache import Cache
from lsp_server.completion.flight import Flight
from lsp_server.completion.forced import ForcedTexts
from lsp_server.completion.ledger import Ledger
from lsp_server.completion.model import ActiveModel, ModelState
from lsp_server.completion.pace import Pace
from lsp_server.completion.place import Mode
from lsp_server.completion.prompts import Prompts, ReaderOf
from lsp_server.completion.query import Answer, Query
from lsp_server.completion.scope import ScopeStop
from lsp_server.context.continuations import Attested
from lsp_server.documents.document import Document, Edit
from lsp_server.documents.trees import Trees
from lsp_server.engine.protocol import Engine, GenerateRequest, Priority, Segment
from lsp_server.errors import EngineUnavailable, ModelUnavailable, ServerError
from lsp_server.modelstore.card import ModelCard
from lsp_server.syntax.trees import SyntaxTree
from lsp_server.trace import span

DEADLINE_S = 2.0
"""An automatic suggestion that comes later is about a place the person has left."""

EXPLICIT_DEADLINE_S = 60.0
"""Somebody who asked by a key waits, even for a model that is being loaded; not for ever."""

TREE_PATIENCE_S = 0.1
"""An incremental parse of a very large file takes 15 ms; without a tree the answer is only a little worse."""

LINE_TOKENS = 64
"""Longest answer in line mode; longer lines of code are rare and unreadable."""

Answered = TypeVar("Answered")

USUAL_TOKENS: Mapping[Mode, int] = {"line": 12, "block": 60}
"""Answers are about this long, for predicting their cost."""


class CompletionService:
    """The heart of the server. One per server; all methods on the event loop.

    reader_of: the index of a workspace folder, or None while there is none.
    on_state: hears of every change of the model's state.
    forced_texts: what a model of random weights is made to say, for measurements.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        trees: Trees,
        reader_of: ReaderOf,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[ModelState], None] | None = None,
        forced_texts: ForcedTexts | None = None,
    ) -> None:
        self._engine = engine
        self._trees = trees
        self._clock = clock
        self._model = ActiveModel(engine, on_state)
        self._forced_texts = forced_texts
        # Questions to trees may parse again; the tree thread follows the typing and the context thread the index.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="codehearth-completion")
        self._prompts = Prompts(reader_of, self._thread)
        self._cache = Cache()
        self._pace = Pace()
        self._flights: dict[str, Flight] = {}
        self._shown: dict[str, _Shown] = {}
        self._prefetch: asyncio.Task[None] | None = None
        self._routes: set[asyncio.Task[Answer]] = set()
        self._closed = False

    async def load(self) -> ModelState:
        """Loads the model ahead of the first request. Raises ModelUnavailable or EngineUnavailable."""
        await self._model.card()
        return self._model.state

    async def card(self) -> ModelCard:
        """The loaded model's card, for others who ask the same engine; loads as needed and raises like `load`."""
        return await self._model.card()

    async def complete(self, query: Query, token: CancelToken) -> Answer:
        """The answer for the query's version of the document. Ends within milliseconds of the token's cancellation.

        Never raises ServerError: a model or an engine that cannot be used is silence, with its sentence as detail.
        """
        # Before the first await, while the older request that has begun the flight is still aboard.
        ticket = _Ticket(Ledger(query), *self._boarded(query))
        self._stop_prefetch()
        with span("completion") as timed:
            route = asyncio.create_task(self._route(ticket))
            self._routes.add(route)
            route.add_done_callback(self._routes.discard)
            superseded = asyncio.create_task(token.wait())
            limit = DEADLINE_S if query.automatic else EXPLICIT_DEADLINE_S
            try:
                await asyncio.wait({route, superseded}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                if token.cancelled:
                    answer = ticket.ledger.silent("superseded")
                elif route.done():
                    answer = route.result()
                else:
                    answer = await self._late(ticket)
            finally:
                superseded.cancel()
                route.cancel()
                self._leave(ticket)
            timed.note(mode=answer.explanation.mode, silence=answer.explanation.silence or "shown")
        return self._recorded(query, answer)

    def edited(self, old: Document, document: Document, edits: Sequence[Edit]) -> None:
        """After each change, before the next request: remembers the place and notices an accepted suggestion.

        Acceptance is seen in the text itself, so that it works in editors that never tell: the shown text, or its
        first word or line, stands where it was shown. The next completion is then fetched ahead.
        """
        self._prompts.edited(old, document, edits)
        shown = self._shown.get(document.uri)
        length = _accepted(shown, document, edits) if shown is not None else 0
        if shown is not None and length:
            if length == len(shown.text):
                del self._shown[document.uri]
            offset = shown.query.offset + length
            query = attrs.evolve(shown.query, document=document, offset=offset, automatic=True, popup=None)
            self._stop_prefetch()
            self._prefetch = asyncio.get_running_loop().create_task(self._fetch_ahead(query))

    def closed(self, uri: str) -> None:
        """Drops everything that is kept for one document."""
        self._stop_prefetch()  # It may be for this document, and would bring back what is dropped.
        self._prompts.closed(uri)
        self._cache.forget(uri)
        self._flights.pop(uri, None)
        self._shown.pop(uri, None)

    def forget(self) -> None:
        """Drops every suggestion and every prompt, for settings that change what would be answered."""
        self._stop_prefetch()
        self._prompts.forget()
        self._cache = Cache()
        self._flights.clear()
        self._shown.clear()

    async def close(self) -> None:
        """Stops what is under way. Requests that still run end as their tasks are cancelled."""
        self._closed = True
        self._stop_prefetch()
        for route in self._routes:
            route.cancel()  # Its next step would find the threads below gone.
        self._model.close()
        self._prompts.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _route(self, ticket: "_Ticket", *, ahead: bool = False) -> Answer:
        """The hops. `ahead`: nobody waits for the answer yet."""
        ledger, query = ticket.ledger, ticket.ledger.query
        with ledger.hop("trigger"):
            excluded = trigger.excluded(query)
        if excluded is not None:
            return ledger.silent(excluded.silence or "position", excluded.detail)
        # Before the place is judged: what somebody has asked for and now types along stays, wherever it stands.
        with ledger.hop("cache"):
            hit = self._cache.get(query)
        if hit is not None:
            ledger.from_cache = True
            ledger.mode = hit.mode
            return ledger.shown(hit.text) if hit.text else ledger.silent("empty", "The model was asked here before.")
        with ledger.hop("tree"):
            tree = await self._tree(query)
        with ledger.hop("trigger"):
            decision = await self._off_the_loop(trigger.decide, query, tree)
        if decision.silence is not None or decision.mode == "none":
            return ledger.silent(decision.silence or "position", decision.detail)
        ledger.mode = mode = decision.mode
        try:
            flight = await self._landed(ticket, mode, tree, ahead=ahead)
        except (ModelUnavailable, EngineUnavailable) as error:
            self._model.failed(error)
            return ledger.silent("no_model" if isinstance(error, ModelUnavailable) else "engine", str(error))
        except ServerError as error:
            return ledger.silent("engine", str(error))
        ledger.account(flight)
        if flight.reason in ("superseded", "cancelled", "deadline"):
            return ledger.silent("deadline" if flight.reason == "deadline" else "superseded")
        # An answer as long as it may be has not come to its end: models that lose themselves repeat for ever.
        text = _whole_lines(flight) if flight.reason == "length" else flight.text
        return await self._finished(ledger, flight, text, ticket.typed, tree)

    async def _late(self, ticket: "_Ticket") -> Answer:
        """At the deadline: the whole lines that a block has by then, else why there is nothing."""
        ledger, flight = ticket.ledger, ticket.flight
        if self._model.state.state == "loading":
            return ledger.silent("no_model", self._model.state.sentence)
        text, typed = _whole_lines(flight) if flight is not None else "", ticket.typed
        if flight is None or not text[len(typed) :].strip():
            return ledger.silent("deadline")
        ledger.account(flight)
        return await self._finished(ledger, flight, text, typed, await self._tree(ledger.query))

    async def _tree(self, query: Query) -> SyntaxTree | None:
        try:
            return await asyncio.wait_for(self._trees.at(query.document), TREE_PATIENCE_S)
        except TimeoutError:
            return None

    async def _landed(self, ticket: "_Ticket", mode: Mode, tree: SyntaxTree | None, *, ahead: bool) -> Flight:
        """The complete answer: of the flight that the ticket is for, or of one of its own."""
        if ticket.flight is not None and ticket.flight.mode == mode:
            await ticket.flight.landed()
            return ticket.flight
        self._leave(ticket)
        ticket.typed = ""
        ledger, query = ticket.ledger, ticket.ledger.query
        with ledger.hop("model"):
            card = await self._model.card()
        self._pace.heed(card)
        with ledger.hop("debounce"):
            if query.automatic and not ahead:
                await asyncio.sleep(self._debounce_s(query, card, mode))
        while True:
            most_lines = query.settings.completion.max_lines
            segments, attested = await asyncio.gather(
                self._prompts.prepare(ledger, tree, card),
                self._prompts.attested(ledger, 1 if mode == "line" else most_lines),
            )
            stop = await self._off_the_loop(ScopeStop, query, tree, mode, most_lines)
            ticket.flight = self._take_off(query, mode, tree, card, segments, attested, stop, ahead=ahead)
            try:
                await ticket.flight.landed()
                self._pace.learn(ticket.flight.done)
                return ticket.flight
            except ServerError as error:
                # Any other refusal may mean that the text is denser than the model's average and did not fit.
                if isinstance(error, (ModelUnavailable, EngineUnavailable)) or not self._prompts.shrink(query):
                    raise
                self._leave(ticket)

    def _take_off(
        self,
        query: Query,
        mode: Mode,
        tree: SyntaxTree | None,
        card: ModelCard,
        segments: tuple[Segment, ...],
        attested: tuple[Attested, ...],
        stop: ScopeStop,
        *,
        ahead: bool,
    ) -> Flight:
        room = prompt.answer_tokens(card)
        request = GenerateRequest(
            lane=f"inline {query.folder or query.document.uri}",
            segments=segments,
            max_tokens=min(LINE_TOKENS, room) if mode == "line" else room,
            stop=("\n",) if mode == "line" else (),
            stop_tokens=card.fim.stop_tokens,
            priority=Priority.PREWARM if ahead else Priority.INLINE,
            deadline_ms=int(DEADLINE_S * 1000) if query.automatic else None,
            heal=True,
            continuations=tuple(found.continuation for found in attested),
            forced_answer=self._forced_texts.at(query, card) if self._forced_texts is not None else None,
        )
        flight = Flight(query, tree, mode, self._clock, attested)
        flight.board()
        flight.begin(self._engine, request, stop)
        self._flights[query.document.uri] = flight
        return flight

    def _debounce_s(self, query: Query, card: ModelCard, mode: Mode) -> float:
        appended = self._prompts.appended(query, card)
        anew = min(float(card.prompt_tokens), len(query.document.text) / card.characters_per_token)
        tokens = anew if appended is None else 1 + appended / card.characters_per_token
        cost = self._pace.cost_ms(tokens, USUAL_TOKENS[mode])
        return self._pace.debounce_s(query.settings.completion.debounce_ms, cost)

    async def _finished(self, ledger: Ledger, flight: Flight, text: str, typed: str, tree: SyntaxTree | None) -> Answer:
        """What is left of the model's text, or of another that fits better, if it is worth showing; remembered either
        way. typed: what of the text has been typed since."""
        query, mode = ledger.query, flight.mode
        others = () if flight.forced else tuple(flight.elsewhere(typed))
        with ledger.hop("postprocess"):
            choose = functools.partial(alternatives.choose, endless=flight.reason == "length")
            chosen = await self._off_the_loop(choose, text[len(typed) :], others, query, tree, mode)
        processed = chosen.processed
        sure = None if flight.forced else flight.mean_logprob()
        if chosen.second:
            ledger.stands(flight, typed + chosen.text)
            ledger.logprob = sure = alternatives.sure(sure)
        silence = processed.silence or gate.decide(processed.text, sure, query, mode)
        self._cache.put(query, None if silence else processed.text, mode, processed.opened)
        return ledger.silent(silence, processed.detail) if silence else ledger.shown(processed.text)

    async def _off_the_loop(self, ask: Callable[..., Answered], *arguments: object) -> Answered:
        """For whatever may parse: a repair does a few times, a question to the tree of broken source once."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask, *arguments)

    def _boarded(self, query: Query) -> tuple[Flight | None, str]:
        """A place aboard the flight that is producing what was typed since it began, and what that is."""
        flight = self._flights.get(query.document.uri)
        typed = flight.typed_along(query) if flight is not None else None
        if flight is None or typed is None:
            return None, ""
        flight.board()
        return flight, typed

    def _leave(self, ticket: "_Ticket") -> None:
        """The last one out stops the engine; whole lines of a block that were written by then are kept."""
        flight, ticket.flight = ticket.flight, None
        if flight is None:
            return
        unfinished = flight.flying
        if flight.leave() and unfinished and (text := _whole_lines(flight)) and not self._closed:
            loop = asyncio.get_running_loop()
            kept = loop.run_in_executor(self._thread, postprocess.run, text, flight.query, flight.tree, flight.mode)
            kept.add_done_callback(lambda done: self._keep(flight, done))

    def _keep(self, flight: Flight, done: "asyncio.Future[postprocess.Processed]") -> None:
        if not done.cancelled() and (processed := done.result()).silence is None:
            self._cache.put(flight.query, processed.text, flight.mode, processed.opened)

    async def _fetch_ahead(self, query: Query) -> None:
        ticket = _Ticket(Ledger(query), None, "")
        try:
            await self._route(ticket, ahead=True)
        finally:
            self._leave(ticket)

    def _stop_prefetch(self) -> None:
        """A request that boarded its flight keeps that going; otherwise nobody wants it any more."""
        if self._prefetch is not None:
            self._prefetch.cancel()
            self._prefetch = None

    def _recorded(self, query: Query, answer: Answer) -> Answer:
        if not answer.superseded:
            uri = query.document.uri
            self._shown.pop(uri, None)
            if answer.items:
                self._shown[uri] = _Shown(query, answer.items[0].text)
        return answer


@attrs.define
class _Ticket:
    """One request's account, the flight it is aboard, and what was typed between that flight's query and its own."""

    ledger: Ledger
    flight: Flight | None
    typed: str


@attrs.frozen
class _Shown:
    """The last suggestion of a document, to be recognised when it is accepted."""

    query: Query
    text: str


def _whole_lines(flight: Flight) -> str:
    """Of a block whose end is not known, what will not change any more; of a line nothing."""
    return flight.text[: max(flight.text.rfind("\n"), 0)] if flight.mode == "block" else ""


def _accepted(shown: _Shown, document: Document, edits: Sequence[Edit]) -> int:
    """How many characters of the shown text stand in the document by acceptance; 0 when there was none.

    All of them count however they came. A part counts when one edit inserted more than a key does.
    """
    offset, text = shown.query.offset, shown.text
    if document.text.startswith(text, offset):
        return len(text)
    if len(edits) == 1 and len(edits[0].inserted) > 1 and edits[0].span.start >= offset:
        length = edits[0].span.start + len(edits[0].inserted) - offset
        if length < len(text) and document.text.startswith(text[:length], offset):
            return length
    return 0
