"""A model that is ready to answer: fitted to this machine's memory, measured, with its KV cache. Model thread only.

Turns llama.cpp's refusals into sentences for the person. Never schedules; never touches sockets.
"""

import ctypes
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import psutil

from lsp_server.engine import calibrate, llama
from lsp_server.engine.calibrate import CODE_SAMPLE, Speed, SpeedStore
from lsp_server.engine.forced import ForcedGeneration
from lsp_server.engine.generation import Generation
from lsp_server.engine.kv import KvCache
from lsp_server.engine.protocol import GenerateRequest, ModelFacts, ModelSpec, Segment
from lsp_server.errors import ModelUnavailable

logger = logging.getLogger("codehearth.engine")

MOST_SEQUENCES = 4
"""Places kept evaluated at once: as many windows as people type in. Others wait in host memory."""

SWAPPED_SEQUENCES = 32
"""Places in host memory. Without this bound a thousand requests to an 8 M model kept 1 GB."""

LONGEST_CONTEXT = 8192
"""Tokens, unless the person asks for more: beyond, prompts take longer to build and read than anyone waits."""

_RELUCTANCE = 8.0
"""A decode this many times slower than measured means that something else wants the cores."""

_HICCUP_S = 0.03
"""Any process is set aside for so long now and then."""

_BETTER = 0.4
"""A decode that takes this share of what was measured means that the measurement fell into bad times."""

_PATIENCE_S = 30.0
"""Between two measurements after slow answers."""


@attrs.frozen
class Fit:
    """How a model is laid out on this machine."""

    context_tokens: int
    sequences: int


