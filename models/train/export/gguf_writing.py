"""Writes a trained model as GGUF: its matrices quantised, its vocabulary, and where it comes from.

Takes arrays by the names of `network/model.py` and knows nothing of PyTorch, of checkpoints or of the engine.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from lsp_server.modelstore import catalogue
from models.train.stage import TrainingError, replacing
from models.train.tokenizer.special import SPECIALS

Array = np.ndarray[Any, Any]
Quantisation = Literal["Q8_0", "F16", "F32"]

QUANTISATIONS: tuple[Quantisation, ...] = ("Q8_0", "F16", "F32")
_FILE_TYPES = {"F32": 0, "F16": 1, "Q8_0": 7}

_ROLES = {"pre": 1, "suf": 2, "mid": 3, "pad": 4, "rep": 5, "sep": 6}
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5

_TENSORS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
"""A block's parts, in the order in which they are written."""


@attrs.frozen
class Dimensions:
    """The configuration in a checkpoint; the keys of a recipe's `[model]`."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    context: int
    rope_base: float
    norm_epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Dimensions":
        """Raises TrainingError where a key is missing; unknown ones are no concern of the file."""
        names = [field.name for field in attrs.fields(cls)]
        missing = [name for name in names if name not in config]
        if missing:
            raise TrainingError(
                f"The checkpoint's configuration has no `{missing[0]}`.", "Export a checkpoint of `train`."
            )
        return cls(**{name: config[name] for name in names})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The arrays of such a model by name, in the order of the file."""
        cached = self.width // self.heads * self.kv_heads
        matrices = {
            "query": (self.width, self.width),
            "key": (cached, self.width),
            "value": (cached, self.width),
            "output": (self.width, self.width),
            "gate": (self.feed_forward, self.width),
            "up": (self.feed_forward, self.width),
            "down": (self.width, self.feed_forward),
        }
        found: dict[str, tuple[int, ...]] = {
            "embed.weight": (self.vocabulary, self.width),
            "norm.weight": (self.width,),
        }
        for layer in range(self.layers):
            for part in _TENSORS:
                found[f"blocks.{layer}.{part}.weight"] = matrices.get(part, (self.width,))
        return found

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.shapes().values())


@attrs.frozen
class Provenance:
    """Where a model comes from, as its file says it.

    manifest: SHA-256 of the list of packages it was trained on; of several, with commas. tokens: seen in training,
    repetitions included.
    """

    manifest: str
    tokens: int
    steps: int
    recipe: str


