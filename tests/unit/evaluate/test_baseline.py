"""The baseline's prompts are laid out as llama.cpp's `format_prompt_infill` lays them out."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import attrs
import pytest

from lsp_server.engine import fake
from lsp_server.engine.protocol import Done, GenerateRequest, ModelFacts, Piece, Segment
from lsp_server.errors import ServerError
from lsp_server.evaluate import baseline, keystrokes, recorded
from lsp_server.evaluate.baseline import BATCH, InfillInput, LlamaServer, infill_prompt


class Characters:
    """A vocabulary in which every character is a token."""

    def tokens(self, segments: Sequence[Segment]) -> list[int]:
        return [ord(character) for segment in segments for character in segment.text]

    def bytes_of(self, token: int) -> bytes:
        return chr(token).encode()


FACTS = attrs.evolve(
    fake.FACTS,
    metadata={},
    fim_tokens={"pre": "<P>", "suf": "<S>", "mid": "<M>", "rep": "<R>", "sep": "<F>"},
    special_tokens=("<P>", "<S>", "<M>", "<R>", "<F>"),
    characters_per_token=1.0,
)


@attrs.define
class RecordingEngine:
    """Answers with one piece; a prompt's first half counts as reused."""

    requests: list[GenerateRequest] = attrs.field(factory=list)

    async def model(self) -> ModelFacts:
        return FACTS

    async def generate(self, request: GenerateRequest) -> AsyncIterator[Piece | Done]:
        self.requests.append(request)
        length = sum(len(segment.text) for segment in request.segments)
        yield Piece("x", 1, -0.1)
        yield Done("stop", length // 2, length - length // 2, 1, 0.0, 5.0, 1.0)


def written(segments: Sequence[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def test_the_editors_part_is_llama_vims() -> None:
    """Whole lines before, the caret's line as prompt, the rest of it and what follows as suffix."""
    text = "one\ntwo\nthree\nfour"
    assert InfillInput.at(text, text.index("ree")) == InfillInput("one\ntwo\n", "th", "ree\nfour\n")


def test_the_window_is_256_lines_before_and_64_after() -> None:
    lines = [f"line {number}" for number in range(1000)]
    text = "\n".join(lines)
    given = InfillInput.at(text, text.index("line 500"))
    assert given.prefix.splitlines() == lines[500 - 256 : 500]
    assert given.suffix.splitlines() == lines[500 : 500 + 65]


def test_what_is_typed_stands_before_the_suffix() -> None:
    """Repository head, prefix and prompt, suffix, in prefix-suffix-middle order; special tokens are marked as such."""
    prompt = infill_prompt(InfillInput("a\n", "b", "c\n"), FACTS, Characters())
    assert written(prompt) == "<R>myproject\n<F>filename\n<P>a\nb<S>c\n<M>"
    assert [segment.text for segment in prompt if segment.special] == ["<R>", "<F>", "<P>", "<S>", "<M>"]


def test_the_window_is_cut_to_a_batch() -> None:
    """At most three quarters of a batch of prefix, kept at its end; a quarter less the prompt of suffix."""
    prefix, suffix = "".join(map(str, range(900))), "z" * 900
    prompt = infill_prompt(InfillInput(prefix, "typed", suffix), FACTS, Characters())
    texts = [segment.text for segment in prompt if not segment.special]
    assert texts[2] == prefix[-BATCH // 4 * 3 :] + "typed"
    assert texts[3] == "z" * (BATCH // 4 - 2 - 5)


def test_a_model_without_repository_tokens_gets_no_head() -> None:
    facts = attrs.evolve(FACTS, fim_tokens={"pre": "<P>", "suf": "<S>", "mid": "<M>"})
    assert written(infill_prompt(InfillInput("a\n", "b", "c\n"), facts, Characters())) == "<P>a\nb<S>c\n<M>"


def test_a_model_without_middle_token_is_refused() -> None:
    facts = attrs.evolve(FACTS, fim_tokens={"pre": "<P>", "suf": "<S>"})
    with pytest.raises(ServerError, match="no token for mid"):
        infill_prompt(InfillInput("a\n", "b", "c\n"), facts, Characters())


async def test_the_trace_is_replayed_key_by_key() -> None:
    """One request per asking key, the first of which only warms up."""
    trace = keystrokes.load(keystrokes.shipped())
    engine = RecordingEngine()
    figures = await baseline.replay_infill(engine, Characters(), trace, keys=30)
    asking = [key for key in trace.keys[:30] if key.asks]
    assert len(engine.requests) == len(asking)
    assert figures.requests == figures.evaluated.count == len(asking) - 1
    assert figures.reused_share == pytest.approx(0.5, abs=0.01)
    assert {request.stop for request in engine.requests} == {("\n",)}


async def test_forced_answers_are_what_the_trace_records() -> None:
    """One for each key that asks, and none unless it is wanted."""
    trace = keystrokes.load(keystrokes.shipped())
    engine = RecordingEngine()
    await baseline.replay_infill(engine, Characters(), trace, keys=30, forced=True)
    assert [request.forced_answer for request in engine.requests] == recorded.answers(trace, 30)
    engine = RecordingEngine()
    await baseline.replay_infill(engine, Characters(), trace, keys=3)
    assert {request.forced_answer for request in engine.requests} == {None}


FAKE_LLAMA_SERVER = """\
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({"status": "ok"})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert asked["cache_prompt"] and asked["id_slot"] == 0, asked
        self.answer({"timings": {"prompt_n": 252, "cache_n": 748, "prompt_ms": 129.0}})
    def log_message(self, *_):
        pass
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
assert options["--host"] == "127.0.0.1", options
http.server.HTTPServer(("127.0.0.1", int(options["--port"])), Handler).serve_forever()
"""


def program(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "llama-server"
    path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a first line is no program there")
async def test_a_real_llama_server_is_asked_on_this_machine_only(tmp_path: Path) -> None:
    """Started on 127.0.0.1, asked once per key with the prompt cache on, and its own timings are taken."""
    trace = keystrokes.load(keystrokes.shipped())
    async with LlamaServer(program(tmp_path, FAKE_LLAMA_SERVER), tmp_path / "m.gguf", threads=1) as server:
        figures = await server.replay(trace, keys=10)
    assert figures.evaluated.p50 == 252
    assert figures.reused_share == pytest.approx(0.748)
    json.dumps(attrs.asdict(figures))


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a first line is no program there")
async def test_a_llama_server_that_ends_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="exit code 3"):
        async with LlamaServer(program(tmp_path, "raise SystemExit(3)"), tmp_path / "m.gguf", threads=1):
            pass


async def test_a_llama_server_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="cannot be started"):
        async with LlamaServer(tmp_path / "nothing", tmp_path / "m.gguf", threads=1):
            pass
