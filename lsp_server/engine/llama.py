"""llama.cpp through its low-level binding: a model, its vocabulary and a context. The only importer of llama_cpp.

Never prints, never schedules and knows no requests. Importing this file loads llama.cpp and numpy (about 0.3 s), so
only the engine's model thread does, when a model is first asked for. Nothing here is thread-safe except
`Context.interrupt`.
"""

import contextlib
import ctypes
import logging
import math
import os
import re
import sys
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as ll

from lsp_server.engine.protocol import Segment
from lsp_server.errors import ServerError

logger = logging.getLogger("codehearth.llama")

MICRO_BATCH = 512
"""Tokens llama.cpp evaluates at once, at most; its own default, and larger gains nothing on a CPU."""

_ABORTED = 2
_WARNING, _ERROR = 3, 4
_CONTROL = 1 << 3
_USER_DEFINED = 1 << 4
_LONGEST_METADATA = 400
_SENTINEL = "☺"
_AFTER_ALL = b"\xff"
"""Sorts after whatever continues a text: no UTF-8 contains it."""
_MARKER = re.compile(r"<\S+>|\[\S+\]")
_FIM_ROLES: Mapping[str, Callable[[Any], int]] = {
    "pre": ll.llama_vocab_fim_pre,
    "suf": ll.llama_vocab_fim_suf,
    "mid": ll.llama_vocab_fim_mid,
    "rep": ll.llama_vocab_fim_rep,
    "sep": ll.llama_vocab_fim_sep,
    "pad": ll.llama_vocab_fim_pad,
}

_complaints: deque[str] = deque(maxlen=8)
"""The last warnings and errors of llama.cpp: it reports why a load failed in its log and nowhere else."""


def _log(level: int, text: bytes, _user: object) -> None:
    line = text.decode("utf-8", "replace").strip()
    if line and level in (_WARNING, _ERROR):
        _complaints.append(line)
    if line and logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s", line)


_log_callback = ll.llama_log_callback(_log)
"""llama.cpp keeps its address; it must never be collected."""

ll.llama_log_set(_log_callback, ctypes.c_void_p(0))
ll.llama_backend_init()


class LoadFailure(Exception):
    """llama.cpp refused a model or a context. `complaints` are its own last words, newest last.

    Its text is the first of them that names an error; those after it only repeat that something failed.
    """

    def __init__(self) -> None:
        self.complaints = tuple(_complaints)
        errors = [line.rpartition("error loading model: ")[2] for line in self.complaints if "error" in line]
        super().__init__((*errors, *self.complaints[-1:], "llama.cpp gave no reason")[0])


class LlamaFault(Exception):
    """A decode failed for another reason than an interruption; the context must not be used any more."""


