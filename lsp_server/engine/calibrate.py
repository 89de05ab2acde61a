"""How fast this machine runs a model and with how many threads. Measures; never assumes.

Threads are no gift: on a busy two-core machine a small model decoded 1,297 tokens/s with one thread and 4 with two,
because they wait for each other in a spinning barrier. Results are kept per model file and machine, so that a second
start only has to confirm them.
"""

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import attrs
import psutil

logger = logging.getLogger("codehearth.engine")

CODE_SAMPLE = '''\
from collections.abc import Iterable

class Inventory:
    """Keeps count of what lies on the shelves."""

    def __init__(self, name: str, capacity: int = 100) -> None:
        self.name = name
        self.capacity = capacity
        self._items: dict[str, int] = {}

    def add(self, item: str, count: int = 1) -> None:
        if self.total() + count > self.capacity:
            raise ValueError(f"{self.name} is full: {self.total()} of {self.capacity}")
        self._items[item] = self._items.get(item, 0) + count

    def total(self) -> int:
        return sum(self._items.values())

function parseQuery(text) {
  const pairs = text.split("&").map((part) => part.split("="));
  return Object.fromEntries(pairs.filter(([key]) => key !== ""));
}
'''
"""Ordinary code, to measure with and to count characters per token on."""

_WORTH_A_THREAD = 1.15
"""More threads must be this much faster: they take cores away from the person's build, and they fail badly."""

_SMALL_MODEL = 200_000_000
"""Bytes: below, one thread is the likely answer and is tried first; above, all cores are."""

_STILL_TRUE = 0.6
"""A kept result is confirmed by a measurement within this factor, either way: it may have been made in bad times."""

_AT_LEAST = 2
"""Candidates, whatever they cost: all cores of a busy machine are slow beyond measure, and half of them are not."""


@attrs.frozen
class Speed:
    """Tokens per second with these numbers of threads."""

    threads: int
    prefill_threads: int
    decode_rate: float
    prefill_rate: float


class Measurable(Protocol):
    """A sequence to measure on. It is emptied by `reset`."""

    def set_threads(self, decode: int, prefill: int) -> None: ...

    def evaluate(self, tokens: Sequence[int], start: int) -> bool: ...

    def reset(self) -> None: ...


def measure(
    target: Measurable,
    tokens: Sequence[int],
    *,
    model_bytes: int,
    fixed_threads: int | None = None,
    known: Speed | None = None,
    seconds: float | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Speed | None:
    """The best numbers of threads and the rates with them; the target keeps those threads.

    tokens: some real code, repeated as needed. known: an earlier result, confirmed if it still holds. seconds: the
    bound on the whole measurement (one micro-batch more at worst). None when interrupted before anything was known.
    """
    small = model_bytes < _SMALL_MODEL
    end = time.perf_counter() + (seconds if seconds is not None else 1.0 if small else 3.0)
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    candidates = [fixed_threads] if fixed_threads else _candidates(cores, small)
    if known is not None and fixed_threads in (None, known.threads):
        now = _measured(target, tokens, known.threads, known.prefill_threads, interrupted)
        if now and _similar(now[0], known.decode_rate) and _similar(now[1], known.prefill_rate):
            return known
    best: Speed | None = None
    for number, threads in enumerate(candidates):
        if number >= _AT_LEAST and time.perf_counter() > end:
            break
        rates = _measured(target, tokens, threads, threads, interrupted)
        if rates is None:
            break
        better = _better(best, threads, *rates)
        if better == best and best is not None:
            break  # rates have one peak over the number of threads
        best = better
    if best is not None:
        target.set_threads(best.threads, best.prefill_threads)
    return best


class SpeedStore:
    """Results of earlier measurements, in one small file of the cache folder. A folder that cannot be used costs time
    at the next load and nothing else."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "speeds.json"

    def get(self, key: str) -> Speed | None:
        try:
            return Speed(**self._read()[key])  # type: ignore[arg-type]  # as `put` wrote it
        except (KeyError, TypeError):
            return None

    def put(self, key: str, speed: Speed) -> None:
        try:
            text = json.dumps({**self._read(), key: attrs.asdict(speed)}, indent=1)
            fresh = self._file.with_suffix(f".{os.getpid()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._file)
        except OSError as error:
            logger.info("Measured speeds cannot be kept: %s", error.strerror)

    def _read(self) -> dict[str, dict[str, float]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def key_of(path: Path, gpu_layers: int, llama_version: str) -> str:
    """Identifies a model file on this machine with this llama.cpp."""
    facts = path.stat()
    parts = (
        path.resolve(),
        facts.st_size,
        facts.st_mtime_ns,
        gpu_layers,
        llama_version,
        platform.processor(),
        platform.machine(),
        os.cpu_count(),
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _similar(rate: float, known: float) -> bool:
    return known * _STILL_TRUE <= rate <= known / _STILL_TRUE


def _candidates(cores: int, small: bool) -> list[int]:
    """Small models leave a core to the editor: theirs is the latency of two processes that talk with each token."""
    most = max(1, cores - 1) if small else cores
    ascending = [*(1 << power for power in range(most.bit_length()) if 1 << power < most), most]
    return ascending if small else ascending[::-1]


def _better(best: Speed | None, threads: int, decode_rate: float, prefill_rate: float) -> Speed:
    if best is None:
        return Speed(threads, threads, decode_rate, prefill_rate)
    decode = _gain(best.threads, threads) * best.decode_rate < decode_rate
    prefill = _gain(best.prefill_threads, threads) * best.prefill_rate < prefill_rate
    return Speed(
        threads if decode else best.threads,
        threads if prefill else best.prefill_threads,
        decode_rate if decode else best.decode_rate,
        prefill_rate if prefill else best.prefill_rate,
    )


def _gain(before: int, after: int) -> float:
    """What the rate must be multiplied with; fewer threads may even be a little slower."""
    return _WORTH_A_THREAD if after > before else 1 / _WORTH_A_THREAD


def _measured(
    target: Measurable, tokens: Sequence[int], threads: int, prefill_threads: int, interrupted: Callable[[], bool]
) -> tuple[float, float] | None:
    """(decode, prefill) tokens per second, or None when interrupted. About 60 ms; more where one step takes longer."""
    target.set_threads(threads, prefill_threads)
    target.reset()
    if interrupted() or not target.evaluate(tokens[:1], 0):  # the first touch reads the model from the disk
        return None
    position, decode_s, decoded = 1, 0.0, 0
    while decode_s < 0.025 and decoded < 64:
        took = _timed(target, _cycled(tokens, 1), position)
        if took is None or interrupted():
            return None
        position, decode_s, decoded = position + 1, decode_s + took, decoded + 1
    prefill_rate = 0.0
    for count in (4, 16, 64, 256):
        target.reset()
        took = _timed(target, _cycled(tokens, count), 0)
        if took is None or interrupted():
            return None
        prefill_rate = count / took
        if took > 0.02:
            break
    target.reset()
    return decoded / decode_s, prefill_rate


def _timed(target: Measurable, tokens: Sequence[int], start: int) -> float | None:
    began = time.perf_counter()
    return (time.perf_counter() - began) if target.evaluate(tokens, start) else None


def _cycled(tokens: Sequence[int], count: int) -> list[int]:
    def endless() -> Iterator[int]:
        while True:
            yield from tokens

    return [token for token, _ in zip(endless(), range(count), strict=False)]
