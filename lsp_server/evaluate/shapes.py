"""Writes models with the shape of a real one and random weights, so that speed can be measured without a download.

Such a model costs what the real one costs (memory, prefill, decoding) and says nothing sensible. Its vocabulary and
fill-in-the-middle format are those of another GGUF, so that it runs through the whole product. Weights are drawn as
the quantised bytes themselves, a few megabytes at a time: half a gigabyte takes about two seconds and no more memory
than its vocabulary. The shapes of the well-known families are in `models/train/shapes/families.py`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from lsp_server import paths
from lsp_server.modelstore import header, store
from lsp_server.modelstore.catalogue import RANDOM_KEY as RANDOM_KEY

Quantisation = Literal["Q8_0", "Q4_0", "F16"]

_FILE_TYPES: Mapping[Quantisation, int] = {"F16": 1, "Q4_0": 2, "Q8_0": 7}

_BLOCK = 32
"""Weights behind one 16-bit scale."""

_QUANTISED: Mapping[Quantisation, tuple[int, float]] = {"Q8_0": (32, 73.9), "Q4_0": (16, 4.18)}
"""Bytes of a block's weights, and the standard deviation of one that is drawn; the scale brings it to that of a
trained matrix."""

_CENTRED = bytes((low or 8) | (high or 8) << 4 for high in range(16) for low in range(16))
"""Q4_0's weights are -8 to 7. Without -8 their mean is zero; with it such a model says one token for ever."""

_SIGN_AND_FRACTION, _FRACTION_BITS, _EXPONENT_BIAS, _ROOT_MEAN_SQUARE = 0x83FF, 10, 15, math.sqrt(7 / 3)
"""Of a 16-bit float: uniform bits give numbers whose magnitude is uniform between 1 and 2."""

_BLOCKS_AT_ONCE = 1 << 17
"""About 4 MB: small enough for the cache, large enough that writing is as fast as the disk."""

_NORMAL, _UNUSED = 1, 5

_KEPT = ("tokenizer.", "codehearth.fim.", "codehearth.prompt_format")
"""Metadata that says how a model is asked; where its weights come from is not taken over."""

_PER_TOKEN = frozenset({"token_embd.weight", "output.weight"})
"""Matrices with one row for each token."""


@attrs.frozen
class Shape:
    """Dimensions of a decoder; all widths are multiples of 32.

    architecture: as llama.cpp calls it. `qwen2` is `llama` with biases on queries, keys and values; `starcoder2` has
    biases everywhere, centred norms and two matrices in its feed-forward network. tied: the embedding is the output
    matrix. rope_scaling: factor by which positions are stretched.
    """

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    """Tokens; the source's vocabulary is padded with unused ones, and never cut."""
    context: int
    architecture: Literal["llama", "qwen2", "starcoder2"] = "llama"
    tied: bool = True
    rope_base: float = 1_000_000.0
    rope_scaling: float | None = None
    epsilon: float = 1e-6


QWEN_0_5B = Shape("random-0.5b", 24, 896, 14, 2, 4864, 151_936, 32_768)
"""Qwen2.5-Coder-0.5B without its biases: 494 M parameters, 525 MB in Q8_0."""

QWEN_1_5B = Shape("random-1.5b", 28, 1536, 12, 2, 8960, 151_936, 32_768)
"""Qwen2.5-Coder-1.5B without its biases: 1.54 B parameters, 1.6 GB in Q8_0."""


@attrs.frozen
class Vocabulary:
    """Tokens by id with their types, and how text becomes tokens. `scalars`: other metadata of the tokenizer."""

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...] = ()
    merges: tuple[str, ...] = ()
    scalars: Mapping[str, str | int | float | bool] = attrs.field(factory=dict)

    @classmethod
    def of(cls, path: Path) -> "Vocabulary":
        """That of a GGUF, with our own keys. Raises ModelUnavailable when it cannot be read."""
        with header.opened(path) as found:
            tokens = tuple(found.strings("tokenizer.ggml.tokens"))
            merges = found.count("tokenizer.ggml.merges")
            return cls(
                tokens=tokens,
                types=tuple(found.numbers("tokenizer.ggml.token_type")) or (_NORMAL,) * len(tokens),
                scores=tuple(found.numbers("tokenizer.ggml.scores")),
                merges=tuple(found.strings("tokenizer.ggml.merges")) if merges else (),
                scalars={key: value for key, value in found.scalars.items() if key.startswith(_KEPT)},
            )


