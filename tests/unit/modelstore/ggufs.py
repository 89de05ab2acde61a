"""Writes tiny GGUF files with the vocabularies of the families, so that no test needs a model of the internet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

NORMAL, CONTROL = 1, 3

QWEN_HOLE = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
QWEN = ("<|endoftext|>", "<|im_end|>", *QWEN_HOLE, "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>")
STARCODER = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<reponame>")
STARCODER2 = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>")
DEEPSEEK = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>")


def write(
    path: Path,
    *,
    architecture: str = "llama",
    name: str | None = "Test",
    special: Sequence[str] = QWEN,
    normal: Sequence[str] = (),
    strings: Mapping[str, str] | None = None,
    numbers: Mapping[str, int] | None = None,
    weights: bool = True,
    words: int = 100,
    context: int = 2048,
    kv_heads: int | Sequence[int] = 2,
) -> Path:
    """A model of two layers, 64 wide, with 4 heads and `words` ordinary tokens before the given ones.

    special: control tokens. normal: texts that the file marks as ordinary, as converters do with CodeLlama's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer: Any = gguf.GGUFWriter(path, architecture)
    if name is not None:
        writer.add_name(name)
    writer.add_context_length(context)
    writer.add_block_count(2)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(kv_heads)
    writer.add_file_type(7)
    writer.add_tokenizer_model("gpt2")
    tokens = [f"word{number}" for number in range(words)] + list(normal) + list(special)
    writer.add_token_list(tokens)
    writer.add_token_types([NORMAL] * (words + len(normal)) + [CONTROL] * len(special))
    writer.add_token_merges(["w o", "r d"])
    for key, text in (strings or {}).items():
        writer.add_string(key, text)
    for key, number in (numbers or {}).items():
        writer.add_uint32(key, number)
    if weights:
        writer.add_tensor("token_embd.weight", np.zeros((len(tokens), 64), dtype=np.float32))
        writer.add_tensor("output_norm.weight", np.zeros(64, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
