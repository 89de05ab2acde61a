"""A packed corpus in miniature, for tests of training."""

from pathlib import Path

import numpy as np

from models.train.stage import Workplace

VOCABULARY = 64


def examples(count: int, seed: int = 0) -> list[tuple[list[int], int]]:
    """Token ids that repeat themselves, so that there is something to learn, and where their middles begin."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        length = int(generator.integers(8, 40))
        start = int(generator.integers(7, VOCABULARY))
        tokens = [7 + (start + 3 * step) % (VOCABULARY - 7) for step in range(length)]
        made.append((tokens, length * 2 // 3))
    return made


def write(path: Path, made: list[tuple[list[int], int]]) -> None:
    tokens = np.array([token for example, _ in made for token in example], np.uint16)
    starts = np.cumsum([0, *(len(example) for example, _ in made)]).astype(np.int64)
    middles = np.array([middle for _, middle in made], np.int32)
    np.savez(path, tokens=tokens, starts=starts, middles=middles, kinds=np.zeros(len(made), np.uint8))


def workplace(root: Path, parts: int = 1, count: int = 64, *, finished: bool = True) -> Workplace:
    """A workplace whose `pack` stage has left `parts` files and one for validation."""
    place = Workplace(root)
    folder = place.folder("pack")
    for number in range(parts):
        write(folder / f"train-{number:04}.npz", examples(count, number))
    write(folder / "valid-0000.npz", examples(16, 99))
    if finished:
        place.finish("pack", parts=parts)
    return place
