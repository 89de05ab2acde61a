"""Answers whose text is given: like any other but for who chooses the tokens."""

from collections.abc import Sequence

from lsp_server.engine.forced import ForcedGeneration
from lsp_server.engine.protocol import Continuation, Done, GenerateRequest, Piece, Segment
from tests.unit.engine.test_generation import Decoder, text


class Judge(Decoder):
    """A model that would say something else and finds every token unlikely. One character is one token."""

    def __init__(self) -> None:
        super().__init__(b"something", b"else")
        self.judged: list[tuple[int, Sequence[int] | None]] = []

    def logprob_of(self, token: int, among: Sequence[int] | None = None) -> float:
        self.judged.append((token, among))
        return -8.0


def forced(answer: str, prompt: str = "xyz", max_tokens: int = 50, **more: object) -> tuple[Judge, ForcedGeneration]:
    decoder = Judge()
    request = GenerateRequest("a", (Segment(prompt),), max_tokens, **more)  # type: ignore[arg-type]
    return decoder, ForcedGeneration(decoder, request, answer, queue_ms=0.0)


def run(generation: ForcedGeneration, *, pausing: bool = False) -> tuple[list[Piece], Done]:
    pieces: list[Piece] = []
    while not isinstance(outcome := generation.step(), Done):
        if outcome is not None:
            pieces.append(outcome)
        if pausing:
            generation.pause()
    return pieces, outcome


def test_each_token_is_evaluated_and_streamed_by_itself() -> None:
    """The prompt at once, then one token after the other, the last one too: only then a model can end."""
    decoder, generation = forced("abc")
    pieces, done = run(generation)
    assert [(piece.text, piece.tokens, piece.logprob) for piece in pieces] == [("a", 1, -8), ("b", 1, -8), ("c", 1, -8)]
    assert decoder.evaluated == [3, 1, 1, 1]
    assert (done.reason, done.evaluated, done.generated) == ("end", 3, 3)


def test_stops_and_lengths_end_it() -> None:
    pieces, done = run(forced("one\ntwo", stop=("\n",))[1])
    assert (text(pieces), done.reason, done.generated) == ("one", "stop", 4)
    pieces, done = run(forced("one", max_tokens=2)[1])
    assert (text(pieces), done.reason) == ("on", "length")


def test_an_empty_text_is_an_answer_too() -> None:
    """The prompt is read, and nothing is said."""
    decoder, generation = forced("")
    pieces, done = run(generation)
    assert (pieces, done.reason, decoder.evaluated) == ([], "end", [3])


def test_the_healed_token_is_said_again_and_is_no_part_of_the_answer() -> None:
    """Its text and the answer's are one; while it is said, only what continues it is possible."""
    decoder, generation = forced("ab", heal=True)
    pieces, done = run(generation)
    assert text(pieces) == "ab"
    assert decoder.continued == [b"z"]
    assert [among is not None for _, among in decoder.judged] == [True, False, False]
    assert (done.evaluated, done.generated) == (2, 3)


def test_a_paused_answer_goes_on_where_it_was() -> None:
    pieces, done = run(forced("abcd")[1], pausing=True)
    assert text(pieces) == "abcd"
    assert done.generated == 4


def test_the_repository_has_no_say() -> None:
    """Its votes would tell what a model says; the text is given."""
    pieces, _ = run(forced("ab", continuations=(Continuation("cd", 0.9),))[1])
    assert text(pieces) == "ab"
