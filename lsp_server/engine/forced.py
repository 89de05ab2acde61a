"""An answer whose text is given, so that a model of random weights can be measured by what people really type.

It differs from `generation.py` in one thing, who chooses the next token: all of them are evaluated, streamed, stopped
and interrupted alike. Only measurements ask for it. Model thread only.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from lsp_server.engine.generation import Decoder, Generation
from lsp_server.engine.protocol import GenerateRequest


class ForcedDecoder(Decoder, Protocol):
    """A decoder that also says what it thinks of a token it did not choose."""

    def logprob_of(self, token: int, among: Sequence[int] | None = None) -> float:
        """The natural log of the token's probability, among those of `among` if given."""
        ...


class ForcedGeneration(Generation):
    """Says `text`, and then ends as a model does that has nothing more to say."""

    def __init__(self, decoder: ForcedDecoder, request: GenerateRequest, text: str, *, queue_ms: float) -> None:
        super().__init__(decoder, request, queue_ms=queue_ms)
        self._judge = decoder
        self._left = deque(self._spelled(request, text))

    def _spelled(self, request: GenerateRequest, text: str) -> Sequence[int]:
        """The tokens of the text together with what healing took from the prompt's end: to the model it is one text."""
        try:
            return self._decoder.text_tokens(self._forced.decode("utf-8") + text)
        except UnicodeDecodeError:  # The prompt's last token is a part of a character; it is said again as it was.
            return [self._decoder.tokens(request.segments)[-1], *self._decoder.text_tokens(text)]

    def _chosen(self, among: Sequence[int] | None, votes: Mapping[int, float] | None) -> tuple[int, float] | None:
        """The votes were counted, which takes its time, and change nothing."""
        if not self._left:
            return None
        token = self._left.popleft()
        return token, self._judge.logprob_of(token, among)
