"""The vocabulary of a family: from a GGUF that has it, with the tokens it lacks named, or made up in its size.

A made-up vocabulary has the true special tokens and reads any text, in about three characters per token.
"""

import re
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import attrs

from lsp_server.errors import ModelUnavailable
from lsp_server.evaluate.shapes import Vocabulary
from models.train.shapes.families import Family
from models.train.stage import TrainingError

_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6
_RUNS = 6
"""Doublings of white space, so that indentation is short."""


def of_file(path: Path, family: Family) -> Vocabulary:
    """The vocabulary of a GGUF with the family's own tokens put in. Raises TrainingError where it is another's."""
    try:
        found = Vocabulary.of(path)
    except ModelUnavailable as error:
        raise TrainingError(error.sentence, error.next_step) from error
    name = family.shape.name.removesuffix("-random")
    kind = (found.scalars.get("tokenizer.ggml.model"), found.scalars.get("tokenizer.ggml.pre"))
    if kind != (family.tokenizer, family.pre) or not family.ordinary <= len(found.tokens) <= family.shape.vocabulary:
        raise TrainingError(
            f"{path.name} does not have the vocabulary of {name}: {len(found.tokens):,} tokens of {kind[1]}.",
            f"llama.cpp's sources have it as models/{family.source}.",
        )
    return _with_special(found, family)


def synthetic(family: Family) -> Vocabulary:
    """A vocabulary of the family's size that nobody trained."""
    leading = sum(number < family.ordinary for number in family.special)  # StarCoder2's come first
    make = _sentencepiece if family.tokenizer == "llama" else _byte_level
    made = make(family.ordinary - leading)
    return _with_special(
        attrs.evolve(
            made,
            tokens=("",) * leading + made.tokens,
            types=(_CONTROL,) * leading + made.types,
            scalars={"tokenizer.ggml.model": family.tokenizer, "tokenizer.ggml.pre": family.pre},
        ),
        family,
    )


def _with_special(found: Vocabulary, family: Family) -> Vocabulary:
    size = max(len(found.tokens), max(family.special) + 1)
    padding = range(len(found.tokens), size)
    tokens = [*found.tokens, *(f"[PAD{number}]" for number in padding)]
    types = [*found.types, *[_UNUSED] * len(padding)]
    types = [_UNUSED if re.fullmatch(r"\[PAD\d+\]", text) else kind for text, kind in zip(tokens, types, strict=True)]
    for number, (text, kind) in family.special.items():
        tokens[number], types[number] = text, kind
    scores = (*found.scores, *[0.0] * len(padding)) if found.scores else ()
    return attrs.evolve(
        found, tokens=tuple(tokens), types=tuple(types), scores=scores, scalars={**found.scalars, **family.keys}
    )


def _byte_level(size: int) -> Vocabulary:
    letters = _byte_letters()
    tokens, merges = list(letters), []
    for first, second in islice(_pairs(letters[ord(" ")], letters[ord("\t")]), size - len(tokens)):
        tokens.append(first + second)
        merges.append(f"{first} {second}")
    return Vocabulary(tuple(tokens), (_NORMAL,) * len(tokens), merges=tuple(merges))


def _sentencepiece(size: int) -> Vocabulary:
    """Merged by score: what stands earlier in the vocabulary is merged first."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    types = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    singles = ["▁", "\t", *(chr(code) for code in range(33, 127))]
    pairs = islice(_pairs("▁", "\t"), size - len(tokens) - len(singles))
    pieces = [first + second for first, second in pairs]
    scores = [0.0] * len(tokens) + [-1e6] * len(singles) + [-float(rank) for rank in range(len(pieces))]
    types += [_NORMAL] * (len(singles) + len(pieces))
    return Vocabulary((*tokens, *singles, *pieces), tuple(types), scores=tuple(scores))


def _pairs(space: str, tab: str) -> Iterator[tuple[str, str]]:
    """What is merged, in order: white space, two letters, four, and each behind a space."""
    for white in (space, tab):
        for power in range(_RUNS):
            yield white * 2**power, white * 2**power
    twos = [first + second for first, second in product(ascii_lowercase, repeat=2)]
    yield from (tuple(two) for two in twos)  # type: ignore[misc]
    yield from ((space, letter) for letter in ascii_lowercase)
    yield from ((space, two) for two in twos)
    yield from product(twos, twos)


def _byte_letters() -> list[str]:
    """The letter that byte-level BPE writes each byte with, as GPT-2 has it."""
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]
