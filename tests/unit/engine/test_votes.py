"""What continuations of the repository make of the next token, over a vocabulary of a few words."""

import pytest

from lsp_server.engine.protocol import Continuation
from lsp_server.engine.votes import WEIGHING, Votes

WORDS = [b"self", b"sel", b"se", b".name", b".na", b".", b" = ", b"value", b"val", b"ue", b"\n", b")\n"]
WORDS += [bytes([byte]) for byte in range(256) if bytes([byte]) not in WORDS]
EMOJI = "🙂".encode()


def tokens(text: str) -> list[int]:
    """The longest word first, as vocabularies do."""
    rest, found = text.encode(), []
    while rest:
        word = max((word for word in WORDS if rest.startswith(word)), key=len)
        found.append(WORDS.index(word))
        rest = rest[len(word) :]
    return found


def votes(*continuations: Continuation) -> Votes:
    return Votes(continuations, tokens, WORDS.__getitem__)


def said(votes: Votes, said: bytes = b"", forced: bytes = b"") -> dict[bytes, float]:
    return {WORDS[token]: vote for token, vote in votes.for_next(said, forced).items()}


def trust(probability: float, followed: int = 0, none: float | None = None) -> float:
    """What continuations get together whose probabilities are together so high."""
    none = 1 - probability if none is None else none
    return probability / (probability + none * WEIGHING.doubt * WEIGHING.agreement**followed)


def test_votes_are_never_everything() -> None:
    (vote,) = said(votes(Continuation("self\n", 1.0))).values()
    assert vote == WEIGHING.most < 1


def test_those_that_agree_vote_together() -> None:
    both = votes(Continuation("self.name\n", 0.1), Continuation("self = value\n", 0.3))
    assert said(both) == {b"self": pytest.approx(trust(0.4))}


def test_those_that_disagree_share_what_is_trusted() -> None:
    """By how likely they are."""
    both = votes(Continuation("self.name\n", 0.1), Continuation("value\n", 0.3))
    assert said(both) == {b"self": pytest.approx(trust(0.4) / 4), b"value": pytest.approx(trust(0.4) * 3 / 4)}


def test_what_was_said_along_makes_sure() -> None:
    """Whole words and marks only; white space is neither."""
    one = votes(Continuation("self.name = value\n", 0.2))
    assert said(one, b"self") == {b".name": pytest.approx(trust(0.2, 1))}
    assert said(one, b"self.na") == {b"m": pytest.approx(trust(0.2, 2))}
    assert said(one, b"self.name = ") == {b"value": pytest.approx(trust(0.2, 4))}


def test_votes_grow_with_what_is_followed() -> None:
    one = votes(Continuation("self.name = value\n", 0.2))
    (first,), (later,) = said(one).values(), said(one, b"self.name = ").values()
    assert first < later


def test_the_order_of_continuations_does_not_matter() -> None:
    """Inside a word of one of them, which another has ended."""
    short, long = Continuation("val.name\n", 0.2), Continuation("value\n", 0.3)
    assert said(votes(short, long), b"val") == pytest.approx(said(votes(long, short), b"val"))


def test_whoever_said_something_else_is_silent() -> None:
    """And what it was likely to be counts neither for the others nor for the model."""
    both = votes(Continuation("self.name\n", 0.5), Continuation("self = value\n", 0.2))
    assert said(both, b"self = ") == {b"value": pytest.approx(trust(0.2, 2, none=0.3))}
    assert said(both, b"value") == {}


def test_an_answer_that_takes_half_a_token_is_followed() -> None:
    """It went through `val` where the text alone would have been `value`."""
    assert said(votes(Continuation("value\n", 0.2)), b"val") == {b"ue": pytest.approx(trust(0.2))}


def test_an_answer_that_leaves_in_the_middle_of_a_token_is_not() -> None:
    one = votes(Continuation("self.name\n", 0.2))
    assert said(one, b"self.na") == {b"m": pytest.approx(trust(0.2, 2))}
    assert said(one, b"self.nu") == {}


def test_half_a_word_of_the_prompt_is_said_again() -> None:
    """The token to say again goes on into the continuation, or is said in parts."""
    one = votes(Continuation("lf.name\n", 0.3))
    assert said(one, forced=b"se") == {b"self": pytest.approx(trust(0.3))}
    assert said(one, forced=b"e") == {b"e": pytest.approx(trust(0.3))}
    assert said(one, b"lf") == {b".name": pytest.approx(trust(0.3, 1))}


def test_a_text_that_is_used_up_votes_for_nothing_more() -> None:
    one = votes(Continuation("value)\n", 0.3))
    assert said(one, b"value") == {b")\n": pytest.approx(trust(0.3, 1))}
    assert said(one, b"value)") == {b"\n": pytest.approx(trust(0.3, 2))}
    assert said(one, b"value)\n") == {}
    assert said(one, b"value)\nself") == {}


def test_a_character_of_several_tokens_is_followed_through() -> None:
    """Inside it nothing can be read anew; its own tokens are known from before."""
    one = votes(Continuation("🙂 = value\n", 0.3))
    for length in range(4):
        assert list(said(one, EMOJI[:length])) == [EMOJI[length : length + 1]]
    assert list(said(one, EMOJI)) == [b" = "]


def test_inside_a_character_that_was_begun_otherwise_nothing_is_said() -> None:
    one = votes(Continuation("🙂 = value\n", 0.3))
    assert said(one, EMOJI[:2]) == {}
    assert said(one, forced=b"\x82") == {}
    assert list(said(one, EMOJI)) == [b" = "]


@pytest.mark.parametrize("piece", [b"", b"V"])
def test_a_vocabulary_that_lacks_a_character_gives_no_vote_for_it(piece: bytes) -> None:
    """Its unknown token stands for no text, and a normalised one for another text."""
    one = Votes([Continuation("value\n", 0.3)], lambda _text: [7], lambda _token: piece)
    assert one.for_next(b"", b"") == {}


def test_nothing_is_said_without_likely_texts() -> None:
    assert said(votes()) == {}
    assert said(votes(Continuation("self", 0.0), Continuation("", 0.5))) == {}


def test_a_text_is_read_once_while_the_answer_follows_it() -> None:
    """Hundreds of continuations over dozens of steps."""
    read: list[str] = []

    def counted(text: str) -> list[int]:
        read.append(text)
        return tokens(text)

    one = Votes([Continuation("lf.name = value\n", 0.3)], counted, WORDS.__getitem__)
    answer = b""
    one.for_next(b"", b"se")
    while voted := one.for_next(answer or b"lf", b""):
        answer = (answer or b"lf") + WORDS[next(iter(voted))]
    assert answer == b"lf.name = value\n"
    assert read == ["self.name = value\n"]
