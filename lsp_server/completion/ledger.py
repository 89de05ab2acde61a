"""What one request did, hop by hop, kept until it becomes the answer's explanation. Numbers and names only."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from lsp_server.completion.flight import Flight
from lsp_server.completion.query import Answer, Completion, Explanation, Query, Silence
from lsp_server.context.snippet import Snippet
from lsp_server.engine.protocol import Done
from lsp_server.text import Span
from lsp_server.trace import span

Mode = Literal["none", "line", "block"]


SENTENCES: Mapping[Silence, str] = {
    "disabled": "Suggestions are switched off.",
    "paused": "Suggestions are paused.",
    "language": "Suggestions are switched off for this language.",
    "secret": "A file like this one usually holds keys or passwords.",
    "too_large": "This file is too large.",
    "binary": "This file does not look like text.",
    "position": "Nothing is suggested at a place like this one.",
    "comment": "Nothing is suggested inside comments.",
    "no_model": "There is no model that can complete yet.",
    "engine": "The engine did not answer.",
    "superseded": "A newer request took over.",
    "empty": "The model had nothing to add here.",
    "duplicate": "The suggestion only repeated what stands here already.",
    "unsure": "The model was not sure enough.",
    "broken": "The suggestion would not have been valid code.",
    "deadline": "The suggestion came too late.",
    "selected": "No suggestion goes on from the item selected in the menu.",
}
"""What a person is told when nothing is shown and nobody knows it more exactly."""


class Ledger:
    """Written by the hops of one request, in their order; `shown` and `silent` close it."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.mode: Mode = "none"
        self.snippets: tuple[Snippet, ...] = ()
        self.from_cache = False
        self.reanchored: str | None = None
        self.done: Done | None = None
        self.logprob: float | None = None
        self.also_at: str | None = None
        self.like_at: str | None = None
        self.milliseconds: dict[str, float] = {}
        self._began = time.perf_counter()

    @contextmanager
    def hop(self, name: str) -> Iterator[None]:
        """Times one hop; a hop that is passed twice counts both times."""
        began = time.perf_counter()
        with span(name):
            try:
                yield
            finally:
                took = (time.perf_counter() - began) * 1000
                self.milliseconds[name] = self.milliseconds.get(name, 0.0) + took

    def account(self, flight: Flight) -> None:
        """Takes over what the engine did, once per flight, also where a superseded request had asked for it."""
        self.logprob = flight.mean_logprob()
        self.stands(flight, flight.text)
        if not flight.accounted:
            flight.accounted = True
            self.done = flight.done

    def stands(self, flight: Flight, text: str) -> None:
        """Takes over where else this text stands."""
        self.also_at, self.like_at = flight.also_at(text), flight.like_at(text)

    def shown(self, text: str) -> Answer:
        query = self.query
        item = Completion(text, Span(query.offset, query.offset), self.from_cache)
        return Answer((item,), False, self.explanation(None, ""))

    def silent(self, silence: Silence, detail: str = "") -> Answer:
        return Answer((), silence == "superseded", self.explanation(silence, detail or SENTENCES[silence]))

    def explanation(self, silence: Silence | None, detail: str) -> Explanation:
        done = self.done
        times = {**self.milliseconds, "total": (time.perf_counter() - self._began) * 1000}
        if done is not None:
            times.update(queue=done.queue_ms, prefill=done.prefill_ms, decode=done.decode_ms)
        return Explanation(
            mode=self.mode,
            snippets=self.snippets,
            from_cache=self.from_cache,
            reanchored=self.reanchored,
            reused=done.reused if done else 0,
            evaluated=done.evaluated if done else 0,
            generated=done.generated if done else 0,
            milliseconds={name: round(value, 3) for name, value in times.items()},
            logprob=self.logprob,
            silence=silence,
            detail=detail,
            also_at=self.also_at if silence is None else None,
            like_at=self.like_at if silence is None else None,
        )
