"""One model in this process for measuring: the product's own generation, and beside it the loss of a given text.

Differs from `engine.loaded` where a server and a measurement want different things: one thread, one sequence, nothing
calibrated, batches of a fixed size and no reuse between prompts, so that an answer depends on its prompt alone.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from llama_cpp import llama_cpp as ll

from lsp_server.engine import llama
from lsp_server.engine.calibrate import CODE_SAMPLE
from lsp_server.engine.generation import Generation
from lsp_server.engine.kv import common_prefix
from lsp_server.engine.protocol import Done, EndReason, GenerateRequest, Piece, Segment
from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import catalogue, facts
from lsp_server.modelstore.card import ModelCard

Logits = np.ndarray[tuple[int], np.dtype[np.float32]]
Logits64 = np.ndarray[tuple[int], np.dtype[np.float64]]

PROMPT_TOKENS = 1024
"""Prompt and answer, unless another size is asked for: about what a laptop's core reads before a suggestion is late."""


Stop = Callable[[str], int | None]
"""Called with the text so far: the length to keep once it is complete, else None."""


@attrs.frozen
class Written:
    """What a model wrote. `logprob`: mean natural log-probability per token, None without tokens."""

    text: str
    reason: EndReason
    logprob: float | None
    tokens: int


@attrs.frozen
class Step:
    """One step of a model that is led along a given text.

    given: the bytes that come next, None behind the last. said: those that the model would have written, None where it
    would have ended. Bytes of the prompt that a first token repeats are left out. loss: of what was given, in nats.
    """

    given: bytes | None
    said: bytes | None
    loss: float


class _Context(llama.Context):
    """A context whose logits can be read."""

    def logits(self) -> Logits:
        """Of the token after the last evaluated one. Valid until the next evaluation."""
        address = ctypes.cast(ll.llama_get_logits_ith(self._context, -1), ctypes.c_void_p).value
        assert address is not None
        return np.frombuffer((ctypes.c_float * self._vocabulary_size).from_address(address), np.float32)