def cached(shape: Shape, seed: int = 0) -> Path:
    """The model of that shape over the embedded vocabulary, written once into the user's cache folder."""
    folder = paths.cache_folder() / "shapes"
    folder.mkdir(exist_ok=True)
    # The whole shape is in the name: a file of an older definition is then simply another file.
    facts = "-".join(str(fact) for fact in attrs.astuple(shape)[1:])
    path = folder / f"{shape.name}-{facts}-{seed}.gguf"
    return path if path.exists() else write(path, shape, seed=seed)


def write(
    path: Path,
    shape: Shape,
    *,
    source: Path | Vocabulary | None = None,
    quantisation: Quantisation = "Q8_0",
    seed: int = 0,
) -> Path:
    """Writes the model to `path`, which appears only when it is complete. The same arguments give the same bytes.

    source: its vocabulary, or whose vocabulary and format it takes; None means the embedded model. quantisation: of
    the matrices; vectors have 32 bits. Raises ModelUnavailable when the source cannot be read, OSError when the disk
    is full.
    """
    import gguf

    vocabulary = source if isinstance(source, Vocabulary) else Vocabulary.of(source or store.embedded())
    real = len(vocabulary.tokens)
    writer: Any = gguf.GGUFWriter(None, shape.architecture)
    total = max(real, shape.vocabulary)
    _describe(writer, attrs.evolve(shape, vocabulary=total), quantisation)
    _add_vocabulary(writer, vocabulary, total - real)
    tensors = _tensors(shape, total)
    for name, rows, columns in tensors:
        _announce(writer, name, rows, columns, quantisation)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        writer.write_header_to_file(temporary)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        file = writer.fout[0]
        writer.write_padding(file, file.tell())
        for number, (name, rows, columns) in enumerate(tensors):
            length = 0
            # Padding of the vocabulary is silenced, so that answers consist of real tokens.
            live = real if name in _PER_TOKEN else rows
            for chunk in _weights(name, rows, columns, live, (seed, number), quantisation):
                file.write(chunk)
                length += len(chunk)
            writer.write_padding(file, length)
        writer.close()
        temporary.replace(path)
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)
    return path


def size(shape: Shape, quantisation: Quantisation) -> int:
    """Bytes of all tensors together."""
    total = 0
    for _, rows, columns in _tensors(shape, shape.vocabulary):
        total += rows * (_line_bytes(columns, quantisation) if columns else 4)
    return total


def parameters(shape: Shape) -> int:
    """Weights in all tensors together."""
    return sum(rows * (columns or 1) for _, rows, columns in _tensors(shape, shape.vocabulary))


def _describe(writer: Any, shape: Shape, quantisation: Quantisation) -> None:
    writer.add_name(shape.name)
    writer.add_bool(RANDOM_KEY, True)
    writer.add_file_type(_FILE_TYPES[quantisation])
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(shape.rope_base)
    if shape.rope_scaling is not None:
        import gguf

        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(shape.rope_scaling)
    if shape.architecture == "starcoder2":
        writer.add_layer_norm_eps(shape.epsilon)
    else:
        writer.add_layer_norm_rms_eps(shape.epsilon)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary, padding: int) -> None:
    for key, value in vocabulary.scalars.items():
        _add(writer, key, value)
    writer.add_token_list([*vocabulary.tokens, *(f"[PAD{number}]" for number in range(padding))])
    writer.add_token_types([*vocabulary.types, *[_UNUSED] * padding])
    if vocabulary.scores:
        writer.add_token_scores([*vocabulary.scores, *[-1e4] * padding])
    if vocabulary.merges:
        writer.add_token_merges(list(vocabulary.merges))


