"""Writes models with the shape of a real one and random weights, so that speed can be measured without a download.

Such a model costs what the real one costs (memory, prefill, decoding) and says nothing sensible. Its vocabulary and
fill-in-the-middle format are those of another GGUF, so that it runs through the whole product. Weights are Q8_0 and
drawn as the quantised bytes themselves, a few megabytes at a time: half a gigabyte takes about two seconds and no
more memory than its vocabulary.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from lsp_server import paths
from lsp_server.modelstore import header, store

_BLOCK, _BLOCK_BYTES = 32, 34
"""Q8_0: 32 weights as signed bytes behind one 16-bit scale."""

_SPREAD_OF_BYTES = 73.9
"""Standard deviation of a signed byte drawn uniformly; the scale brings it to that of a trained matrix."""

_BLOCKS_AT_ONCE = 1 << 17
"""About 4 MB: small enough for the cache, large enough that writing is as fast as the disk."""

_UNUSED = 5


@attrs.frozen
class Shape:
    """Dimensions of a Llama-architecture model with tied embeddings. All widths are multiples of 32."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocabulary: int
    """Tokens; the source's vocabulary is padded with unused ones, and never cut."""
    context: int


QWEN_0_5B = Shape("random-0.5b", 24, 896, 14, 2, 4864, 151_936, 32_768)
"""Qwen2.5-Coder-0.5B: 494 M parameters, 525 MB in Q8_0."""

QWEN_1_5B = Shape("random-1.5b", 28, 1536, 12, 2, 8960, 151_936, 32_768)
"""Qwen2.5-Coder-1.5B: 1.54 B parameters, 1.6 GB in Q8_0."""


def cached(shape: Shape, seed: int = 0) -> Path:
    """The model of that shape over the embedded vocabulary, written once into the user's cache folder."""
    folder = paths.cache_folder() / "shapes"
    folder.mkdir(exist_ok=True)
    # The whole shape is in the name: a file of an older definition is then simply another file.
    numbers = "-".join(str(number) for number in attrs.astuple(shape)[1:])
    path = folder / f"{shape.name}-{numbers}-{seed}.gguf"
    return path if path.exists() else write(path, shape, seed=seed)


def write(path: Path, shape: Shape, *, source: Path | None = None, seed: int = 0) -> Path:
    """Writes the model to `path`, which appears only when it is complete. The same arguments give the same bytes.

    source: whose vocabulary and format it takes; None means the embedded model. Raises ModelUnavailable when the
    source cannot be read, OSError when the disk is full.
    """
    import gguf

    writer: Any = gguf.GGUFWriter(None, "llama")
    _describe(writer, shape)
    real = _copy_vocabulary(writer, source or store.embedded(), shape.vocabulary)
    tensors = _tensors(shape, max(real, shape.vocabulary))
    for name, rows, columns in tensors:
        _announce(writer, name, rows, columns)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        writer.write_header_to_file(temporary)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        file = writer.fout[0]
        writer.write_padding(file, file.tell())
        for number, (_, rows, columns) in enumerate(tensors):
            length = 0
            # The first tensor is the vocabulary's: padding is silenced, so that answers consist of real tokens.
            live = real if number == 0 else rows
            for chunk in _weights(rows, columns, live, (seed, number)):
                file.write(chunk)
                length += len(chunk)
            writer.write_padding(file, length)
        writer.close()
        temporary.replace(path)
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)
    return path


def _describe(writer: Any, shape: Shape) -> None:
    writer.add_name(shape.name)
    writer.add_file_type(7)
    writer.add_context_length(shape.context)
    writer.add_block_count(shape.layers)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)


def _copy_vocabulary(writer: Any, source: Path, least: int) -> int:
    """Copies the tokenizer and our own keys; returns the number of real tokens, which unused ones follow."""
    with header.opened(source) as found:
        for key, value in found.scalars.items():
            if key.startswith(("tokenizer.", "codehearth.")):
                _add(writer, key, value)
        tokens = list(found.strings("tokenizer.ggml.tokens"))
        merges = list(found.strings("tokenizer.ggml.merges")) if found.count("tokenizer.ggml.merges") else []
        types = list(found.numbers("tokenizer.ggml.token_type")) or [1] * len(tokens)
        scores = list(found.numbers("tokenizer.ggml.scores"))
    padding = max(0, least - len(tokens))
    writer.add_token_list(tokens + [f"[PAD{number}]" for number in range(padding)])
    writer.add_token_types(types + [_UNUSED] * padding)
    if scores:
        writer.add_token_scores(scores + [-1e4] * padding)
    if merges:
        writer.add_token_merges(merges)
    return len(tokens)


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
    """Name, rows and columns; no columns for the norms, which are vectors."""
    width, forward = shape.width, shape.feed_forward
    cached = width // shape.heads * shape.kv_heads
    tensors = [("token_embd.weight", vocabulary, width), ("output_norm.weight", width, 0)]
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        tensors += [
            (f"{block}.attn_norm.weight", width, 0),
            (f"{block}.attn_q.weight", width, width),
            (f"{block}.attn_k.weight", cached, width),
            (f"{block}.attn_v.weight", cached, width),
            (f"{block}.attn_output.weight", width, width),
            (f"{block}.ffn_norm.weight", width, 0),
            (f"{block}.ffn_gate.weight", forward, width),
            (f"{block}.ffn_up.weight", forward, width),
            (f"{block}.ffn_down.weight", width, forward),
        ]
    return tensors


def _announce(writer: Any, name: str, rows: int, columns: int) -> None:
    """A tensor's place in the file's header."""
    import gguf
    import numpy as np

    if columns == 0:
        writer.add_tensor_info(name, (rows,), np.dtype(np.float32), rows * 4)
    else:
        line = columns // _BLOCK * _BLOCK_BYTES
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor_info(name, (rows, line), np.dtype(np.uint8), rows * line, kind)


def _weights(rows: int, columns: int, live: int, seed: tuple[int, int]) -> Iterator[bytes]:
    """The bytes of one tensor: ones for a norm, else random blocks with the spread that keeps activations finite.

    Rows from `live` on have a scale of zero.
    """
    import numpy as np

    if columns == 0:
        yield np.ones(rows, dtype="<f4").tobytes()
        return
    generator = np.random.default_rng(seed)
    scale = np.array([columns**-0.5 / _SPREAD_OF_BYTES], dtype="<f2").view(np.uint8)
    total, silent = rows * columns // _BLOCK, live * columns // _BLOCK
    for first in range(0, total, _BLOCKS_AT_ONCE):
        count = min(total - first, _BLOCKS_AT_ONCE)
        blocks: np.ndarray[Any, Any] = np.empty((count, _BLOCK_BYTES), dtype=np.uint8)
        blocks[:, :2] = scale
        blocks[max(0, silent - first) :, :2] = 0
        blocks[:, 2:] = np.frombuffer(generator.bytes(count * _BLOCK), dtype=np.uint8).reshape(count, _BLOCK)
        yield blocks.tobytes()