class Vocabulary:
    """Text to tokens and back. Special tokens come only from special segments, never from text."""

    def __init__(self, model: Any) -> None:
        self._model = model  # keeps the memory alive
        self._vocab = ll.llama_model_get_vocab(model)
        self.size: int = ll.llama_vocab_n_tokens(self._vocab)
        self.kind: int = ll.llama_vocab_type(self._vocab)
        self._special: dict[str, int] = {}
        self._silent: set[int] = set()
        self._markers: re.Pattern[str] | None = None
        self._read_special_tokens()
        self.bos: int | None = ll.llama_vocab_bos(self._vocab) if ll.llama_vocab_get_add_bos(self._vocab) else None
        self._sentinel: tuple[int, ...] = ()
        if self._raw("a") and self.bytes_of(self._raw("a")[0]).startswith(b" "):
            self._sentinel = self._raw(_SENTINEL)
        # Heads, snippets and the frozen suffix of a burst come again with every key: 64 texts cover several bursts.
        self._tokens_of_text = lru_cache(maxsize=64)(self.text_tokens)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        return tuple(self._special)

    def special(self, text: str) -> int | None:
        """The id of exactly this special token, or None."""
        return self._special.get(text)

    def tokens(self, segments: Sequence[Segment]) -> list[int]:
        """A prompt's tokens, with the beginning-of-text token in front where the model was trained with it.

        Raises ServerError for a special token that the model does not have.
        """
        out: list[int] = []
        for segment in segments:
            if segment.special:
                token = self._special.get(segment.text)
                if token is None:
                    raise ServerError(f"The model has no special token {segment.text!r}.", "Choose another model.")
                out.append(token)
            elif segment.text:
                out.extend(self._tokens_of_text(segment.text))
        if self.bos is not None and out[:1] != [self.bos]:
            out.insert(0, self.bos)
        return out

    def bytes_of(self, token: int) -> bytes:
        """What the token stands for; empty for control tokens. May be a part of a UTF-8 character."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = ll.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def continuing(self, text: bytes) -> "array[int]":
        """The tokens by which a text that begins with `text` can begin: those that begin with it and its beginnings."""
        pieces, tokens = self._sorted
        found = tokens[bisect_left(pieces, text) : bisect_left(pieces, text + _AFTER_ALL)]
        for length in range(1, len(text)):
            first = bisect_left(pieces, text[:length])
            if first < len(pieces) and pieces[first] == text[:length]:
                found.append(tokens[first])
        return found

    @cached_property
    def _sorted(self) -> "tuple[list[bytes], array[int]]":
        """The texts of all tokens that are text, in order, and their tokens. Half a second for 150,000."""
        markers = {token for text, token in self._special.items() if _MARKER.fullmatch(text)}
        texts = ((self.bytes_of(token), token) for token in range(self.size) if token not in markers)
        ordered = sorted((text, token) for text, token in texts if text and not self.ends(token))
        return [text for text, _ in ordered], array("i", (token for _, token in ordered))

    def ends(self, token: int) -> bool:
        """Whether an answer ends here: end-of-generation tokens, and control tokens, which are never text."""
        return token in self._silent or bool(ll.llama_vocab_is_eog(self._vocab, token))

    def fim_tokens(self) -> dict[str, str]:
        roles = {role: find(self._vocab) for role, find in _FIM_ROLES.items()}
        return {role: self._text(token) for role, token in roles.items() if 0 <= token < self.size}

    def _read_special_tokens(self) -> None:
        attributes = ll.llama_vocab_get_attr
        markers: list[str] = []
        for token in range(self.size):
            attribute = attributes(self._vocab, token)
            if attribute & (_CONTROL | _USER_DEFINED):
                self._special[self._text(token)] = token
                if attribute & _CONTROL:
                    self._silent.add(token)
                elif _MARKER.fullmatch(self._text(token)):
                    markers.append(re.escape(self._text(token)))
        if markers:
            self._markers = re.compile("|".join(sorted(markers, key=len, reverse=True)))
        # Some files mark their FIM tokens as ordinary words; the roles say what they are.
        for find in _FIM_ROLES.values():
            token = find(self._vocab)
            if 0 <= token < self.size:
                self._special.setdefault(self._text(token), token)

    def _text(self, token: int) -> str:
        return bytes(ll.llama_vocab_get_text(self._vocab, token) or b"").decode("utf-8", "replace")

    def text_tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a text on its own, which may contain the texts of special tokens.

        llama.cpp itself leaves control tokens alone, but still recognises user-defined ones. Those that are pieces of
        ordinary text (runs of white space or line ends) must be recognised; those that are markers are broken up.
        """
        if self._markers is None:
            return self._without_added_space(text)
        tokens: list[int] = []
        begin = 0
        for found in self._markers.finditer(text):
            tokens += self._without_added_space(text[begin : found.start() + 1])
            begin = found.start() + 1
        return (*tokens, *self._without_added_space(text[begin:]))

    def _without_added_space(self, text: str) -> tuple[int, ...]:
        """SentencePiece vocabularies put a space before every text; a sentinel takes it and is cut off again."""
        if not self._sentinel:
            return self._raw(text)
        tokens = self._raw(_SENTINEL + text)
        length = len(self._sentinel)
        return tokens[length:] if tokens[:length] == self._sentinel else self._raw(text)

    def _raw(self, text: str) -> tuple[int, ...]:
        encoded = text.encode("utf-8", "replace")
        room = len(encoded) + 8
        while True:
            buffer = (ll.llama_token * room)()
            count = ll.llama_tokenize(self._vocab, encoded, len(encoded), buffer, room, False, False)
            if count >= 0:
                return tuple(buffer[:count])
            room = -count


