"""Encodes text with the learnt tokenizer.

Source text never becomes a special token: those are added by their id, from special segments only, exactly as the
engine does it.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.train.stage import TrainingError
from models.train.tokenizer.special import SPECIALS

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
