"""One answer, evaluated in micro-batches so that something more urgent can come in between. Model thread only.

`step` does one bounded piece of work. An answer that was paused finds its tokens again through the KV cache, whoever
used the sequences in the meantime. Greedy sampling; n-gram speculation will find its place in `_decode`.
"""

import codecs
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from lsp_server.engine.protocol import Done, EndReason, GenerateRequest, Piece, Segment
from lsp_server.engine.votes import Votes
from lsp_server.errors import ServerError


class Decoder(Protocol):
    """What a generation needs of a loaded model; `loaded.LoadedModel` is one."""

    @property
    def room(self) -> int:
        """Tokens one sequence holds."""
        ...

    @property
    def micro_batch(self) -> int: ...

    def tokens(self, segments: Sequence[Segment]) -> list[int]: ...

    def text_tokens(self, text: str) -> Sequence[int]:
        """The tokens of a text on its own, with nothing in front; asked only for a request's continuations."""
        ...

    def special(self, text: str) -> int | None: ...

    def ends(self, token: int) -> bool: ...

    def bytes_of(self, token: int) -> bytes: ...

    def continuing(self, text: bytes) -> Sequence[int]:
        """The tokens by which an answer that has to begin with `text` can begin."""
        ...

    def place(self, lane: str, tokens: Sequence[int]) -> tuple[int, int]:
        """(sequence, how many of the tokens are in it already)."""
        ...

    def evaluate(self, sequence: int, tokens: Sequence[int], start: int) -> bool:
        """Appends; False when interrupted."""
        ...

    def greedy(self, among: Sequence[int] | None = None, votes: Mapping[int, float] | None = None) -> tuple[int, float]:
        """The most probable next token and the natural log of its probability, both of those `among` if given.

        votes: probability of tokens, together below 1; the model's own probabilities share what is left.
        """
        ...


class Generation:
    """Raises ServerError when the prompt does not fit or has unknown special tokens."""

    def __init__(self, decoder: Decoder, request: GenerateRequest, *, queue_ms: float) -> None:
        self._decoder = decoder
        self._lane = request.lane
        self._tokens = decoder.tokens(request.segments)
        self._forced = b""
        """What the answer has to say first: the text of the prompt's last token, which it may continue."""
        if request.heal and request.max_tokens and len(self._tokens) > 1 and not request.segments[-1].special:
            self._forced = decoder.bytes_of(self._tokens.pop())
        # A stop token that the model does not have cannot come either.
        self._stop_tokens = frozenset(decoder.special(text) for text in request.stop_tokens) - {None}
        self._prompt = len(self._tokens)
        self._most = request.max_tokens
        if not self._tokens:
            raise ServerError("The prompt is empty.", "This is a bug of codehearth; please report it.")
        if self._prompt + min(1, self._most) > decoder.room:
            raise ServerError(
                f"The prompt has {self._prompt} tokens and the model's context holds {decoder.room}.",
                "Raise `codehearth.engine.contextTokens` or choose a model with a longer context.",
            )
        self._text = _AnswerText(request.stop)
        self._votes: Votes | None = None
        if request.continuations:
            self._votes = Votes(request.continuations, decoder.text_tokens, decoder.bytes_of)
        self._said = b""
        """The answer since the prompt's end, for the votes."""
        self._sequence: int | None = None
        self._evaluated = 0
        self._reused: int | None = None
        self._generated = 0
        self._queue_ms = queue_ms
        self._prefill_ms = 0.0
        self._decode_ms = 0.0
        self._end: EndReason | None = None
        self._told = False

    def step(self) -> Piece | Done | None:
        """At most one micro-batch. None: nothing to tell yet, or interrupted."""
        if self._end is not None:
            return self.done(self._end)
        began = time.perf_counter()
        if self._sequence is None:
            self._sequence, self._evaluated = self._decoder.place(self._lane, self._tokens)
            if self._reused is None:
                self._reused = self._evaluated
        decoding = len(self._tokens) > self._prompt
        piece = self._decode(self._sequence)
        took = (time.perf_counter() - began) * 1000
        if decoding:
            self._decode_ms += took
        else:
            self._prefill_ms += took
        if piece is None or self._told:
            return piece
        self._told = True
        account = self.done("cancelled")
        return attrs.evolve(piece, reused=account.reused, evaluated=account.evaluated)

    def pause(self) -> None:
        """Others may use the sequence until the next step."""
        self._sequence = None

    def done(self, reason: EndReason) -> Done:
        """The end of the answer, whether reached or imposed."""
        reused = self._reused if self._reused is not None else 0
        evaluated = max(0, min(self._evaluated, self._prompt) - reused)
        return Done(reason, reused, evaluated, self._generated, self._queue_ms, self._prefill_ms, self._decode_ms)

    def _decode(self, sequence: int) -> Piece | None:
        batch = self._tokens[self._evaluated : self._evaluated + self._decoder.micro_batch]
        if not self._decoder.evaluate(sequence, batch, self._evaluated):
            return None
        self._evaluated += len(batch)
        if self._evaluated < len(self._tokens):
            return None
        if self._generated >= self._most:  # max_tokens 0: the prompt was all that was wanted
            self._end = "length"
            return None
        forced = self._forced
        among = self._decoder.continuing(forced) if forced else None
        votes = self._votes.for_next(self._said, forced) if self._votes is not None else None
        chosen = self._chosen(among, votes)
        if chosen is None:
            self._end = "end"
            return self._text.rest()
        token, logprob = chosen
        self._tokens.append(token)
        self._generated += 1
        said = self._decoder.bytes_of(token)
        self._forced, new = forced[len(said) :], said[len(forced) :]
        self._said += new
        piece = self._text.feed(new, logprob) if new or not forced else None
        if self._text.stopped:
            self._end = "stop"
        elif self._generated >= self._most or len(self._tokens) >= self._decoder.room:
            self._end = "length"
            rest = self._text.rest()
            return _joined(piece, rest)
        return piece

    def _chosen(self, among: Sequence[int] | None, votes: Mapping[int, float] | None) -> tuple[int, float] | None:
        """The next token and the natural log of its probability; None at the end of the answer, which cannot come while
        only tokens `among` are possible."""
        token, logprob = self._decoder.greedy(among, votes)
        if among is None and (token in self._stop_tokens or self._decoder.ends(token)):
            return None
        return token, logprob


class _AnswerText:
    """Bytes of tokens to pieces: whole characters only, and nothing that may become a stop text."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._characters = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self._tokens = 0
        self._logprob = 0.0
        self.stopped = False

    def feed(self, token: bytes, logprob: float) -> Piece | None:
        self._held += self._characters.decode(token)
        self._tokens += 1
        self._logprob += logprob
        found = [at for at in (self._held.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.stopped = True
            return self._piece(min(found))
        return self._piece(len(self._held) - self._suspicious())

    def rest(self) -> Piece | None:
        """What was held back, once nothing follows; an unfinished character is dropped."""
        return self._piece(len(self._held))

    def _suspicious(self) -> int:
        """Length of the longest end of the held text that begins a stop text."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._held)), longest, -1):
                if self._held.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _piece(self, length: int) -> Piece | None:
        if length == 0:
            return None
        piece = Piece(self._held[:length], self._tokens, self._logprob)
        self._held = self._held[length:]
        self._tokens, self._logprob = 0, 0.0
        return piece


def _joined(one: Piece | None, other: Piece | None) -> Piece | None:
    if one is None or other is None:
        return one or other
    return Piece(one.text + other.text, one.tokens + other.tokens, one.logprob + other.logprob)