class Model:
    """A model in memory. Raises LoadFailure."""

    def __init__(
        self,
        path: str,
        *,
        gpu_layers: int,
        progress: Callable[[float], bool] | None = None,
        vocabulary_only: bool = False,
    ) -> None:
        """progress: called with 0 … 1; returning False gives the load up."""
        parameters = ll.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        parameters.vocab_only = vocabulary_only
        # The callback must outlive the load, and llama.cpp reads a null pointer as its own progress bar on stderr.
        callback = ll.llama_progress_callback(lambda value, _user: progress(value) if progress else True)
        parameters.progress_callback = callback
        _complaints.clear()
        self._model = ll.llama_model_load_from_file(os.fsencode(path), parameters)
        if not self._model:
            raise LoadFailure
        self.vocabulary = Vocabulary(self._model) if not vocabulary_only else None
        self.metadata = self._read_metadata()

    @property
    def pointer(self) -> Any:
        return self._model

    @property
    def architecture(self) -> str:
        return self.metadata.get("general.architecture", "unknown")

    @property
    def parameters(self) -> int:
        return int(ll.llama_model_n_params(self._model))

    @property
    def size_bytes(self) -> int:
        return int(ll.llama_model_size(self._model))

    @property
    def layers(self) -> int:
        return int(ll.llama_model_n_layer(self._model))

    @property
    def trained_context(self) -> int:
        return int(ll.llama_model_n_ctx_train(self._model))

    @property
    def generates_text(self) -> bool:
        model = self._model
        return bool(ll.llama_model_has_decoder(model)) and not ll.llama_model_has_encoder(model)

    @property
    def kv_bytes_per_token(self) -> int:
        """Keys and values of one token in 16-bit floats, over all layers."""
        heads = max(1, ll.llama_model_n_head(self._model))
        width = ll.llama_model_n_embd(self._model) // heads
        keys, values = (
            int(self.metadata.get(f"{self.architecture}.attention.{name}_length", width)) for name in ("key", "value")
        )
        return int(self.layers * ll.llama_model_n_head_kv(self._model) * (keys + values) * 2)

    def close(self) -> None:
        if self._model:
            ll.llama_model_free(self._model)
            self._model = None

    def _read_metadata(self) -> dict[str, str]:
        out = {}
        for index in range(ll.llama_model_meta_count(self._model)):
            key = self._string(ll.llama_model_meta_key_by_index, index)
            value = self._string(ll.llama_model_meta_val_str_by_index, index)
            out[key] = value if len(value) <= _LONGEST_METADATA else value[:_LONGEST_METADATA] + "…"
        return out

    def _string(self, read: Any, index: int) -> str:
        # Values such as vocabularies are megabytes long; what is longer than the buffer is cut by llama.cpp.
        buffer = ctypes.create_string_buffer(4 * _LONGEST_METADATA + 8)
        read(self._model, index, buffer, len(buffer))
        return buffer.value.decode("utf-8", "ignore")


