"""Near duplicates are found, texts that only resemble each other stay."""

import random

import numpy as np

from models.train.corpus.duplicates import PLACES, repeated, signature
from models.train.corpus.lexical import token_hashes
from tests.train.artefacts import source


def rows(*texts: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([signature(token_hashes(text)) for text in texts])


def test_a_text_with_a_small_change_is_the_same_text() -> None:
    text = source("boats", 60)
    assert repeated(rows(text, text.replace("alpha_boats_10", "renamed"))).tolist() == [False, True]


def test_formatting_does_not_matter() -> None:
    text = source("boats")
    assert repeated(rows(text, text.replace("    ", "\t").replace(", ", ",\n"))).tolist() == [False, True]


def test_the_earlier_text_stays() -> None:
    text, other = source("boats", 60), source("trees", 60)
    assert repeated(rows(other, text, text + "\npass", other)).tolist() == [False, False, True, True]


def test_different_texts_stay() -> None:
    assert not repeated(rows(*(source(f"topic{number}") for number in range(200)))).any()


def test_half_of_a_text_in_common_is_not_the_same_text() -> None:
    text = source("boats", 60)
    assert not repeated(rows(text + source("trees", 60), text + source("birds", 60))).any()


def test_what_is_like_a_dropped_text_only_stays() -> None:
    """Similarity is no chain: the third is compared with what is kept."""
    lines = source("boats", 200).split("\n")
    first, second, third = "\n".join(lines[:500]), "\n".join(lines[60:560]), "\n".join(lines[120:])
    assert repeated(rows(first, second, third)).tolist() == [False, True, False]


def test_signatures_estimate_the_share_of_common_shingles() -> None:
    drawn = random.Random(1)
    words = [f"word{drawn.randrange(10**9)}" for _ in range(4000)]
    one, other = rows(" ".join(words[:3000]), " ".join(words[1000:]))
    assert abs((one == other).mean() - 0.5) < 4 * (0.25 / PLACES) ** 0.5


def test_a_text_without_a_shingle_has_a_signature_too() -> None:
    assert not signature(token_hashes("x")).any()


def test_no_texts_have_no_repetition() -> None:
    assert repeated(np.empty((0, PLACES), np.uint64)).tolist() == []
