"""The embedded model in this process: tokens, KV cache, interruption, and files that cannot be loaded."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest
from gguf import GGUFWriter

from lsp_server.engine.loaded import LoadedModel, fit, fit_gpu_layers, host_room
from lsp_server.engine.protocol import Continuation, Done, GenerateRequest, ModelSpec, Piece, Segment
from lsp_server.errors import ModelUnavailable, ServerError
from tests.unit.engine.conftest import MODEL, ask

LONG = "\n".join(f"def f{number}(value):\n    return value + {number}\n" for number in range(22))


@pytest.fixture(scope="module")
def model() -> Iterator[LoadedModel]:
    loaded = LoadedModel(ModelSpec(str(MODEL), threads=1), progress=lambda _value: True)
    yield loaded
    loaded.close()


def run(model: LoadedModel, request: GenerateRequest) -> tuple[str, Done]:
    generation = model.generation(request, queue_ms=0.0)
    text = ""
    while not isinstance(outcome := generation.step(), Done):
        text += outcome.text if isinstance(outcome, Piece) else ""
    return text, outcome


def test_the_facts_say_what_was_loaded(model: LoadedModel) -> None:
    facts = model.facts
    assert (facts.architecture, facts.trained_context, facts.vocabulary_size) == ("llama", 2048, 16384)
    assert facts.fim_tokens["mid"] == "<|fim_middle|>"
    assert facts.metadata["codehearth.fim.order"] == "spm"
    assert "<|endoftext|>" in facts.special_tokens
    assert 2 < facts.characters_per_token < 6
    assert facts.decode_rate > 0
    assert facts.prefill_rate > 0


def test_an_answer_continues_the_prefix(model: LoadedModel) -> None:
    text, done = run(model, ask("def read(path):\n    with open(path"))
    assert text.strip()
    assert done.generated > 0


@pytest.mark.parametrize(
    "text", ["", "x = 1\n", "naïve 🙂 \u2028 \r\n\t\x0c", "<|fim_middle|>", "def f():\n    return '\0'"]
)
def test_tokens_stand_for_the_text_they_came_from(model: LoadedModel, text: str) -> None:
    tokens = model.tokens([Segment(text)])
    assert b"".join(model.bytes_of(token) for token in tokens) == text.encode()


def test_special_tokens_in_text_are_inert(model: LoadedModel) -> None:
    """Source code that holds a marker is ordinary text; a special segment is exactly its token."""
    markers = {model.special(text) for text in model.facts.special_tokens}
    assert not markers & set(model.tokens([Segment("a <|fim_middle|> b <|endoftext|> c")]))
    assert model.tokens([Segment("<|fim_middle|>", special=True)]) == [model.special("<|fim_middle|>")]


@pytest.mark.parametrize("heal", [False, True])
def test_a_forced_answer_is_said_and_evaluated_token_by_token(model: LoadedModel, heal: bool) -> None:
    """The same text whether the prompt is healed or not, at the model's own, poor, opinion of it."""
    given = "zq_17(\t🙂)\nand this"
    request = attrs.evolve(ask("def read(path):\n    with op", stop=("\n",)), forced_answer=given, heal=heal)
    generation = model.generation(request, queue_ms=0.0)
    pieces: list[Piece] = []
    while not isinstance(outcome := generation.step(), Done):
        pieces += [outcome] if outcome is not None else []
    assert "".join(piece.text for piece in pieces) == "zq_17(\t🙂)"
    assert outcome.reason == "stop"
    assert outcome.generated >= 6
    assert sum(piece.logprob for piece in pieces) < -10


def test_what_the_model_would_say_anyway_has_the_same_probability_when_forced(model: LoadedModel) -> None:
    free = ask("def read(path):\n    with open(path", max_tokens=3)
    said, _ = run(model, free)
    assert said

    def logprob(request: GenerateRequest) -> float:
        generation = model.generation(request, queue_ms=0.0)
        total = 0.0
        while not isinstance(outcome := generation.step(), Done):
            total += outcome.logprob if outcome is not None else 0.0
        return total

    assert logprob(attrs.evolve(free, forced_answer=said)) == pytest.approx(logprob(free), abs=1e-3)