class Context:
    """Several token sequences with a KV cache each, over one model. Raises LoadFailure when memory does not suffice.

    A sequence is a number below `sequences`; its tokens have positions 0, 1, … and are appended with `evaluate`.
    """

    def __init__(self, model: Model, *, tokens: int, sequences: int, threads: int) -> None:
        parameters = ll.llama_context_default_params()
        parameters.n_ctx = tokens * sequences
        parameters.n_seq_max = sequences
        parameters.n_batch = parameters.n_ubatch = min(MICRO_BATCH, tokens)
        # Only the last token's logits are ever read; room for one output per sequence saves the memory of the rest
        # (a batch of 512 outputs over 150,000 tokens of vocabulary is 300 MB).
        parameters.n_outputs_max = max(sequences, 1)
        parameters.n_threads = parameters.n_threads_batch = threads
        # Not unified: foreign sequences in one buffer slow every decode (0.63 → 0.92 ms).
        parameters.kv_unified = False
        parameters.no_perf = True
        _complaints.clear()
        self._context = ll.llama_init_from_model(model.pointer, parameters)
        if not self._context:
            raise LoadFailure
        self._memory = ll.llama_get_memory(self._context)
        self._vocabulary_size = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(model.pointer))
        self.tokens: int = ll.llama_n_ctx_seq(self._context)
        self.sequences = sequences
        self.micro_batch: int = min(MICRO_BATCH, ll.llama_n_ubatch(self._context))
        self._batch = _Batch(self.micro_batch)
        self._abort = _AbortFlag(self._context)

    def evaluate(self, sequence: int, tokens: Sequence[int], start: int, *, logits: bool = True) -> bool:
        """Appends at most `micro_batch` tokens at position `start`. False: interrupted, and none was appended."""
        code = ll.llama_decode(self._context, self._batch.filled(sequence, tokens, start, logits))
        if code == 0:
            return True
        self.truncate(sequence, start)
        if code == _ABORTED:
            return False
        raise LlamaFault(f"llama_decode returned {code}.")

    def greedy(self, among: Sequence[int] | None = None, votes: Mapping[int, float] | None = None) -> tuple[int, float]:
        """The most probable next token after the last evaluated one, and the natural log of its probability; where
        only the tokens `among` are possible, the most probable of those and its probability among them.

        votes: probability that goes to these tokens in any case, together below 1 and not counting those that are not
        possible; the model's own probabilities share what is left.
        """
        logits = self._last_logits()
        tokens = None if among is None else np.asarray(among)
        possible = logits if tokens is None else logits[tokens]
        best = int(possible.argmax())
        token = best if among is None else among[best]
        logprob = -float(np.log(np.exp(possible - possible[best]).sum()))
        if votes and tokens is not None:
            votes = {voted: vote for voted, vote in votes.items() if (tokens == voted).any()}
        if not votes:
            return token, logprob
        # Whoever gets no vote stays behind the model's first choice.
        rest = 1.0 - sum(votes.values())
        highest = float(logits[token])
        mixed = {
            choice: rest * math.exp(float(logits[choice]) - highest + logprob) + votes.get(choice, 0.0)
            for choice in (token, *votes)
        }
        token = max(mixed, key=lambda choice: mixed[choice])
        return token, math.log(mixed[token])

    def logprob_of(self, token: int, among: Sequence[int] | None = None) -> float:
        """The natural log of the probability of `token` after the last evaluated one; where only the tokens `among` are
        possible, of which it must be one, among them."""
        logits = self._last_logits()
        possible = logits if among is None else logits[np.asarray(among)]
        highest = possible.max()
        return float(logits[token] - highest - np.log(np.exp(possible - highest).sum()))

    def _last_logits(self) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        """Valid until the next evaluation."""
        address = ctypes.cast(ll.llama_get_logits_ith(self._context, -1), ctypes.c_void_p).value
        if address is None:
            raise LlamaFault("llama.cpp gave no logits.")
        return np.frombuffer((ctypes.c_float * self._vocabulary_size).from_address(address), np.float32)

    def truncate(self, sequence: int, length: int) -> int:
        """Forgets everything from position `length` on. The length that is left: recurrent models keep all or none."""
        if ll.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return length
        ll.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return 0

    def copy(self, source: int, target: int) -> None:
        """Replaces the target sequence by a copy of the source."""
        ll.llama_memory_seq_rm(self._memory, target, -1, -1)
        ll.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def save(self, sequence: int) -> "ctypes.Array[ctypes.c_uint8] | None":
        """The sequence's state in host memory."""
        size = ll.llama_state_seq_get_size(self._context, sequence)
        state = (ctypes.c_uint8 * size)()
        return state if ll.llama_state_seq_get_data(self._context, state, size, sequence) == size else None

    def restore(self, sequence: int, state: "ctypes.Array[ctypes.c_uint8]") -> bool:
        """Replaces the sequence by a saved one; False leaves it empty."""
        ll.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        if ll.llama_state_seq_set_data(self._context, state, len(state), sequence):
            return True
        ll.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def interrupt(self) -> None:
        """Makes the running `evaluate` and all later ones return False until `proceed`. Callable from any thread."""
        self._abort.set(True)

    def proceed(self) -> None:
        self._abort.set(False)

    def set_threads(self, decode: int, prefill: int) -> None:
        ll.llama_set_n_threads(self._context, decode, prefill)

    def close(self) -> None:
        if self._context:
            ll.llama_free(self._context)
            self._context = None


