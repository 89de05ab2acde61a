"""One answer, step by step, over a scripted decoder."""

from collections.abc import Mapping, Sequence

import pytest

from lsp_server.engine.generation import Generation
from lsp_server.engine.protocol import Continuation, Done, GenerateRequest, Piece, Segment
from lsp_server.errors import ServerError

END = 999


class Decoder:
    """Says the given pieces one after the other. Tokens of the prompt are its characters."""

    room = 64
    micro_batch = 8

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.said = 0
        self.evaluated: list[int] = []
        self.interrupted = False
        self.continued: list[bytes] = []
        self.votes: list[Mapping[int, float] | None] = []

    def tokens(self, segments: Sequence[Segment]) -> list[int]:
        return [ord(character) for segment in segments for character in segment.text]

    def text_tokens(self, text: str) -> Sequence[int]:
        return [ord(character) for character in text]

    def special(self, text: str) -> int:
        return ord(text)

    def ends(self, token: int) -> bool:
        return token == END

    def bytes_of(self, token: int) -> bytes:
        return self.pieces[token - 1000] if token >= 1000 else chr(token).encode()

    def place(self, lane: str, tokens: Sequence[int]) -> tuple[int, int]:
        return 0, 0

    def evaluate(self, sequence: int, tokens: Sequence[int], start: int) -> bool:
        if self.interrupted:
            return False
        self.evaluated.append(len(tokens))
        return True

    def continuing(self, text: bytes) -> Sequence[int]:
        self.continued.append(text)
        return [1000 + self.said]

    def greedy(self, among: Sequence[int] | None = None, votes: Mapping[int, float] | None = None) -> tuple[int, float]:
        self.said += 1
        self.votes.append(votes)
        if votes:  # a model that believes the repository
            return max(votes, key=lambda token: votes[token]), -0.1
        return (999 + self.said if self.said <= len(self.pieces) else END), -0.5


def run(decoder: Decoder, prompt: str = "x", max_tokens: int = 50, **more: object) -> tuple[list[Piece], Done]:
    request = GenerateRequest("a", (Segment(prompt),), max_tokens, **more)  # type: ignore[arg-type]
    generation = Generation(decoder, request, queue_ms=0.0)
    pieces: list[Piece] = []
    while not isinstance(outcome := generation.step(), Done):
        if outcome is not None:
            pieces.append(outcome)
    return pieces, outcome


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_the_prompt_is_evaluated_in_micro_batches() -> None:
    decoder = Decoder()
    _, done = run(decoder, "x" * 20)
    assert decoder.evaluated == [8, 8, 4]
    assert (done.reason, done.evaluated, done.generated) == ("end", 20, 0)


def test_max_tokens_zero_only_evaluates() -> None:
    decoder = Decoder(b"never")
    pieces, done = run(decoder, "x" * 5, max_tokens=0)
    assert (pieces, done.reason, decoder.evaluated, decoder.said) == ([], "length", [5], 0)


def test_a_character_is_never_split() -> None:
    """An emoji of four bytes over three tokens comes out whole, with its tokens and probabilities added up."""
    emoji = "🙂".encode()
    pieces, _ = run(Decoder(b"a", emoji[:1], emoji[1:3], emoji[3:] + b"b"))
    assert [(piece.text, piece.tokens, piece.logprob) for piece in pieces] == [("a", 1, -0.5), ("🙂b", 3, -1.5)]


def test_an_unfinished_character_at_the_end_is_dropped() -> None:
    pieces, done = run(Decoder(b"a", "🙂".encode()[:2]), max_tokens=2)
    assert (text(pieces), done.reason) == ("a", "length")


def test_the_answer_ends_before_a_stop_text_inside_a_token() -> None:
    pieces, done = run(Decoder(b"one", b"() \nmore"), stop=("\n",))
    assert (text(pieces), done.reason, done.generated) == ("one() ", "stop", 2)


def test_a_stop_text_over_several_tokens_is_never_shown() -> None:
    """What may begin a stop text is held back until it is known."""
    pieces, done = run(Decoder(b"a\n", b"\n", b"b"), stop=("\n\nb",))
    assert (text(pieces), done.reason) == ("a", "stop")


def test_what_was_held_back_in_vain_comes_out() -> None:
    pieces, done = run(Decoder(b"a\n", b"\n", b"c"), stop=("\n\nb",))
    assert (text(pieces), done.reason) == ("a\n\nc", "end")
    pieces, done = run(Decoder(b"a\n"), stop=("\n\nb",))
    assert (text(pieces), done.reason) == ("a\n", "end")


def test_the_earliest_of_several_stop_texts_counts() -> None:
    pieces, _ = run(Decoder(b"a;b\nc"), stop=("\n", ";"))
    assert text(pieces) == "a"


def test_a_stop_token_ends_the_answer() -> None:
    pieces, done = run(Decoder(b"a", b"b"), stop_tokens=(chr(1001),))
    assert (text(pieces), done.reason) == ("a", "end")