def test_an_unknown_special_token_is_refused(model: LoadedModel) -> None:
    with pytest.raises(ServerError, match="no special token"):
        model.tokens([Segment("<|nothing|>", special=True)])


def test_a_lone_surrogate_does_no_harm(model: LoadedModel) -> None:
    """Editors send halves of characters when a cursor stands inside one."""
    assert run(model, ask("x = '\ud83d", max_tokens=1))[1].generated <= 1


def test_the_same_prompt_gives_the_same_answer(model: LoadedModel) -> None:
    """From an empty cache, from a full one and after other prompts."""
    request = ask("import os\n\ndef walk(folder):\n    for", lane="same")
    first, cold = run(model, request)
    again, warm = run(model, request)
    assert first == again
    assert cold.reused + cold.evaluated == warm.reused + warm.evaluated
    assert warm.evaluated == 1


def test_an_appended_prompt_evaluates_what_is_new(model: LoadedModel) -> None:
    _, before = run(model, ask("import os\n\ndef add(one, other):\n", lane="typing", max_tokens=0))
    _, after = run(model, ask("import os\n\ndef add(one, other):\n    return one", lane="typing", max_tokens=1))
    prompt = after.reused + after.evaluated
    assert after.evaluated <= prompt - (before.reused + before.evaluated) + 2


def test_two_lanes_keep_what_was_evaluated(model: LoadedModel) -> None:
    for _ in range(2):
        one = run(model, ask(LONG[:600] + "# one\n", lane="one", max_tokens=2))[1]
        other = run(model, ask(LONG[100:700] + "# other\n", lane="other", max_tokens=2))[1]
    assert (one.evaluated, other.evaluated) == (1, 1)


def test_what_was_swapped_out_answers_like_something_fresh(model: LoadedModel) -> None:
    """More places than sequences: the first one comes back from host memory."""
    request = ask("class Swapped:\n" + LONG[:500] + "def last(", lane="swap")
    fresh, cold = run(model, request)
    for number in range(12):
        run(
            model,
            ask(f"# {number * 7919}\n" + LONG[30 * number : 30 * number + 500], lane=f"swap {number}", max_tokens=1),
        )
    back, warm = run(model, request)
    assert back == fresh
    assert cold.evaluated > 100
    assert warm.evaluated == 1


def test_an_interrupted_prefill_leaves_the_cache_right(model: LoadedModel) -> None:
    """The flag is raised while llama.cpp evaluates; afterwards the answer is that of an undisturbed run."""
    request = ask("class Interrupted:\n" + LONG + "def last(", lane="interrupted", max_tokens=8)
    generation = model.generation(request, queue_ms=0.0)
    model.interrupt()
    assert generation.step() is None
    assert generation.done("cancelled").evaluated == 0
    model.proceed()
    raiser = threading.Timer(0.003, model.interrupt)
    raiser.start()
    stopped = generation.step()
    raiser.join()
    model.proceed()
    assert stopped is None
    assert generation.done("cancelled").evaluated == 0
    disturbed, _ = run(model, request)
    fresh = LoadedModel(ModelSpec(str(MODEL), threads=1), progress=lambda _value: True)
    try:
        assert run(fresh, request)[0] == disturbed
    finally:
        fresh.close()


def test_a_measurement_in_between_does_no_harm(model: LoadedModel) -> None:
    request = ask(LONG[:400] + "def last(", lane="measured")
    before, _ = run(model, request)
    model.measure()
    assert run(model, request)[0] == before


def test_threads_that_come_to_a_standstill_are_halved_at_once(model: LoadedModel) -> None:
    """A build has started: one slow decode is enough, a hiccup of a few milliseconds is not."""
    kept = model._speed
    try:
        model._spec = attrs.evolve(model._spec, threads=None)
        model._speed = attrs.evolve(kept, threads=4, prefill_threads=4, decode_rate=1000.0)
        model._strained, model._measured_at = False, time.monotonic()  # whatever this machine did meanwhile
        model._notice(0.02)
        assert (model._speed.threads, model._strained) == (4, False)
        model._notice(0.25)
        assert (model._speed.threads, model._strained) == (2, True)
        assert not model.strained  # measured a moment ago; it waits until a measurement is worth it
    finally:
        model._spec, model._speed, model._strained = attrs.evolve(model._spec, threads=1), kept, False
        model._context.set_threads(1, 1)


