"""The named families whose shapes can be written: published dimensions, and the tokens by which they are asked.

Dimensions are those of the families' public `config.json`. Holds facts only; nothing here writes.
"""

from collections.abc import Mapping
from typing import Literal

import attrs

from lsp_server.evaluate.shapes import Shape

_CONTROL, _USER_DEFINED, _NORMAL = 3, 4, 1


@attrs.frozen
class Family:
    """One model that can be written.

    catalogue: name of its family in the product's catalogue. ordinary: how many tokens stand before the special ones.
    special: id to text and type, added to or replacing those of a vocabulary file. keys: further metadata of the
    tokenizer. tokenizer: `gpt2` is byte-level BPE, `llama` is SentencePiece. source: the file among llama.cpp's
    vocabularies that has its tokens.
    """

    shape: Shape
    catalogue: str
    tokenizer: Literal["gpt2", "llama"]
    pre: str
    ordinary: int
    special: Mapping[int, tuple[str, int]]
    keys: Mapping[str, int | bool]
    source: str


_QWEN_SPECIAL = {
    151_643: ("<|endoftext|>", _CONTROL),
    151_644: ("<|im_start|>", _CONTROL),
    151_645: ("<|im_end|>", _CONTROL),
    151_659: ("<|fim_prefix|>", _CONTROL),
    151_660: ("<|fim_middle|>", _CONTROL),
    151_661: ("<|fim_suffix|>", _CONTROL),
    151_662: ("<|fim_pad|>", _CONTROL),
    151_663: ("<|repo_name|>", _CONTROL),
    151_664: ("<|file_sep|>", _CONTROL),
}

_STARCODER_SPECIAL = {
    number: (text, _CONTROL)
    for number, text in enumerate(
        ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>")
    )
}

_DEEPSEEK_SPECIAL = {
    32_013: ("<｜begin▁of▁sentence｜>", _CONTROL),
    32_014: ("<｜end▁of▁sentence｜>", _CONTROL),
    32_015: ("<｜fim▁hole｜>", _USER_DEFINED),
    32_016: ("<｜fim▁begin｜>", _USER_DEFINED),
    32_017: ("<｜fim▁end｜>", _USER_DEFINED),
    32_021: ("<|EOT|>", _USER_DEFINED),
}

# Converters leave these as ordinary tokens and name their ids.
_CODELLAMA_SPECIAL = {
    32_007: ("▁<PRE>", _NORMAL),
    32_008: ("▁<SUF>", _NORMAL),
    32_009: ("▁<MID>", _NORMAL),
    32_010: ("▁<EOT>", _NORMAL),
}


def _id(**tokens: int) -> dict[str, int | bool]:
    return {f"tokenizer.ggml.{role}_token_id": token for role, token in tokens.items()}


def _qwen(size: str, layers: int, width: int, heads: int, kv_heads: int, forward: int, tied: bool) -> Family:
    # The 7B rounds its vocabulary up differently.
    shape = Shape(
        *(f"Qwen2.5-Coder-{size}-random", layers, width, heads, kv_heads, forward),
        *(151_936 if tied else 152_064, 32_768),
        architecture="qwen2",
        tied=tied,
    )
    return Family(
        shape,
        catalogue="Qwen2.5-Coder, Qwen3-Coder",
        tokenizer="gpt2",
        pre="qwen2",
        ordinary=151_643,
        special=_QWEN_SPECIAL,
        keys=_id(bos=151_643, eos=151_643, padding=151_662) | {"tokenizer.ggml.add_bos_token": False},
        source="ggml-vocab-qwen2.gguf",
    )


def _starcoder(size: str, layers: int, width: int, heads: int, kv_heads: int) -> Family:
    # llama.cpp does not read the sliding window of 4,096 tokens that these were trained with, so no key says it.
    shape = Shape(
        *(f"starcoder2-{size}-random", layers, width, heads, kv_heads, 4 * width, 49_152, 16_384),
        architecture="starcoder2",
        rope_base=999_999.4375,
        epsilon=1e-5,
    )
    return Family(
        shape,
        catalogue="StarCoder2",
        tokenizer="gpt2",
        pre="starcoder",
        ordinary=49_152,
        special=_STARCODER_SPECIAL,
        keys=_id(bos=0, eos=0, unknown=0) | {"tokenizer.ggml.add_bos_token": False},
        source="ggml-vocab-starcoder.gguf",
    )


def _deepseek(size: str, layers: int, width: int, heads: int, forward: int) -> Family:
    shape = Shape(
        *(f"deepseek-coder-{size}-base-random", layers, width, heads, heads, forward, 32_256, 16_384),
        tied=False,
        rope_base=100_000.0,
        rope_scaling=4.0,
    )
    return Family(
        shape,
        catalogue="DeepSeek-Coder",
        tokenizer="gpt2",
        pre="deepseek-coder",
        ordinary=32_013,
        special=_DEEPSEEK_SPECIAL,
        keys=_id(bos=32_013, eos=32_014, padding=32_014) | {"tokenizer.ggml.add_bos_token": True},
        source="ggml-vocab-deepseek-coder.gguf",
    )


_CODELLAMA = Family(
    Shape(
        *("CodeLlama-7B-random", 32, 4096, 32, 32, 11_008, 32_016, 16_384),
        tied=False,
        epsilon=1e-5,
    ),
    catalogue="CodeLlama 7B and 13B",
    tokenizer="llama",
    pre="default",
    ordinary=32_000,
    special=_CODELLAMA_SPECIAL,
    keys=_id(bos=1, eos=2, unknown=0, prefix=32_007, suffix=32_008, middle=32_009, eot=32_010)
    | {"tokenizer.ggml.add_bos_token": True},
    source="ggml-vocab-llama-spm.gguf",
)

FAMILIES: Mapping[str, Family] = {
    "qwen2.5-coder-0.5b": _qwen("0.5B", 24, 896, 14, 2, 4864, tied=True),
    "qwen2.5-coder-1.5b": _qwen("1.5B", 28, 1536, 12, 2, 8960, tied=True),
    "qwen2.5-coder-3b": _qwen("3B", 36, 2048, 16, 2, 11_008, tied=True),
    "qwen2.5-coder-7b": _qwen("7B", 28, 3584, 28, 4, 18_944, tied=False),
    "starcoder2-3b": _starcoder("3b", 30, 3072, 24, 2),
    "starcoder2-7b": _starcoder("7b", 32, 4608, 36, 4),
    "deepseek-coder-1.3b": _deepseek("1.3b", 24, 2048, 16, 5504),
    "deepseek-coder-6.7b": _deepseek("6.7b", 32, 4096, 32, 11_008),
    "codellama-7b": _CODELLAMA,
}
