"""What an editing trace records as typed at each place: what a model of random weights is made to say there.

Such a model costs what a real one costs, but its own answers are noise: longer than real ones, never right, never
accepted. This module only reads traces; who forces the text is the server (`--forced-texts`) or the engine's client.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from lsp_server.evaluate.keystrokes import EditingTrace, Key, fingerprint


@attrs.frozen
class Place:
    """The document and its caret after a key, and what the person goes on to type there."""

    text: str
    caret: int
    asks: bool
    typed: str


def places(trace: EditingTrace, keys: int | None = None) -> Iterator[Place]:
    """After each of the first `keys` keys (None: all), in their order."""
    text = trace.text
    for number, key in enumerate(trace.keys[:keys], 1):
        text = key.applied(text)
        yield Place(text, key.caret, key.asks, typed(text, key, trace.keys[number:]))


def typed(text: str, key: Key, following: Sequence[Key]) -> str:
    """What stands behind the caret at the end of the run that `key` belongs to, or when the person pastes, undoes,
    jumps or mends something in front. `text`: after `key`. An answer that says it is right to its end."""
    end = key.caret
    for later in following:
        in_front = later.changes and later.at < key.caret
        if later.run != key.run or not later.asks or in_front:
            break
        text, end = later.applied(text), later.caret
    return text[key.caret : end]


def answers(trace: EditingTrace, keys: int | None = None) -> list[str]:
    """What is typed on after each key that asks."""
    return [place.typed for place in places(trace, keys) if place.asks]


def lay_down(trace: EditingTrace, path: Path) -> Path:
    """Writes what is typed at every place of the trace, as `serve --forced-texts` reads it. Returns `path`."""
    texts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for place in places(trace):
        texts[fingerprint(place.text)][str(place.caret)] = place.typed
    path.write_text(json.dumps(texts), encoding="utf-8")
    return path