def test_a_model_that_runs_faster_than_measured_is_measured_again(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build is over."""
    try:
        model._notice(0.1 / model._speed.decode_rate)
        monkeypatch.setattr(model, "_measured_at", -1000.0)
        assert model.strained
        model.measure()
        assert not model.strained
    finally:
        model._strained = False


def test_loading_can_be_given_up(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="given up"):
        LoadedModel(ModelSpec(str(MODEL)), progress=lambda _value: False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model file at .*absent\.gguf") as caught:
        LoadedModel(ModelSpec(str(tmp_path / "absent.gguf")), progress=lambda _value: True)
    assert "codehearth models list" in caught.value.next_step


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        LoadedModel(ModelSpec(str(tmp_path)), progress=lambda _value: True)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("not a model")
    with pytest.raises(ModelUnavailable, match="not a GGUF file"):
        LoadedModel(ModelSpec(str(path)), progress=lambda _value: True)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_told_as_such(tmp_path: Path, share: float) -> None:
    """Wherever the download ended."""
    whole = MODEL.read_bytes()
    path = tmp_path / "half.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelUnavailable, match="damaged or incomplete"):
        LoadedModel(ModelSpec(str(path)), progress=lambda _value: True)


def test_an_unknown_architecture_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "future.gguf"
    writer = GGUFWriter(path, "brain")
    writer.add_tensor("weights", np.zeros((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelUnavailable, match="does not know the kind of model"):
        LoadedModel(ModelSpec(str(path)), progress=lambda _value: True)


def test_what_llama_cpp_found_wrong_is_told(tmp_path: Path) -> None:
    """Its first complaint says what is missing; its last one only that it failed."""
    path = tmp_path / "renamed.gguf"
    path.write_bytes(MODEL.read_bytes().replace(b"blk.0.attn_q.weight", b"blk.0.attn_x.weight"))
    with pytest.raises(ModelUnavailable, match=r"blk\.0\.attn_q\.weight"):
        LoadedModel(ModelSpec(str(path)), progress=lambda _value: True)


def test_a_context_beyond_memory_is_refused_and_nothing_breaks(model: LoadedModel) -> None:
    with pytest.raises(ModelUnavailable, match="not enough memory"):
        LoadedModel(ModelSpec(str(MODEL), context_tokens=2**30), progress=lambda _value: True)
    assert run(model, ask("x = ", max_tokens=2))[1].generated <= 2


def test_the_context_follows_the_memory() -> None:
    gib = 2**30
    plenty = fit(kv_bytes_per_token=57_344, trained_context=32_768, wanted_context=None, free_bytes=64 * gib)
    scarce = fit(kv_bytes_per_token=57_344, trained_context=32_768, wanted_context=None, free_bytes=gib)
    wanted = fit(kv_bytes_per_token=57_344, trained_context=32_768, wanted_context=16_384, free_bytes=gib)
    small = fit(kv_bytes_per_token=4_096, trained_context=512, wanted_context=None, free_bytes=8 * gib)
    assert (plenty.context_tokens, plenty.sequences) == (8192, 4)
    assert scarce.context_tokens == 4096
    assert (wanted.context_tokens, wanted.sequences) == (16_384, 1)
    assert (small.context_tokens, small.sequences) == (512, 4)


def test_as_many_layers_go_to_the_gpu_as_there_is_room() -> None:
    gib = 2**30
    assert fit_gpu_layers(model_bytes=5 * gib, layers=28, free_device_bytes=8 * gib) == 29
    assert fit_gpu_layers(model_bytes=8 * gib, layers=28, free_device_bytes=8 * gib) == 19
    assert fit_gpu_layers(model_bytes=8 * gib, layers=28, free_device_bytes=0) == 0


@pytest.mark.parametrize(
    "prefix", ["import os\n\ndef f(path):\n    return ", "def f():\n    ret", "x = 1\ny = 2\nif x:\n    "]
)
def test_a_prompt_may_end_inside_a_token(model: LoadedModel, prefix: str) -> None:
    """A space and half a word are the beginnings of tokens: healed, the model goes on with them; otherwise it ends, or
    begins the next token with a space of its own."""
    broken, healed = (run(model, ask(prefix, max_tokens=8, heal=heal))[0] for heal in (False, True))
    assert not broken or broken.startswith(" ")
    assert healed
    assert not healed.startswith(" ")


def test_half_a_word_is_finished(model: LoadedModel) -> None:
    """`ret` at the beginning of a statement can hardly be anything else."""
    assert run(model, ask("def f():\n    ret", max_tokens=8, heal=True))[0].startswith("urn")


@pytest.mark.parametrize("text", [b" ", b"ret", b"\n    ", "é".encode()])
def test_what_may_continue_a_text(model: LoadedModel, text: bytes) -> None:
    """Every token that begins with it or with which it begins, and no other."""
    found = sorted(model.continuing(text))
    pieces = {token: model.bytes_of(token) for token in range(model.facts.vocabulary_size)}
    expected = [
        token
        for token, piece in pieces.items()
        if piece and (piece.startswith(text) or text.startswith(piece)) and not model.ends(token)
    ]
    assert found == expected


def test_a_small_model_keeps_little_in_host_memory() -> None:
    """However much memory is free: 2 MB a place make 64 MB. A large model is bounded by a share of what is free."""
    assert host_room(64 * 2**30, 2 * 2**20) == 64 * 2**20
    assert host_room(64 * 2**30, 500 * 2**20) == 2**30
    assert host_room(2**30, 500 * 2**20) == 2**30 // 10


NONSENSE = "zqx_wibble[17] ^= blorp(~frum, 'é🙂')"


@pytest.mark.parametrize(
    ("prefix", "heal"), [("def f(frum):\n    ", True), ("def f(frum):\n    zq", True), ("x = ", False)]
)
def test_what_the_repository_says_is_completed_to_the_letter(model: LoadedModel, prefix: str, heal: bool) -> None:
    """A line that the model would never write; without the continuation it writes what it did before."""
    rest = NONSENSE.removeprefix(prefix.split()[-1])
    plain = ask(prefix, max_tokens=60, stop=("\n",), heal=heal)
    voted = attrs.evolve(plain, continuations=(Continuation(rest + "\n", 0.99),))
    before = pieces(model, plain)
    answer, done = run(model, voted)
    assert (answer, done.reason) == (rest, "stop")
    assert rest not in "".join(text for text, _ in before)
    assert pieces(model, plain) == before


def test_an_answer_that_goes_another_way_is_not_touched_any_more(model: LoadedModel) -> None:
    """The place is hardly like this one and the model sure; once they have parted every probability is its own."""
    plain = ask("import numpy as np\n\ndef f(x):\n    if x is None:\n        raise", max_tokens=8)
    voted = attrs.evolve(plain, continuations=(Continuation("zqx\n", 0.01),))
    alone, beside = pieces(model, plain), pieces(model, voted)
    assert beside[0][0] == alone[0][0]
    assert beside[0][1] < alone[0][1]
    assert beside[1:] == alone[1:]


def test_votes_are_mixed_into_the_probabilities(model: LoadedModel) -> None:
    """The model's own share shrinks to what the votes leave; votes for what cannot come take nothing."""
    run(model, ask("def read(path):\n    with open(path", max_tokens=0))
    greedy = model._context.greedy
    first, logprob = greedy()
    other = 1 if first == 0 else 0
    of_the_two = np.exp(greedy([first, other])[1])
    sure = np.exp(logprob)
    rare = sure * (1 - of_the_two) / of_the_two
    assert greedy(None, {other: 0.9, first: 0.05}) == pytest.approx((other, np.log(0.05 * rare + 0.9)), abs=1e-6)
    assert greedy(None, {first: 0.05}) == pytest.approx((first, np.log(0.95 * sure + 0.05)), abs=1e-6)
    assert greedy(None, {other: 0.01}) == pytest.approx((first, np.log(0.99 * sure)), abs=1e-6)
    assert greedy([first], {other: 0.9}) == (first, 0.0)
    assert greedy([first, other], {other: 0.99})[0] == other
    assert greedy(None, {}) == (first, logprob)


def pieces(model: LoadedModel, request: GenerateRequest) -> list[tuple[str, float]]:
    generation = model.generation(request, queue_ms=0.0)
    found = []
    while not isinstance(outcome := generation.step(), Done):
        if isinstance(outcome, Piece):
            found.append((outcome.text, outcome.logprob))
    return found
