"""Which sequence of the KV cache serves a prompt. Pure bookkeeping over token lists; knows neither text nor time.

Every sequence belongs to a *lane* (a workspace and a role). A prompt goes where the longest beginning of it has
already been evaluated. What has to make room is copied to host memory while it is worth it and comes back when it
fits better than anything else, so that windows take turns without evaluating their prompts anew.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import attrs

State = TypeVar("State")

WORTH_KEEPING = 64
"""Tokens: what is shorter is evaluated about as fast as it is copied twice."""


class SequenceStore(Protocol[State]):
    """The memory behind the bookkeeping; `llama.Context` is one. Method docstrings are there."""

    def truncate(self, sequence: int, length: int) -> int: ...

    def copy(self, source: int, target: int) -> None: ...

    def save(self, sequence: int) -> State | None: ...

    def restore(self, sequence: int, state: State) -> bool: ...


@attrs.frozen
class Place:
    """Where a prompt is evaluated and how many of its first tokens need not be."""

    sequence: int
    reused: int


@attrs.define
class _Slot:
    sequence: int
    lane: str | None = None
    tokens: list[int] = attrs.field(factory=list)
    used: int = 0


@attrs.define
class _Saved(Generic[State]):
    lane: str | None
    tokens: list[int]
    state: State
    size: int
    used: int


class KvCache(Generic[State]):
    """Owned by the model thread. `host_bytes` bounds the memory of sequences that were swapped out."""

    def __init__(self, store: SequenceStore[State], sequences: int, *, host_bytes: int, bytes_per_token: int) -> None:
        self._store = store
        self._slots = [_Slot(number) for number in range(sequences)]
        self._saved: list[_Saved[State]] = []
        self._host_bytes = host_bytes
        self._bytes_per_token = max(1, bytes_per_token)
        self._clock = 0

    @property
    def saved_bytes(self) -> int:
        return sum(saved.size for saved in self._saved)

    def place(self, lane: str, tokens: Sequence[int]) -> Place:
        """Chooses and prepares a sequence for `tokens` (at least one). Afterwards it holds exactly the reused ones.

        The last token is never reused: only an evaluated token has logits.
        """
        self._clock += 1
        wanted = list(tokens[:-1])
        slot, common = self._best_slot(lane, wanted)
        saved = max(self._saved, key=lambda entry: common_prefix(entry.tokens, wanted), default=None)
        if saved is not None and common_prefix(saved.tokens, wanted) >= common + WORTH_KEEPING:
            slot, common = self._restored(lane, saved, wanted)
        elif slot.lane != lane or (common < WORTH_KEEPING <= len(slot.tokens) - common):
            slot, common = self._moved(lane, slot, common)
        elif len(slot.tokens) - common >= WORTH_KEEPING:
            self._save(slot)
        if common < len(slot.tokens):
            common = self._store.truncate(slot.sequence, common)
        slot.lane, slot.tokens, slot.used = lane, wanted[:common], self._clock
        return Place(slot.sequence, common)

    def appended(self, sequence: int, tokens: Sequence[int]) -> None:
        """Records what has been evaluated at the sequence's end."""
        self._slots[sequence].tokens.extend(tokens)

    def vacate(self) -> int:
        """An empty sequence for the caller's own use, e.g. a measurement; it is free again without further ado."""
        slot = min(self._slots, key=lambda slot: (bool(slot.tokens), slot.used))
        self._empty(slot)
        return slot.sequence

    def _best_slot(self, lane: str, wanted: list[int]) -> tuple[_Slot, int]:
        """The slot with the longest common beginning; the lane's own wins unless another saves real work."""
        lengths = [common_prefix(slot.tokens, wanted) for slot in self._slots]
        best = max(
            self._slots,
            key=lambda slot: (lengths[slot.sequence] + (WORTH_KEEPING if slot.lane == lane else 0), slot.used),
        )
        return best, lengths[best.sequence]

    def _moved(self, lane: str, source: _Slot, common: int) -> tuple[_Slot, int]:
        """A sequence of the lane's own, with a copy of the source's beginning where that saves work."""
        slot = self._victim(lane)
        if slot is source:
            if len(slot.tokens) - common >= WORTH_KEEPING:
                self._save(slot)
            return slot, common
        self._empty(slot)
        if common < WORTH_KEEPING:
            return slot, 0
        self._store.copy(source.sequence, slot.sequence)
        slot.tokens = list(source.tokens)
        return slot, common

    def _restored(self, lane: str, saved: _Saved[State], wanted: list[int]) -> tuple[_Slot, int]:
        self._saved.remove(saved)
        slot = self._victim(lane)
        self._empty(slot)
        if not self._store.restore(slot.sequence, saved.state):
            return slot, 0
        slot.tokens = saved.tokens
        return slot, common_prefix(saved.tokens, wanted)

    def _victim(self, lane: str) -> _Slot:
        """An empty sequence, else the oldest of the lane that would have most; of equals, the asking lane pays."""
        empty = next((slot for slot in self._slots if not slot.tokens), None)
        if empty is not None:
            return empty
        held = Counter(slot.lane for slot in self._slots)
        if lane in held:
            held[lane] += 1
        most = max(held.values())
        losers = {owner for owner, count in held.items() if count == most}
        if lane in losers:
            losers = {lane}
        return min((slot for slot in self._slots if slot.lane in losers), key=lambda slot: slot.used)

    def _empty(self, slot: _Slot) -> None:
        if len(slot.tokens) >= WORTH_KEEPING:
            self._save(slot)
        if slot.tokens:
            self._store.truncate(slot.sequence, 0)
        slot.tokens = []

    def _save(self, slot: _Slot) -> None:
        """Keeps a copy in host memory and drops the oldest copies beyond the bound."""
        size = len(slot.tokens) * self._bytes_per_token
        known = any(common_prefix(saved.tokens, slot.tokens) == len(slot.tokens) for saved in self._saved)
        if size > self._host_bytes or known:
            return
        state = self._store.save(slot.sequence)
        if state is None:
            return
        # A copy that the new one continues has become useless.
        self._saved = [saved for saved in self._saved if common_prefix(saved.tokens, slot.tokens) < len(saved.tokens)]
        self._saved.append(_Saved(slot.lane, list(slot.tokens), state, size, slot.used))
        self._saved.sort(key=lambda saved: saved.used)
        while self.saved_bytes > self._host_bytes:
            self._saved.pop(0)


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning. Compares in strides, because lists compare in C and loops do not."""
    end = min(len(one), len(other))
    at = 0
    while at < end and one[at : at + 256] == other[at : at + 256]:
        at += 256
    if at >= end:
        return end
    while at < end and one[at] == other[at]:
        at += 1
    return at
