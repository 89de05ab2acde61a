"""What the repository says comes next: its continuations' votes for tokens, a mixture with the model's distribution.

A continuation votes as long as the answer says what it says, and the longer it does, the less is left to the model
(`llama.Context.greedy` mixes). Pure arithmetic: this file knows no model and no index, and never decides what is said.
"""

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
    """How probabilities of continuations become votes: chosen with the embedded model on packages that training never
    read (`models/evaluation/calibrate_answers.py`). The neighbouring values complete as many lines within two of 570;
    with no more trust than the probabilities say themselves (doubt 1) it is nine fewer."""

    doubt: float = 0.1
    """What the probability that no continuation is right is multiplied by at the beginning: one that is wrong in the
    end is mostly right at first."""

    agreement: float = 0.85
    """And by for each lexical token that the answer has said along with a continuation."""

    most: float = 0.98
    """Probability that is taken from the model at most: copying is wrong somewhere however sure it is."""


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
        self._courses = [
            _Course(voice, tokens, bytes_of) for voice in continuations if voice.text and voice.probability > 0
        ]
        self._none = max(0.0, 1.0 - sum(voice.probability for voice in continuations))

    def for_next(self, said: bytes, forced: bytes) -> Mapping[int, float]:
        """The probability that goes to each token, together at most `Weighing.most`; empty where the repository has
        nothing to say.

        said: the answer since the prompt's end. forced: what must be said before it (token healing); while there is
        any, nothing is said.
        """
        weights: defaultdict[int, float] = defaultdict(float)
        followed = 0
        for course in self._courses:
            token = course.next(said, forced)
            if token is not None:
                weights[token] += course.probability
                followed = max(followed, course.followed(len(said)))
        if not weights:
            return {}
        # Those that have left the answer count for nothing any more, neither for themselves nor for the model.
        together = sum(weights.values())
        left = self._none * WEIGHING.doubt * WEIGHING.agreement**followed
        share = min(WEIGHING.most, together / (together + left)) / together
        return {token: weight * share for token, weight in weights.items()}


class _Course:
    """One continuation and its tokens, by where the answer stands: (what is still forced, bytes of the text said).

    It is read as one text from where it is first asked about, which is how the model has learnt to read. Only where
    the answer has gone another way (half a token of ours) is the rest read anew.
    """

    def __init__(
        self, voice: Continuation, tokens: Callable[[str], Sequence[int]], bytes_of: Callable[[int], bytes]
    ) -> None:
        self.probability = voice.probability
        self._text = voice.text.encode("utf-8", "replace")
        self._ends = [found.end() for found in _LEXICAL.finditer(self._text)]
        self._tokens_of = tokens
        self._bytes_of = bytes_of
        self._tokens: dict[tuple[bytes, int], int | None] = {}

    def followed(self, said: int) -> int:
        """Lexical tokens in so many bytes."""
        return bisect_right(self._ends, said)

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