def test_the_answer_ends_where_the_context_is_full() -> None:
    decoder = Decoder(*[b"a"] * 200)
    pieces, done = run(decoder, "x" * 60, max_tokens=100)
    assert (len(text(pieces)), done.reason) == (4, "length")


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ServerError, match="65 tokens") as caught:
        run(Decoder(), "x" * 65)
    assert caught.value.next_step


def test_a_paused_answer_finds_its_tokens_again() -> None:
    """After a pause the sequence is asked for anew, with what has been said so far."""
    decoder = Decoder(b"a", b"b", b"c")
    generation = Generation(decoder, GenerateRequest("a", (Segment("xyz"),), 10), queue_ms=0.0)
    first = generation.step()
    generation.pause()
    rest: list[Piece] = []
    while not isinstance(outcome := generation.step(), Done):
        if outcome is not None:
            rest.append(outcome)
    assert isinstance(first, Piece)
    assert first.text + text(rest) == "abc"
    assert decoder.evaluated[:2] == [3, 4]
    assert (outcome.reused, outcome.evaluated, outcome.generated) == (0, 3, 3)


def test_an_interrupted_step_changes_nothing() -> None:
    decoder = Decoder(b"a")
    generation = Generation(decoder, GenerateRequest("a", (Segment("xyz"),), 1), queue_ms=0.0)
    decoder.interrupted = True
    assert generation.step() is None
    assert generation.done("cancelled").evaluated == 0
    decoder.interrupted = False
    assert generation.step() == Piece("a", 1, -0.5, reused=0, evaluated=3)


def test_the_first_piece_tells_what_the_prompt_cost() -> None:
    """Who stops reading early never sees the Done; later pieces leave it out."""
    pieces, done = run(Decoder(b"a", b"b"), "x" * 20)
    assert [(piece.reused, piece.evaluated) for piece in pieces] == [(done.reused, done.evaluated), (None, None)]
    assert done.evaluated == 20


@pytest.mark.parametrize(
    ("said", "answer", "tokens", "asked"),
    [
        ((b"xy", b"z"), "yz", 2, [b"x"]),
        ((b"x", b"z"), "z", 1, [b"x"]),
    ],
)
def test_a_healed_prompt_is_continued_inside_its_last_token(
    said: tuple[bytes, ...], answer: str, tokens: int, asked: list[bytes]
) -> None:
    """The last token is said again, alone or as the beginning of a longer one; the answer begins behind it."""
    decoder = Decoder(*said)
    pieces, done = run(decoder, "abx", heal=True)
    assert text(pieces) == answer
    assert sum(piece.tokens for piece in pieces) == tokens
    assert decoder.continued == asked
    assert (done.reason, done.evaluated) == ("end", 2)


def test_a_long_token_may_be_said_again_in_parts() -> None:
    """Until all of it is there, only what continues it is possible."""
    decoder = Decoder(b"\xc3", b"\xa9t", b"e")
    pieces, _ = run(decoder, "abé", heal=True)
    assert text(pieces) == "te"
    assert decoder.continued == ["é".encode(), b"\xa9"]


def test_there_is_nothing_to_heal_behind_a_special_token() -> None:
    decoder = Decoder(b"y")
    request = GenerateRequest("a", (Segment("ab"), Segment("M", special=True)), 10, heal=True)
    generation = Generation(decoder, request, queue_ms=0.0)
    assert generation.step() == Piece("y", 1, -0.5, reused=0, evaluated=3)
    assert decoder.continued == []


def test_votes_follow_the_answer_to_its_end() -> None:
    """Until the text is used up; its newline ends the answer through the stop text."""
    decoder = Decoder()
    pieces, done = run(decoder, "ab", stop=("\n",), continuations=(Continuation("cd\n", 0.6),))
    assert (text(pieces), done.reason, done.generated) == ("cd", "stop", 3)
    assert [list(votes or ()) for votes in decoder.votes] == [[ord("c")], [ord("d")], [ord("\n")]]


def test_votes_begin_inside_the_healed_token() -> None:
    """They say the prompt's last token again, and only what comes behind it is the answer."""
    decoder = Decoder()
    pieces, _ = run(decoder, "ab", heal=True, stop=("\n",), continuations=(Continuation("c\n", 0.6),))
    assert text(pieces) == "c"
    assert [list(votes or ()) for votes in decoder.votes] == [[ord("b")], [ord("c")], [ord("\n")]]


def test_the_model_goes_on_alone_behind_the_votes() -> None:
    decoder = Decoder(b"!", b"!", b"e", b"f")
    pieces, done = run(decoder, "ab", continuations=(Continuation("cd", 0.6),))
    assert (text(pieces), done.reason) == ("cdef", "end")
    assert decoder.votes[2:] == [{}, {}, {}]


def test_a_paused_answer_keeps_its_votes() -> None:
    decoder = Decoder()
    request = GenerateRequest("a", (Segment("x"),), 3, continuations=(Continuation("cde", 0.6),))
    generation = Generation(decoder, request, queue_ms=0.0)
    said = ""
    while not isinstance(outcome := generation.step(), Done):
        said += outcome.text if outcome else ""
        generation.pause()
    assert said == "cde"


def test_without_continuations_nobody_is_asked() -> None:
    decoder = Decoder(b"a")
    run(decoder)
    assert decoder.votes == [None, None]
