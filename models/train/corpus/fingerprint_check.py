"""How often a fingerprint names text that was not trained on. Changes nothing."""

import random
from collections.abc import Sequence

from lsp_server.modelstore.provenance import TOKEN, Fingerprint

SIZES = (40, 60, 100, 200)
"""Lexical tokens of a piece: from the shortest repetition that is always found to a long suggestion."""
PIECES = 3000
"""Of every size: a share of 1 % is known to 0.2 points."""


def share_named(fingerprint: Fingerprint, texts: Sequence[str], seed: int) -> dict[str, float]:
    """The share of random pieces of the texts that are said to repeat training text, by their size in tokens."""
    drawn = random.Random(seed)
    places = {text: [token.span() for token in TOKEN.finditer(text)] for text in texts}
    shares = {}
    for size in SIZES:
        long_enough = [text for text in texts if len(places[text]) >= size]
        named = 0
        for text in drawn.choices(long_enough, k=PIECES) if long_enough else ():
            first = drawn.randrange(len(places[text]) - size + 1)
            begin, end = places[text][first][0], places[text][first + size - 1][1]
            named += bool(fingerprint.origins(text[begin:end]))
        if long_enough:
            shares[str(size)] = round(named / PIECES, 4)
    return shares