class _Batch:
    """One reusable llama_batch over numpy arrays: filling ctypes arrays token by token costs 1 ms for 512 tokens."""

    def __init__(self, room: int) -> None:
        self._token = np.zeros(room, np.int32)
        self._position = np.zeros(room, np.int32)
        self._counts = np.ones(room, np.int32)
        self._sequence = np.zeros(1, np.int32)
        self._sequences = np.full(room, self._sequence.ctypes.data, np.uintp)
        self._logits = np.zeros(room, np.int8)
        self._steps = np.arange(room, dtype=np.int32)
        batch = ll.llama_batch()
        arrays: dict[str, np.ndarray[Any, Any]] = {
            "token": self._token,
            "pos": self._position,
            "n_seq_id": self._counts,
            "seq_id": self._sequences,
            "logits": self._logits,
        }
        kinds = dict(ll.llama_batch._fields_)
        for name, values in arrays.items():
            setattr(batch, name, ctypes.cast(values.ctypes.data, kinds[name]))
        self._batch = batch

    def filled(self, sequence: int, tokens: Sequence[int], start: int, logits: bool) -> Any:
        count = len(tokens)
        self._sequence[0] = sequence
        self._token[:count] = tokens
        self._position[:count] = self._steps[:count]
        self._position[:count] += start
        self._logits[:count] = 0
        self._logits[count - 1] = logits
        self._batch.n_tokens = count
        return self._batch


class _AbortFlag:
    """A text of length 0 or 1 whose *length* says whether to abort: its address and C's strlen are the callback.

    llama.cpp asks `bool callback(void *)` from its compute threads. A Python callback would take the interpreter's
    lock there, thousands of times per decode; strlen is native, has that shape, and answers 0 or 1.
    """

    def __init__(self, context: Any) -> None:
        self._text = ctypes.create_string_buffer(2)
        library = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        strlen = ll.ggml_abort_callback(ctypes.cast(library.strlen, ctypes.c_void_p).value)
        ll.llama_set_abort_callback(context, strlen, ctypes.cast(self._text, ctypes.c_void_p))

    def set(self, abort: bool) -> None:
        self._text[0] = b"\1" if abort else b"\0"


def gpu_offload() -> bool:
    """Whether this llama.cpp was built with a backend that takes layers."""
    return bool(ll.llama_supports_gpu_offload())


def version() -> str:
    return bytes(ll.llama_version()).decode("ascii", "replace")


def free_device_bytes() -> int:
    """Memory free on all GPUs together; 0 without one."""
    from llama_cpp import _ggml

    library = _ggml.libggml
    with contextlib.suppress(AttributeError):  # a library without the registry has no GPU to report
        library.ggml_backend_dev_get.restype = ctypes.c_void_p
        library.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
        library.ggml_backend_dev_count.restype = ctypes.c_size_t
        library.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
        library.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        free, total, found = ctypes.c_size_t(), ctypes.c_size_t(), 0
        for index in range(library.ggml_backend_dev_count()):
            device = library.ggml_backend_dev_get(index)
            if library.ggml_backend_dev_type(device) in _GPU_TYPES:
                library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
                found += free.value
        return found
    return 0


_GPU_TYPES = (1, 2)
"""GGML_BACKEND_DEVICE_TYPE_GPU and …_IGPU."""


def system_info() -> str:
    """llama.cpp's own account of its backends and of what they were built with: `CPU : AVX2 = 1 | …`."""
    return bytes(ll.llama_print_system_info()).decode("ascii", "replace")
