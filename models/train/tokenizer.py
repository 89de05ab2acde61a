"""The stage `tokenizer`, and what other stages encode text with: byte-level BPE in the way of llama.cpp's `qwen2`.

Never looks at packages that are held out for validation. Source text never becomes a special token: those are added by
their id, from special segments only, exactly as the engine does it.
"""

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from models.train.gguf_writing import SPECIALS
from models.train.pack_reading import File, Package, files, packages
from models.train.stage import TrainingError, Workplace, console, digest, replacing

VOCABULARY = 16_384
END = 0
"""`<|endoftext|>`"""

PRE_TOKENIZER = "qwen2"
"""Name of the expression below in llama.cpp, the value of `tokenizer.ggml.pre`."""

SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""llama.cpp's own words for `qwen2` (llama-vocab.cpp)."""

LONGEST_TOKEN = 32
"""Bytes. Longer ones are rulers of comment characters and indentation that nobody has."""

MEASURED = 4_000_000
"""Characters by which characters per token are measured."""

FILE = "tokenizer.json"


class Coder:
    """Text to tokens. Not shared by processes: each loads its own."""

    def __init__(self, path: Path) -> None:
        """Raises TrainingError where the file is missing or no tokenizer of ours."""
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
            vocabulary: dict[str, int] = described["model"]["vocab"]
            if [vocabulary[text] for text in SPECIALS] != list(range(len(SPECIALS))):
                raise ValueError("special tokens")
            # Without its added tokens the tokenizer does not recognise special tokens in text.
            described["added_tokens"] = []
            self._tokenizer = Tokenizer.from_str(json.dumps(described))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{path.name} is missing or no tokenizer of ours.", "Run `python -m models.train tokenizer` again."
            ) from error
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.size = len(vocabulary)
        self._special = {text: vocabulary[text] for text in SPECIALS}
        # Each character of a byte-level token stands for one byte; special tokens stand for none.
        self._bytes = np.zeros(self.size, dtype=np.int64)
        for text, token in vocabulary.items():
            self._bytes[token] = 0 if text in self._special else len(text)

    def special(self, text: str) -> int:
        return self._special[text]

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text on its own, none of them special."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def text(self, tokens: Sequence[int] | NDArray[np.uint16]) -> str:
        """The text of tokens; special ones by their names."""
        parts: list[str] = []
        plain: list[int] = []
        for token in (*tokens, -1):
            if 0 <= token < len(SPECIALS) or token < 0:
                parts.append(self._tokenizer.decode(plain, skip_special_tokens=False) if plain else "")
                plain = []
                parts.append(SPECIALS[token] if token >= 0 else "")
            else:
                plain.append(int(token))
        return "".join(parts)

    def reaching(self, tokens: Sequence[int], length: int) -> int:
        """The first of the tokens that has something of what follows after `length` bytes of their text."""
        ends: NDArray[np.int64] = np.cumsum(self._bytes[np.asarray(tokens, dtype=np.int64)])
        return int(np.searchsorted(ends, length, side="right"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sample", type=float, default=60e6, help="characters of source to learn from (default: %(default)s)"
    )
    parser.add_argument(
        "--per-package", type=float, default=1.5e6, help="characters of one package at most (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="learn it again although it is there")


def run(arguments: argparse.Namespace, workplace: Workplace) -> None:
    corpus = workplace.need("corpus")
    # Also when the corpus has changed since: a tokenizer must not change under what was packed with it.
    if workplace.receipt("tokenizer") is not None and not arguments.force:
        console.print("The tokenizer is there already; --force learns it again.")
        return
    workplace.begin_again("tokenizer")
    began = time.monotonic()
    listed = packages(workplace, "train")
    if not listed:
        raise TrainingError("The corpus has no packages to learn from.", "Run `python -m models.train corpus` again.")
    sample = Sample(listed, int(arguments.sample), int(arguments.per_package), arguments.seed)
    learnt = learn(sample, VOCABULARY)
    path = workplace.folder("tokenizer") / FILE
    with replacing(path) as temporary:
        temporary.write_text(learnt.to_str(pretty=False), encoding="utf-8")
    coder = Coder(path)
    workplace.finish(
        "tokenizer",
        digest=coder.digest,
        vocabulary=coder.size,
        characters=sample.characters,
        characters_per_token=round(measured(coder, packages(workplace, "valid") or listed), 4),
        corpus=digest(corpus),
        seconds=round(time.monotonic() - began),
    )
    console.print(f"{coder.size} tokens learnt from {sample.characters / 1e6:.0f} million characters.")


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
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(iter(texts), trainer)
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
