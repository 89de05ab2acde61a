"""From packed parts to batches of equal cost. The order is a function of the files and the seed, so that a resumed run
goes on at the very next batch. Reads files; knows nothing of the network.
"""

import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from models.train.stage import TrainingError, Workplace

POOL = 4096
"""Examples that are sorted by length at once: enough that a batch holds nearly equal lengths."""

WAIT_S = 2.0
"""Between looks for the first part while another process is still packing it."""


@attrs.frozen
class Batch:
    """tokens, targets, weights: (rows, length); weights are 0 for padding. tokens_read counts what is not padding."""

    tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    tokens_read: int


@attrs.frozen
class Part:
    """One file of examples: `examples/parts.py` describes the arrays."""

    tokens: NDArray[np.uint16]
    starts: NDArray[np.int64]
    middles: NDArray[np.int32]
    kinds: NDArray[np.uint8]

    @classmethod
    def read(cls, path: Path) -> "Part":
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                return cls(*(arrays[name] for name in ("tokens", "starts", "middles", "kinds")))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{path.name} is damaged: {error}.", "Delete it and run `python -m models.train pack` again."
            ) from error

    def __len__(self) -> int:
        return len(self.middles)


@attrs.frozen
class Plan:
    """How batches are cut. buckets: the lengths that examples are padded to, ascending; the last is the longest
    example. batch_tokens: rows times length of a batch, at most. answer_weight: of the middle's tokens, 1 for all
    others."""

    batch_tokens: int
    buckets: tuple[int, ...]
    answer_weight: float = 1.0


def parts_so_far(workplace: Workplace) -> list[Path]:
    """The training parts that are there now. Raises TrainingError where there is none and none is to come."""
    paths = sorted(workplace.folder("pack").glob("train-????.npz"))
    if not paths and workplace.receipt("pack") is not None:
        raise TrainingError("No examples have been packed.", "Run `python -m models.train pack`.")
    return paths


def batches(workplace: Workplace, plan: Plan, seed: int, *, follow: bool = False) -> Iterator[Batch]:
    """All examples, each once per epoch, forever. Raises TrainingError where nothing has been packed.

    Finished parts are mixed with each other, because one part holds the code of a few dozen packages only and the
    network would lean towards the last ones read. With `follow`, while parts are still being packed, those that are
    there come one after another, and again where training is the faster of the two: its clock does not wait.
    """
    if not follow:
        workplace.need("pack")
    read: set[Path] = set()
    epoch = 0
    while True:
        finished = workplace.receipt("pack") is not None
        paths = parts_so_far(workplace)
        if finished:
            parts: Iterable[Part] = [joined([Part.read(path) for path in paths])]
        else:
            paths = [path for path in paths if path not in read] or paths
            read.update(paths)
            parts = map(Part.read, paths)
        for number, part in enumerate(parts):
            yield from cut(part, plan, np.random.default_rng((seed, epoch, number)))
        if not paths:
            time.sleep(WAIT_S)
        epoch += 1


def joined(parts: Sequence[Part]) -> Part:
    """Several parts as one."""
    lengths = [np.diff(part.starts) for part in parts]
    return Part(
        tokens=np.concatenate([np.zeros(0, np.uint16), *(part.tokens for part in parts)]),
        starts=np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths])),
        middles=np.concatenate([np.zeros(0, np.int32), *(part.middles for part in parts)]),
        kinds=np.concatenate([np.zeros(0, np.uint8), *(part.kinds for part in parts)]),
    )


def cut(part: Part, plan: Plan, generator: np.random.Generator) -> Iterator[Batch]:
    """Batches of one part, each of one bucket, in random order within a pool."""
    lengths = np.diff(part.starts) - 1
    buckets = np.asarray(plan.buckets)
    order = generator.permutation(len(part))
    for first in range(0, len(order), POOL):
        pool = order[first : first + POOL]
        pool = pool[lengths[pool] > 0]
        bucket = np.searchsorted(buckets, np.minimum(lengths[pool], buckets[-1]))
        groups: list[tuple[NDArray[np.int64], int]] = []
        for number, length in enumerate(plan.buckets):
            members, rows = pool[bucket == number], max(1, plan.batch_tokens // length)
            groups += [(members[at : at + rows], length) for at in range(0, len(members), rows)]
        for index in generator.permutation(len(groups)):
            members, length = groups[index]
            yield padded(part, members, length, plan.answer_weight)


def padded(part: Part, members: NDArray[np.int64], length: int, answer_weight: float) -> Batch:
    """The examples as rows; what is longer than `length` is cut at its beginning, where the prompt matters least."""
    tokens = np.zeros((len(members), length), np.int64)
    targets = np.zeros((len(members), length), np.int64)
    weights = np.zeros((len(members), length), np.float32)
    for row, member in enumerate(members):
        start, end = int(part.starts[member]), int(part.starts[member + 1])
        dropped = max(0, end - start - 1 - length)
        example = part.tokens[start + dropped : end].astype(np.int64)
        count = len(example) - 1
        tokens[row, :count], targets[row, :count] = example[:-1], example[1:]
        weights[row, :count] = 1.0
        weights[row, max(0, int(part.middles[member]) - dropped - 1) : count] = answer_weight
    return Batch(tokens, targets, weights, int((weights > 0).sum()))
