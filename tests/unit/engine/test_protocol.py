"""Frames on the wire."""

import json

import attrs
import pytest

from lsp_server.engine import protocol
from lsp_server.engine.fake import FACTS
from lsp_server.engine.protocol import (
    LENGTH_BYTES,
    BrokenFrame,
    Continuation,
    Done,
    DoneOf,
    Failed,
    Frame,
    Generate,
    GenerateRequest,
    Hello,
    Load,
    Loaded,
    ModelSpec,
    Piece,
    PieceOf,
    Priority,
    Segment,
    State,
    decode,
    encode,
    length_of,
)

REQUEST = GenerateRequest(
    "w", (Segment("<|a|>", True), Segment("é\ud800\n🙂")), 8, ("\n",), ("<|b|>",), Priority.PREWARM, 500
)
VOTED = attrs.evolve(REQUEST, heal=True, continuations=(Continuation("é\udfff(x)\n", 0.7), Continuation("y", 0.1)))


@pytest.mark.parametrize(
    "frame",
    [
        Hello(1, "key", "vim", 7),
        Load(ModelSpec("m.gguf", 512, None, 3)),
        Generate(3, REQUEST),
        Generate(3, VOTED),
        Loaded(FACTS),
        PieceOf(3, Piece("🙂", 2, -0.5)),
        DoneOf(3, Done("superseded", 1, 2, 3, 4.0, 5.0, 6.0)),
        Failed(None, "model", "No.", "Yes."),
        State("loading", "…", 0.5),
    ],
)
def test_frames_survive_the_wire(frame: Frame) -> None:
    """Every value comes back equal, lone surrogates included."""
    sent = encode(frame)
    assert length_of(sent[:LENGTH_BYTES]) == len(sent) - LENGTH_BYTES
    assert decode(sent[LENGTH_BYTES:]) == frame


def test_a_request_of_an_older_client_has_no_continuations() -> None:
    """Both ways: what one side does not know is left out or left aside, and the version stays."""
    frame = json.loads(encode(Generate(3, REQUEST))[LENGTH_BYTES:])
    del frame["request"]["continuations"]
    assert decode(json.dumps(frame).encode()) == Generate(3, REQUEST)
    frame["request"]["of the future"] = [1]
    assert decode(json.dumps(frame).encode()) == Generate(3, REQUEST)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"frame":"Nothing"}', b'{"frame":"Cancel"}', b"\xff", b'{"frame":"Cancel","id":"x"}']
)
def test_bytes_that_are_no_frame_are_refused(body: bytes) -> None:
    """Whatever arrives, the only exception is BrokenFrame."""
    with pytest.raises(BrokenFrame):
        decode(body)


def test_a_broken_frame_does_not_quote_what_was_in_it() -> None:
    """The message may reach a log and a frame may hold source text."""
    with pytest.raises(BrokenFrame) as caught:
        decode(b'{"frame":"Generate","id":"secret source","request":{"segments":"secret source"}}')
    assert "secret" not in str(caught.value)


def test_a_length_beyond_the_maximum_is_refused_before_it_is_read() -> None:
    """A client cannot make the engine reserve memory."""
    with pytest.raises(BrokenFrame):
        length_of((protocol.MAXIMUM_FRAME + 1).to_bytes(4, "big"))
