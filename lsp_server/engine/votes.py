"""What the repository says comes next: the votes of its n-grams for tokens, an unbounded cache language model.

A continuation votes as long as the answer says what it says; the decoder mixes the votes into the model's distribution
(`llama.Context.greedy`). Pure arithmetic: this file knows no model and no index, and never decides what is said.
"""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import attrs

from lsp_server.engine.protocol import Continuation

_LEXICAL = re.compile(rb"[\w\x80-\xff]+|[^\w\s\x80-\xff]")
"""Words, numbers and single punctuation marks; whatever is not ASCII counts as part of a word."""


@attrs.frozen
class Weighing:
    """What votes are worth: chosen with the embedded model on packages that training never read
    (`models/evaluation/calibrate_answers.py`). The neighbouring values complete as many lines within two of 480."""

    reach: float = 6.0
    """Lexical tokens of a match over which doubt falls to a third."""

    most: float = 0.98
    """Probability that is taken from the model at most: copying is wrong somewhere however long it matches."""

    precedence: float = 4.0
    """A match longer by one lexical token weighs as much as so many places of the shorter one: the longest lead, and
    yet one stray place does not silence fifty that match a token less."""

    def trust(self, matched: int) -> float:
        """The probability, below 1, that goes to what the repository says where so many lexical tokens match."""
        return min(self.most, 1.0 - math.exp(-matched / self.reach)) if matched > 0 else 0.0


WEIGHING = Weighing()
"""What the product goes by."""


class Votes:
    """The continuations of one answer. Texts become tokens when they are first asked for, and once."""

    def __init__(
        self,
        continuations: Sequence[Continuation],
        tokens: Callable[[str], Sequence[int]],
        bytes_of: Callable[[int], bytes],
    ) -> None:
        """tokens: those of a text on its own, with nothing in front. bytes_of: what one of them stands for."""
        self._courses = [_Course(voice, tokens, bytes_of) for voice in continuations if voice.text and voice.count > 0]

    def for_next(self, said: bytes, forced: bytes) -> Mapping[int, float]:
        """The probability that goes to each token, together `Weighing.trust` of the longest match still followed; empty
        where the repository has nothing to say.

        said: the answer since the prompt's end. forced: what must be said before it (token healing); while there is
        any, nothing is said.
        """
        voices: list[tuple[int, int, float]] = []
        for course in self._courses:
            token = course.next(said, forced)
            if token is not None:
                voices.append((token, course.matched(len(said)), course.count))
        if not voices:
            return {}
        longest = max(matched for _, matched, _ in voices)
        weights: defaultdict[int, float] = defaultdict(float)
        for token, matched, count in voices:
            weights[token] += count * WEIGHING.precedence ** (matched - longest)
        total = sum(weights.values())
        share = WEIGHING.trust(longest) / total
        return {token: weight * share for token, weight in weights.items()} if share else {}


class _Course:
    """One continuation and its tokens, by where the answer stands: (what is still forced, bytes of the text said).

    It is read as one text from where it is first asked about, which is how the model has learnt to read. Only where
    the answer has gone another way (half a token of ours) is the rest read anew.
    """

    def __init__(
        self, voice: Continuation, tokens: Callable[[str], Sequence[int]], bytes_of: Callable[[int], bytes]
    ) -> None:
        self.count = voice.count
        self._before = voice.matched
        self._text = voice.text.encode("utf-8", "replace")
        self._ends = [found.end() for found in _LEXICAL.finditer(self._text)]
        self._tokens_of = tokens
        self._bytes_of = bytes_of
        self._tokens: dict[tuple[bytes, int], int | None] = {}

    def matched(self, said: int) -> int:
        """Lexical tokens before the prompt's end and, up to so many bytes, behind it."""
        return self._before + bisect_right(self._ends, said)

    def next(self, said: bytes, forced: bytes) -> int | None:
        """None: the answer says something else, the text is used up, or no token of its own goes on from here."""
        if len(said) >= len(self._text) or not self._text.startswith(said):
            return None
        here = (forced, len(said))
        if here not in self._tokens:
            self._read(*here)
        return self._tokens[here]

    def _read(self, forced: bytes, said: int) -> None:
        self._tokens[forced, said] = None
        rest = forced + self._text[said:]
        try:
            text = rest.decode("utf-8")
        except UnicodeDecodeError:  # inside a character that the answer spells in other bytes than we
            return
        begin = 0
        for token in self._tokens_of(text):
            piece = self._bytes_of(token)
            # A vocabulary that normalises text, or lacks a character, says something else than what stands here.
            if not piece or not rest.startswith(piece, begin):
                return
            if self._tokens.get((forced, said)) is None:
                self._tokens[forced, said] = token
            begin += len(piece)
            forced, said = forced[len(piece) :], said + len(piece[len(forced) :])
