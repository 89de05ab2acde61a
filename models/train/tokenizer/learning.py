"""Learns byte-level BPE in the way of llama.cpp's `qwen2` from a sample of the corpus."""

import random
from collections.abc import Iterator, Sequence

import attrs
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from models.train.corpus.reading import File, Package, files
from models.train.tokenizer.coder import Coder
from models.train.tokenizer.special import SPECIALS

SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""llama.cpp's own words for the pre-tokenizer `qwen2` (llama-vocab.cpp), as `tokenizer.ggml.pre` names it."""

LONGEST_TOKEN = 32
"""Bytes. Longer ones are rulers of comment characters and indentation that nobody has."""

MEASURED = 4_000_000
"""Characters by which characters per token are measured."""


@attrs.define
class Sample:
    """Texts from as many packages as there is room for, in random order. May be read once."""

    packages: list[Package]
    most: int
    per_package: int
    seed: int
    characters: int = 0

    def __iter__(self) -> Iterator[str]:
        chance = random.Random(self.seed)
        for package in chance.sample(self.packages, len(self.packages)):
            left = self.per_package
            found: list[File] = list(files(package))
            chance.shuffle(found)
            for file in found:
                if left <= 0:
                    break
                left -= len(file.text)
                self.characters += len(file.text)
                yield file.text
                if self.characters >= self.most:
                    return


def learn(texts: Iterator[str] | Sample, size: int) -> Tokenizer:
    tokenizer = _around(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(iter(texts), trainer)
    return tokenizer


def rebuilt(tokens: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """The tokenizer of a model that has these tokens by id, and these merges in order."""
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = _around(models.BPE({text: token for token, text in enumerate(tokens)}, pairs))
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _around(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def measured(coder: Coder, listed: Sequence[Package]) -> float:
    """Characters per token."""
    characters = tokens = 0
    for package in listed:
        for file in files(package):
            characters += len(file.text)
            tokens += len(coder.tokens(file.text))
            if characters >= MEASURED:
                return characters / tokens
    return characters / max(tokens, 1)