class MeasuredModel:
    """A `generation.Decoder`. Raises ModelUnavailable when the file cannot be used or fills no holes."""

    def __init__(self, path: Path, *, prompt_tokens: int = PROMPT_TOKENS, spare_tokens: int = 1024) -> None:
        """spare_tokens: room beyond the prompt, for text denser than the average and for texts that are led along."""
        known = facts.read(path)
        fim = catalogue.resolve(known)
        if isinstance(fim, catalogue.Ambiguous):
            raise ModelUnavailable(
                f"{path.name} does not say in which order it fills in the middle.",
                "Write `spm` or `psm` into `codehearth.fim.order` of the GGUF.",
            )
        try:
            self._model = llama.Model(str(path), gpu_layers=0)
            self._context = _Context(self._model, tokens=prompt_tokens + spare_tokens, sequences=1, threads=1)
        except llama.LoadFailure as failure:
            raise ModelUnavailable(f"llama.cpp cannot load {path.name}: {failure}.", "Name another file.") from failure
        assert self._model.vocabulary is not None
        self.vocabulary = self._model.vocabulary
        self._held: list[int] = []
        sample = self.vocabulary.tokens([Segment(CODE_SAMPLE)])
        self.card = ModelCard(
            name=known.name,
            path=str(path),
            fim=fim,
            prompt_format=catalogue.prompt_format(known),
            context_tokens=prompt_tokens,
            characters_per_token=len(CODE_SAMPLE) / max(1, len(sample)),
            prefill_rate=1.0,
            decode_rate=1.0,
            tested_with="own",
        )
        self.facts = known

    def close(self) -> None:
        self._context.close()
        self._model.close()

    def write(self, request: GenerateRequest, stopped: Stop | None = None) -> Written:
        """Greedy, to the end. `stopped` sees the text so far and says how much of it to keep once it is complete."""
        generation = Generation(self, request, queue_ms=0.0)
        text, tokens, logprob = "", 0, 0.0
        while True:
            step = generation.step()
            if isinstance(step, Done):
                return Written(text, step.reason, logprob / tokens if tokens else None, tokens)
            if isinstance(step, Piece):
                text, tokens, logprob = text + step.text, tokens + step.tokens, logprob + step.logprob
                cut = stopped(text) if stopped is not None else None
                if cut is not None:
                    return Written(text[:cut], "cancelled", logprob / max(1, tokens), tokens)

    def follow(self, segments: Sequence[Segment], text: str, *, heal: bool) -> list[Step]:
        """The model's way through `text` after a prompt, token by token, and one step further.

        With `heal` as the product asks: the prompt's last token and the text are one text, and the first choices are
        among the tokens by which that can go on.
        """
        prompt = self.tokens(segments)
        forced = b""
        if heal and len(prompt) > 1 and not segments[-1].special:
            forced = self.bytes_of(prompt.pop())
        whole = forced.decode("utf-8", "ignore") + text
        forced = forced if whole.encode().startswith(forced) else b""
        given = self.vocabulary.tokens([Segment(whole)])[0 if self.vocabulary.bos is None else 1 :]
        self._start(prompt)
        steps: list[Step] = []
        for token in given:
            logits = self._logits(forced)
            best = int(logits.argmax())
            loss = float(logits[best] + np.log(np.exp(logits - logits[best]).sum()) - logits[token])
            written = self.bytes_of(token)
            steps.append(Step(written[len(forced) :], self._said(best, forced), loss))
            forced = forced[len(written) :]
            self._context.evaluate(0, [token], len(self._held))
            self._held.append(token)
        steps.append(Step(None, self._said(int(self._logits(forced).argmax()), forced), 0.0))
        return steps

    def _logits(self, forced: bytes) -> Logits64:
        """Those of tokens that cannot come are minus infinity."""
        logits = self._context.logits().astype(np.float64)
        if not forced:
            return logits
        possible = np.full(len(logits), -np.inf)
        among = np.asarray(self.continuing(forced))
        possible[among] = logits[among]
        return possible

    def _said(self, token: int, forced: bytes) -> bytes | None:
        return None if self.ends(token) else self.bytes_of(token)[len(forced) :]

    def _start(self, prompt: Sequence[int]) -> None:
        """Reads a prompt anew, in batches of a fixed size."""
        self._context.truncate(0, 0)
        self._held = []
        for start in range(0, len(prompt), self.micro_batch):
            batch = list(prompt[start : start + self.micro_batch])
            self._context.evaluate(0, batch, start)
            self._held += batch

    # What a Generation asks for.

    @property
    def room(self) -> int:
        return self._context.tokens

    @property
    def micro_batch(self) -> int:
        return self._context.micro_batch

    def tokens(self, segments: Sequence[Segment]) -> list[int]:
        return self.vocabulary.tokens(segments)

    def text_tokens(self, text: str) -> Sequence[int]:
        return self.vocabulary.text_tokens(text)

    def special(self, text: str) -> int | None:
        return self.vocabulary.special(text)

    def ends(self, token: int) -> bool:
        return self.vocabulary.ends(token)

    def bytes_of(self, token: int) -> bytes:
        return self.vocabulary.bytes_of(token)

    def continuing(self, text: bytes) -> Sequence[int]:
        return self.vocabulary.continuing(text)

    def place(self, lane: str, tokens: Sequence[int]) -> tuple[int, int]:
        """The prompt that was followed last need not be read again; any other is read from its first token."""
        common = common_prefix(self._held, tokens[:-1])
        common = self._context.truncate(0, common if common == len(tokens) - 1 else 0)
        self._held = self._held[:common]
        return 0, common

    def evaluate(self, sequence: int, tokens: Sequence[int], start: int) -> bool:
        done = self._context.evaluate(sequence, tokens, start)
        self._held += tokens
        return done

    def greedy(self, among: Sequence[int] | None = None, votes: Mapping[int, float] | None = None) -> tuple[int, float]:
        return self._context.greedy(among, votes)