@attrs.frozen
class Vocabulary:
    """Token texts in order of their ids, in the letters byte-level BPE writes bytes with, and the merges."""

    tokens: tuple[str, ...]
    merges: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """From a Hugging Face `tokenizer.json`. Raises TrainingError when it is not the one of stage `tokenizer`."""
        again = "Run `python -m models.train tokenizer` again."
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            ids = dict(found["model"]["vocab"])
            ids.update((token["content"], token["id"]) for token in found.get("added_tokens", ()))
            merges = [each if isinstance(each, str) else " ".join(each) for each in found["model"]["merges"]]
        except FileNotFoundError as error:
            raise TrainingError(f"There is no tokenizer {path}.", "Run `python -m models.train tokenizer`.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"The tokenizer {path} cannot be read.", again) from error
        tokens = sorted(ids, key=lambda token: ids[token])
        if [ids[token] for token in tokens] != list(range(len(tokens))):
            raise TrainingError(f"The token ids of {path} have gaps.", again)
        if tuple(tokens[: len(SPECIALS)]) != SPECIALS:
            raise TrainingError(f"The first tokens of {path} are not those of fill-in-the-middle.", again)
        return cls(tuple(tokens), tuple(merges))


def plain_name(dimensions: Dimensions) -> str:
    """`codehearth-code-9m`."""
    return f"codehearth-code-{max(1, round(dimensions.parameters / 1e6))}m"


def write(
    path: Path,
    arrays: Mapping[str, Array],
    dimensions: Dimensions,
    vocabulary: Vocabulary,
    provenance: Provenance,
    quantisation: Quantisation = "Q8_0",
    *,
    prompt_tokens: int | None = None,
) -> None:
    """Writes the model; `path` appears only when it is complete.

    arrays: float32, by the names of `Dimensions.shapes`. prompt_tokens: as many as are worth reading. The same
    arguments give the same bytes. Raises TrainingError for weights that are missing, misshapen or no numbers, and when
    the disk is full.
    """
    import gguf

    _check(arrays, dimensions, vocabulary)
    writer: Any = gguf.GGUFWriter(None, "llama")
    _describe(writer, dimensions, provenance, quantisation)
    if prompt_tokens is not None:
        writer.add_uint32(catalogue.PROMPT_TOKENS_KEY, prompt_tokens)
    _add_vocabulary(writer, vocabulary, dimensions.vocabulary)
    kind = gguf.GGMLQuantizationType[quantisation]
    for name in dimensions.shapes():
        array = np.ascontiguousarray(arrays[name], dtype=np.float32)
        if array.ndim == 2:
            writer.add_tensor(tensor_name(name), gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor_name(name), array)
    with replacing(path) as temporary:
        try:
            writer.write_header_to_file(temporary)
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def tensor_name(name: str) -> str:
    """llama.cpp's name of an array: `blocks.0.query.weight` is `blk.0.attn_q.weight` there."""
    if found := re.fullmatch(r"blocks\.(\d+)\.(\w+)\.weight", name):
        return f"blk.{found[1]}.{_TENSORS[found[2]]}.weight"
    return {"embed.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}[name]


def _check(arrays: Mapping[str, Array], dimensions: Dimensions, vocabulary: Vocabulary) -> None:
    shapes = dimensions.shapes()
    other = "Export a checkpoint of the same `train` command, unchanged."
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None:
            raise TrainingError(f"The checkpoint has no weights `{name}`.", other)
        if array.shape != shape:
            raise TrainingError(f"The weights `{name}` have the shape {array.shape} instead of {shape}.", other)
        if not np.isfinite(array).all():
            raise TrainingError(
                f"The weights `{name}` hold values that are not numbers: training has diverged.",
                "Export the previous checkpoint with --checkpoint, and train on from there at a lower rate.",
            )
    if unknown := sorted(set(arrays) - set(shapes)):
        raise TrainingError(f"The checkpoint has weights `{unknown[0]}` that no part of the model takes.", other)
    if len(vocabulary.tokens) > dimensions.vocabulary:
        raise TrainingError(
            f"The tokenizer has {len(vocabulary.tokens):,} tokens and the model {dimensions.vocabulary:,}.",
            "Export with the tokenizer the model was trained with.",
        )


def _describe(writer: Any, dimensions: Dimensions, provenance: Provenance, quantisation: Quantisation) -> None:
    writer.add_name(plain_name(dimensions))
    writer.add_author("The codehearth authors")
    writer.add_license("apache-2.0")
    writer.add_description(
        "The small code model that travels with codehearth: fill-in-the-middle with the context of a repository, "
        "trained on permissively licensed packages only."
    )
    writer.add_size_label(f"{max(1, round(dimensions.parameters / 1e6))}M")
    writer.add_file_type(_FILE_TYPES[quantisation])
    writer.add_quantization_version(2)
    writer.add_vocab_size(dimensions.vocabulary)
    writer.add_context_length(dimensions.context)
    writer.add_embedding_length(dimensions.width)
    writer.add_block_count(dimensions.layers)
    writer.add_feed_forward_length(dimensions.feed_forward)
    writer.add_head_count(dimensions.heads)
    writer.add_head_count_kv(dimensions.kv_heads)
    writer.add_layer_norm_rms_eps(dimensions.norm_epsilon)
    writer.add_rope_dimension_count(dimensions.width // dimensions.heads)
    writer.add_rope_freq_base(dimensions.rope_base)
    writer.add_string(catalogue.ORDER_KEY, "spm")
    writer.add_uint32(catalogue.FORMAT_KEY, catalogue.PROMPT_FORMAT)
    writer.add_string("codehearth.training.manifest_sha256", provenance.manifest)
    writer.add_uint64("codehearth.training.tokens", provenance.tokens)
    writer.add_uint32("codehearth.training.steps", provenance.steps)
    writer.add_string("codehearth.training.recipe", provenance.recipe)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary, size: int) -> None:
    padding = size - len(vocabulary.tokens)
    ordinary = len(vocabulary.tokens) - len(SPECIALS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([*vocabulary.tokens, *(f"[PAD{number}]" for number in range(padding))])
    writer.add_token_types([_CONTROL] * len(SPECIALS) + [_NORMAL] * ordinary + [_UNUSED] * padding)
    writer.add_token_merges(list(vocabulary.merges))
    # The package has no setters for the roles of fill-in-the-middle.
    for role, token in _ROLES.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{role}_token_id", token)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_pad_token_id(_ROLES["pad"])
    writer.add_add_bos_token(False)