def _add(writer: Any, key: str, value: str | float | bool) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_string(key, value)


def _tensors(shape: Shape, vocabulary: int) -> list[tuple[str, int, int]]:
    """Name, rows and columns; no columns for vectors."""
    width, forward = shape.width, shape.feed_forward
    cached = width // shape.heads * shape.kv_heads
    everywhere = shape.architecture == "starcoder2"
    attention = shape.architecture in ("qwen2", "starcoder2")
    tensors = [("token_embd.weight", vocabulary, width), ("output_norm.weight", width, 0)]
    if everywhere:
        tensors.append(("output_norm.bias", width, 0))
    if not shape.tied:
        tensors.append(("output.weight", vocabulary, width))
    for layer in range(shape.layers):
        for part, rows, columns, biased in (
            ("attn_norm", width, 0, everywhere),
            ("attn_q", width, width, attention),
            ("attn_k", cached, width, attention),
            ("attn_v", cached, width, attention),
            ("attn_output", width, width, everywhere),
            ("ffn_norm", width, 0, everywhere),
            ("ffn_gate", forward, width, everywhere),
            ("ffn_up", forward, width, everywhere),
            ("ffn_down", width, forward, everywhere),
        ):
            if part == "ffn_gate" and everywhere:
                continue
            tensors.append((f"blk.{layer}.{part}.weight", rows, columns))
            if biased:
                tensors.append((f"blk.{layer}.{part}.bias", rows, 0))
    return tensors


def _line_bytes(columns: int, quantisation: Quantisation) -> int:
    if quantisation == "F16":
        return 2 * columns
    return columns // _BLOCK * (2 + _QUANTISED[quantisation][0])


def _announce(writer: Any, name: str, rows: int, columns: int, quantisation: Quantisation) -> None:
    """A tensor's place in the file's header."""
    import gguf
    import numpy as np

    if columns == 0:
        writer.add_tensor_info(name, (rows,), np.dtype(np.float32), rows * 4)
    elif quantisation == "F16":
        writer.add_tensor_info(name, (rows, columns), np.dtype(np.float16), rows * columns * 2)
    else:
        line = _line_bytes(columns, quantisation)
        kind = gguf.GGMLQuantizationType[quantisation]
        writer.add_tensor_info(name, (rows, line), np.dtype(np.uint8), rows * line, kind)


def _weights(
    name: str, rows: int, columns: int, live: int, seed: tuple[int, int], quantisation: Quantisation
) -> Iterator[bytes]:
    """The bytes of one tensor: ones for a norm, zeros for a bias, else random weights with the spread that keeps
    activations finite. Rows from `live` on are zero.
    """
    import numpy as np

    if columns == 0:
        yield np.full(rows, 0 if name.endswith(".bias") else 1, dtype="<f4").tobytes()
        return
    generator = np.random.default_rng(seed)
    total, silent = rows * columns // _BLOCK, live * columns // _BLOCK
    for first in range(0, total, _BLOCKS_AT_ONCE):
        count = min(total - first, _BLOCKS_AT_ONCE)
        heard = max(0, min(count, silent - first))
        if quantisation == "F16":
            bits = np.frombuffer(generator.bytes(count * _BLOCK * 2), dtype="<u2") & _SIGN_AND_FRACTION
            power = round(math.log2(columns**-0.5 / _ROOT_MEAN_SQUARE))
            bits |= (power + _EXPONENT_BIAS) << _FRACTION_BITS
            bits[heard * _BLOCK :] = 0
            yield bits.tobytes()
            continue
        length, spread = _QUANTISED[quantisation]
        blocks: np.ndarray[Any, Any] = np.empty((count, 2 + length), dtype=np.uint8)
        blocks[:, :2] = np.array([columns**-0.5 / spread], dtype="<f2").view(np.uint8)
        blocks[heard:, :2] = 0
        drawn = generator.bytes(count * length)
        if quantisation == "Q4_0":
            drawn = drawn.translate(_CENTRED)
        blocks[:, 2:] = np.frombuffer(drawn, dtype=np.uint8).reshape(count, length)
        yield blocks.tobytes()