def fit(*, kv_bytes_per_token: int, trained_context: int, wanted_context: int | None, free_bytes: int) -> Fit:
    """The longest sensible context and as many sequences as fit into a quarter of the free memory, at least one."""
    budget = max(64 * 2**20, free_bytes // 4)
    tokens = wanted_context or min(trained_context or LONGEST_CONTEXT, LONGEST_CONTEXT)
    if wanted_context is None:
        while tokens > 1024 and tokens * kv_bytes_per_token > budget:
            tokens //= 2
    sequences = budget // max(1, tokens * kv_bytes_per_token)
    return Fit(tokens, max(1, min(MOST_SEQUENCES, sequences)))


def fit_gpu_layers(*, model_bytes: int, layers: int, free_device_bytes: int) -> int:
    """Layers that fit, the output layer counted as one, with a third of the memory left for KV cache and batches."""
    if free_device_bytes <= 0 or model_bytes <= 0:
        return 0
    room = free_device_bytes * 2 // 3
    return layers + 1 if model_bytes <= room else max(0, room * (layers + 1) // model_bytes)


def host_room(available: int, sequence_bytes: int) -> int:
    """Bytes of host memory for sequences that were swapped out: a few windows with a few places each, which is little
    for a small model, and never more than a tenth of what is free, nor 1 GiB."""
    return min(2**30, available // 10, SWAPPED_SEQUENCES * sequence_bytes)


class LoadedModel:
    """Raises ModelUnavailable, with a sentence, when the file cannot be used. `facts` say what was loaded."""

    def __init__(self, spec: ModelSpec, *, progress: Callable[[float], bool], cache_folder: Path | None = None) -> None:
        """progress: 0 … 1; returning False gives the load up."""
        path = _checked(Path(spec.path))
        self._given_up = False

        def report(value: float) -> bool:
            self._given_up = not progress(value)
            return not self._given_up

        try:
            gpu_layers = _gpu_layers(spec)
            model = llama.Model(spec.path, gpu_layers=gpu_layers, progress=report)
        except llama.LoadFailure as failure:
            if self._given_up:
                raise ModelUnavailable(f"Loading {path.name} was given up.") from failure
            raise _explained(path, failure) from failure
        self._model = model
        try:
            self._context = self._make_context(spec, path, gpu_layers)
        except BaseException:
            model.close()
            raise
        assert model.vocabulary is not None
        self._vocabulary = model.vocabulary
        self._vocabulary.continuing(b"")  # Sorts the vocabulary now rather than in somebody's first answer.
        self._kv: KvCache[ctypes.Array[ctypes.c_uint8]] = KvCache(
            self._context,
            self._context.sequences,
            host_bytes=host_room(psutil.virtual_memory().available, self._context.tokens * model.kv_bytes_per_token),
            bytes_per_token=model.kv_bytes_per_token,
        )
        self._interruptible = gpu_layers == 0 or not llama.gpu_offload() or _is_metal()
        self._sample = self._vocabulary.tokens([Segment(CODE_SAMPLE)])
        self._speeds = SpeedStore(cache_folder) if cache_folder else None
        self._speed_key = calibrate.key_of(path, gpu_layers, llama.version())
        self._speed = Speed(1, 1, 1.0, 1.0)
        self._strained = False
        self._measured_at = 0.0
        self._spec = spec
        known = self._speeds.get(self._speed_key) if self._speeds else None
        self.measure(known=known)
        if self._speeds and self._speed != known:
            self._speeds.put(self._speed_key, self._speed)
        self.facts = self._facts(path, gpu_layers)

    def generation(self, request: GenerateRequest, *, queue_ms: float) -> Generation:
        if request.forced_answer is not None:
            return ForcedGeneration(self, request, request.forced_answer, queue_ms=queue_ms)
        return Generation(self, request, queue_ms=queue_ms)

    def interrupt(self) -> None:
        """Stops the running evaluation. From any thread."""
        self._context.interrupt()

    def proceed(self) -> None:
        self._context.proceed()

    def close(self) -> None:
        self._context.close()
        self._model.close()

    # What a Generation asks for.

    @property
    def room(self) -> int:
        return self._context.tokens

    @property
    def micro_batch(self) -> int:
        """Tokens per step: what takes 200 ms where a step can be interrupted, 20 ms where it cannot."""
        tokens = int(self._speed.prefill_rate * (0.2 if self._interruptible else 0.02))
        return max(16, min(self._context.micro_batch, tokens))

    def tokens(self, segments: Sequence[Segment]) -> list[int]:
        return self._vocabulary.tokens(segments)

    def text_tokens(self, text: str) -> Sequence[int]:
        return self._vocabulary.text_tokens(text)

    def special(self, text: str) -> int | None:
        return self._vocabulary.special(text)

    def ends(self, token: int) -> bool:
        return self._vocabulary.ends(token)

    def bytes_of(self, token: int) -> bytes:
        return self._vocabulary.bytes_of(token)

    def continuing(self, text: bytes) -> Sequence[int]:
        return self._vocabulary.continuing(text)

    def place(self, lane: str, tokens: Sequence[int]) -> tuple[int, int]:
        place = self._kv.place(lane, tokens)
        return place.sequence, place.reused

    def evaluate(self, sequence: int, tokens: Sequence[int], start: int) -> bool:
        began = time.perf_counter()
        if not self._context.evaluate(sequence, tokens, start):
            return False
        self._kv.appended(sequence, tokens)
        if len(tokens) == 1:
            self._notice(time.perf_counter() - began)
        return True

    def greedy(self, among: Sequence[int] | None = None, votes: Mapping[int, float] | None = None) -> tuple[int, float]:
        return self._context.greedy(among, votes)

    def logprob_of(self, token: int, among: Sequence[int] | None = None) -> float:
        return self._context.logprob_of(token, among)

    # Measuring.

    @property
    def strained(self) -> bool:
        """Whether decodes differ enough from what was measured for another measurement; ask between answers."""
        return self._strained and time.monotonic() - self._measured_at > _PATIENCE_S

    def measure(self, *, known: Speed | None = None, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Chooses the number of threads anew."""
        target = _MeasuredSequence(self._context, self._kv.vacate())
        speed = calibrate.measure(
            target,
            self._sample,
            model_bytes=self._model.size_bytes,
            fixed_threads=self._spec.threads,
            known=known,
            interrupted=interrupted,
        )
        target.reset()
        if speed is not None:
            logger.info("%s", speed)
            self._speed = speed
            self._strained = False
        else:
            self._context.set_threads(self._speed.threads, self._speed.prefill_threads)
        self._measured_at = time.monotonic()

    def _notice(self, seconds: float) -> None:
        """Watches decodes. A standstill with several threads halves them at once; measuring has to wait."""
        slower = seconds * self._speed.decode_rate
        if slower > _BETTER and (slower < _RELUCTANCE or seconds < _HICCUP_S):
            return
        self._strained = True
        if slower >= _RELUCTANCE and self._speed.threads > 1 and self._spec.threads is None:
            fewer = self._speed.threads // 2
            self._speed = attrs.evolve(self._speed, threads=fewer, prefill_threads=fewer)
            self._context.set_threads(fewer, fewer)

    def _make_context(self, spec: ModelSpec, path: Path, gpu_layers: int) -> llama.Context:
        model = self._model
        if not model.generates_text:
            raise ModelUnavailable(f"{path.name} is no model that continues text.", "Choose a code completion model.")
        free = llama.free_device_bytes() if gpu_layers > model.layers else psutil.virtual_memory().available
        plan = fit(
            kv_bytes_per_token=model.kv_bytes_per_token,
            trained_context=model.trained_context,
            wanted_context=spec.context_tokens,
            free_bytes=free,
        )
        refusal = ModelUnavailable(
            f"There is not enough memory for a context of {plan.context_tokens} tokens with {path.name}.",
            "Lower `codehearth.engine.contextTokens` or choose a smaller model.",
        )
        # llama.cpp fills gigabytes of bookkeeping before it finds out by itself.
        if plan.context_tokens * model.kv_bytes_per_token > free:
            raise refusal
        try:
            return llama.Context(model, tokens=plan.context_tokens, sequences=plan.sequences, threads=spec.threads or 1)
        except llama.LoadFailure as failure:
            raise refusal from failure

    def _facts(self, path: Path, gpu_layers: int) -> ModelFacts:
        model = self._model
        return ModelFacts(
            spec=self._spec,
            name=model.metadata.get("general.name") or path.stem,
            architecture=model.architecture,
            parameters=model.parameters,
            file_bytes=path.stat().st_size,
            trained_context=model.trained_context,
            context_tokens=self._context.tokens,
            vocabulary_size=self._vocabulary.size,
            metadata=model.metadata,
            fim_tokens=self._vocabulary.fim_tokens(),
            special_tokens=self._vocabulary.special_tokens,
            characters_per_token=len(CODE_SAMPLE) / max(1, len(self._sample)),
            threads=self._speed.threads,
            gpu_layers=gpu_layers,
            prefill_rate=self._speed.prefill_rate,
            decode_rate=self._speed.decode_rate,
        )


class _MeasuredSequence:
    """One sequence of a context, for calibration."""

    def __init__(self, context: llama.Context, sequence: int) -> None:
        self._context = context
        self._sequence = sequence
        self._room = context.tokens

    def set_threads(self, decode: int, prefill: int) -> None:
        self._context.set_threads(decode, prefill)

    def evaluate(self, tokens: Sequence[int], start: int) -> bool:
        return self._context.evaluate(self._sequence, tokens[: self._room - start], start)

    def reset(self) -> None:
        self._context.truncate(self._sequence, 0)


def _checked(path: Path) -> Path:
    """The path, if it looks like a GGUF file that can be read."""
    choose = "Set `codehearth.model` to a GGUF file; `codehearth models list` shows those on this machine."
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise ModelUnavailable(f"There is no model file at {path}.", choose) from None
    except OSError as error:
        raise ModelUnavailable(f"The model file {path} cannot be read ({error.strerror}).", choose) from error
    if magic != b"GGUF":
        raise ModelUnavailable(f"{path} is not a GGUF file.", choose)
    size, memory = path.stat().st_size, psutil.virtual_memory().total
    if size > memory + llama.free_device_bytes():
        raise ModelUnavailable(
            f"{path.name} has {size / 2**30:.1f} GiB and this machine {memory / 2**30:.1f} GiB of memory.",
            "Choose a smaller model or a stronger quantisation.",
        )
    return path


def _gpu_layers(spec: ModelSpec) -> int:
    if not llama.gpu_offload():
        return 0
    if spec.gpu_layers is not None:
        return spec.gpu_layers
    header = llama.Model(spec.path, gpu_layers=0, vocabulary_only=True)
    try:
        return fit_gpu_layers(
            model_bytes=Path(spec.path).stat().st_size,
            layers=int(header.metadata.get(f"{header.architecture}.block_count", "0")),
            free_device_bytes=llama.free_device_bytes(),
        )
    finally:
        header.close()


def _is_metal() -> bool:
    return sys.platform == "darwin"


def _explained(path: Path, failure: llama.LoadFailure) -> ModelUnavailable:
    """llama.cpp's reasons, in the words of the person who has to do something."""
    words = " ".join(failure.complaints).lower()
    if "unknown model architecture" in words or "unknown pre-tokenizer" in words:
        return ModelUnavailable(
            f"This llama.cpp does not know the kind of model in {path.name}.",
            "Update codehearth or choose another model.",
        )
    if any(clue in words for clue in ("allocate", "out of memory", "alloc_tensor", "mlock")):
        return ModelUnavailable(
            f"There is not enough memory for {path.name}.", "Choose a smaller model or a stronger quantisation."
        )
    clues = ("corrupt", "incomplete", "bounds", "eof", "end of file", "failed to read", "unexpectedly reached")
    if any(clue in words for clue in clues):
        return ModelUnavailable(f"The model file {path} is damaged or incomplete.", "Download it again.")
    return ModelUnavailable(
        f"llama.cpp cannot load {path.name}: {failure}.", "Choose another model or download this one again."
    )
