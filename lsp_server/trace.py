"""Spans: how long each hop of a request took. Numbers and names only, never source text."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

logger = logging.getLogger("codehearth.trace")

TRACE = 5
"""Log level below DEBUG, reached only with `-vv`: the one level at which source text may be logged."""

logging.addLevelName(TRACE, "TRACE")


@attrs.define
class Span:
    """One timed hop. `milliseconds` is filled in when the span closes."""

    name: str
    notes: dict[str, int | float | str | bool] = attrs.field(factory=dict)
    children: list["Span"] = attrs.field(factory=list)
    milliseconds: float = 0.0

    def note(self, **notes: int | float | str | bool) -> None:
        """Adds facts found while the span is open. Counts, names and reasons only."""
        self.notes.update(notes)

    def lines(self, depth: int = 0) -> list[str]:
        facts = "".join(f" {key}={value}" for key, value in self.notes.items())
        own = f"{'  ' * depth}{self.name} {self.milliseconds:.1f} ms{facts}"
        return [own, *(line for child in self.children for line in child.lines(depth + 1))]


_current: ContextVar[Span | None] = ContextVar("codehearth_span", default=None)


@contextmanager
def span(name: str, **notes: int | float | str | bool) -> Iterator[Span]:
    """Times a hop and hangs it below the span that is open in this task or thread."""
    parent = _current.get()
    own = Span(name, dict(notes))
    reset = _current.set(own)
    began = time.perf_counter()
    try:
        yield own
    finally:
        own.milliseconds = (time.perf_counter() - began) * 1000
        _current.reset(reset)
        if parent is not None:
            parent.children.append(own)
        else:
            logger.debug("%s", "\n".join(own.lines()))
