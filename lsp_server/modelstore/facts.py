"""What a GGUF file says about the model in it, before anything is loaded. Decides nothing: that is `catalogue.py`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import header

LONGEST_VALUE = 400
"""Characters of a metadata value that are kept; chat templates are longer. The engine cuts at the same place."""

_MOST_LAYERS = 1024
_CONTROL, _USER_DEFINED = 3, 4

FIM_TEXTS: Mapping[str, tuple[str, ...]] = {
    "pre": (
        *("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "▁<PRE>", "<PRE>", "<|code_prefix|>"),
        *("<|prefix|>", "[PREFIX]", "<[fim-prefix]>"),
    ),
    "suf": (
        *("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "▁<SUF>", "<SUF>", "<|code_suffix|>"),
        *("<|suffix|>", "[SUFFIX]", "<[fim-suffix]>"),
    ),
    "mid": (
        *("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "▁<MID>", "<MID>", "<|code_middle|>"),
        *("<|middle|>", "[MIDDLE]", "<[fim-middle]>"),
    ),
    "pad": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>"),
    "rep": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "sep": ("<|file_sep|>",),
}
"""Role to token texts: those by which llama.cpp finds a role (`llama-vocab.cpp`), then those it does not know."""

_KNOWN = {text.encode(): role for role, texts in FIM_TEXTS.items() for text in texts}
_OTHER_KNOWN = {text.encode() for text in ("▁<EOT>", "<file_sep>", "<filename>", "<repo_name>")}
"""Tokens that formats use and that converters often mark as ordinary text."""


@attrs.frozen
class GgufFacts:
    """The facts of one model. Sizes in bytes, lengths in tokens.

    name: `general.name`, or the file's name where the model has none.
    metadata: scalar metadata as text; short arrays of numbers, e.g. values per layer, as `[1, 2]`.
    fim_tokens: role (`pre`, `suf`, `mid`, `pad`, `rep`, `sep`) to token text, whether from metadata or by its text.
    special_tokens: texts of all control and user-defined tokens, and of known fill-in-the-middle tokens.
    """

    name: str
    path: str
    architecture: str
    parameters: int
    file_bytes: int
    trained_context: int
    vocabulary_size: int
    quantisation: str
    metadata: Mapping[str, str]
    fim_tokens: Mapping[str, str]
    special_tokens: tuple[str, ...]

    def number(self, key: str) -> int | None:
        """A whole number from the architecture's own metadata, e.g. `block_count`; None where there is none."""
        return _whole(self.metadata.get(f"{self.architecture}.{key}"))

    @property
    def blocks(self) -> int | None:
        return self.number("block_count")

    @property
    def cached_values_per_token(self) -> int | None:
        """Numbers the KV cache holds per token over all layers; an upper bound where layers share or slide.

        None where the metadata does not say, e.g. for encoders.
        """
        blocks, width = self.blocks, self.number("embedding_length")
        heads = _per_layer(self.metadata.get(f"{self.architecture}.attention.head_count"), blocks)
        kv_heads = _per_layer(self.metadata.get(f"{self.architecture}.attention.head_count_kv"), blocks) or heads
        if not blocks or not heads or not kv_heads or not max(heads):
            return None
        size = (width or 0) // max(heads)
        keys = self.number("attention.key_length") or size
        values = self.number("attention.value_length") or size
        return sum(kv_heads) * (keys + values) or None


class Loaded(Protocol):
    """A model as the engine reports it (`engine.protocol.ModelFacts` has these attributes)."""

    @property
    def name(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def trained_context(self) -> int: ...
    @property
    def vocabulary_size(self) -> int: ...
    @property
    def metadata(self) -> Mapping[str, str]: ...
    @property
    def fim_tokens(self) -> Mapping[str, str]: ...
    @property
    def special_tokens(self) -> tuple[str, ...]: ...


def of_loaded(loaded: Loaded, path: str) -> GgufFacts:
    """The facts of a model that the engine has loaded from `path`. As `read(path)`, but the quantisation is empty."""
    special = set(loaded.special_tokens)
    roles = {role: text for role, texts in FIM_TEXTS.items() for text in texts if text in special}
    return GgufFacts(
        name=loaded.name,
        path=path,
        architecture=loaded.architecture,
        parameters=loaded.parameters,
        file_bytes=loaded.file_bytes,
        trained_context=loaded.trained_context,
        vocabulary_size=loaded.vocabulary_size,
        quantisation="",  # naming it would import numpy into the server, which only wants the format
        metadata=loaded.metadata,
        fim_tokens={**roles, **loaded.fim_tokens},
        special_tokens=loaded.special_tokens,
    )


def read(path: Path) -> GgufFacts:
    """The facts of a model file, in about 0.1 s for a vocabulary of 150,000 tokens.

    A model in several parts is given by any of them; all must be there. Raises ModelUnavailable when the file is
    missing, no GGUF, damaged or shorter than it says.
    """
    files = parts(path)
    with header.opened(files[0]) as first:
        metadata = _metadata(first)
        special, roles = _tokens(first)
        parameters, types = first.parameters, dict(first.tensor_types)
        vocabulary_size = first.count("tokenizer.ggml.tokens")
    for file in files[1:]:
        with header.opened(file) as more:
            parameters += more.parameters
            for name, count in more.tensor_types.items():
                types[name] = types.get(name, 0) + count
    architecture = metadata.get("general.architecture", "")
    if not architecture:
        raise ModelUnavailable(f"{path.name} does not say what kind of model it is.", header.DOWNLOAD_AGAIN)
    common = max(types, key=lambda name: types[name]) if types else ""
    return GgufFacts(
        name=_name(metadata, path),
        path=str(files[0]),
        architecture=architecture,
        parameters=parameters,
        file_bytes=sum(file.stat().st_size for file in files),
        trained_context=_whole(metadata.get(f"{architecture}.context_length")) or 0,
        vocabulary_size=vocabulary_size,
        quantisation=_file_type(metadata.get("general.file_type")) or common,
        metadata=metadata,
        fim_tokens=roles,
        special_tokens=special,
    )


def _name(metadata: Mapping[str, str], path: Path) -> str:
    """Converters leave hashes and folders of their own machine as names; the file's name is better then."""
    name = metadata.get("general.name", "").strip()
    return plain_name(path) if not name or re.search(r"[\\/]|^[0-9a-f]{32,}$", name) else name


_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)


def parts(path: Path) -> tuple[Path, ...]:
    """All files of the model that `path` belongs to, the first one first. Raises ModelUnavailable if one is missing."""
    found = _PART.search(path.name)
    if not found:
        return (path,)
    total = int(found[2])
    names = [f"{path.name[: found.start()]}-{part:05}-of-{total:05}.gguf" for part in range(1, total + 1)]
    files = tuple(path.with_name(name) for name in names)
    missing = [file.name for file in files if not file.exists()]
    if missing:
        raise ModelUnavailable(
            f"{plain_name(path)} has {total} parts, and {missing[0]} is missing.", "Download the missing parts."
        )
    return files


def plain_name(path: Path) -> str:
    """The file's name without its ending and without the number of its part."""
    return _PART.sub("", path.name).removesuffix(".gguf").removesuffix(".GGUF")


def is_later_part(path: Path) -> bool:
    """Whether the file is a part of a model but not its first."""
    found = _PART.search(path.name)
    return bool(found and int(found[1]) != 1)


def _metadata(found: header.Header) -> dict[str, str]:
    metadata = {key: _text(value) for key, value in found.scalars.items()}
    for key, numbers in found.small_arrays(_MOST_LAYERS):
        metadata[key] = "[" + ", ".join(_text(number) for number in numbers) + "]"
    return metadata


def _text(value: str | float | bool) -> str:
    """As llama.cpp writes metadata values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:f}"
    return str(value)[:LONGEST_VALUE]


def _tokens(found: header.Header) -> tuple[tuple[str, ...], dict[str, str]]:
    """Texts of the special tokens in order of their ids, and the fill-in-the-middle roles."""
    key = "tokenizer.ggml.tokens"
    count = found.count(key)
    if not count:
        return (), {}
    types = found.numbers("tokenizer.ggml.token_type")
    special = {index for index, kind in enumerate(types) if kind in (_CONTROL, _USER_DEFINED) and index < count}
    roles: dict[str, str] = {}
    for index, raw in enumerate(found.raw_strings(key)):
        if raw in _KNOWN:
            roles.setdefault(_KNOWN[raw], raw.decode())
            special.add(index)
        elif raw in _OTHER_KNOWN:
            special.add(index)
    for role, names in (
        ("pre", ("prefix",)),
        ("suf", ("suffix",)),
        ("mid", ("middle",)),
        ("pad", ()),
        ("rep", ()),
        ("sep", ()),
    ):
        for name in (*names, f"fim_{role}"):
            named = found.scalars.get(f"tokenizer.ggml.{name}_token_id", -1)
            if isinstance(named, int) and 0 <= named < count:
                roles[role] = found.string(key, named)
                special.add(named)
    return tuple(found.string(key, index) for index in sorted(special)), roles


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.isdecimal() else None


def _per_layer(value: str | None, blocks: int | None) -> list[int]:
    """One number for all layers, or `[1, 2, …]`, as a list over the layers."""
    if not value or not blocks:
        return []
    try:
        numbers = [int(part) for part in value.strip("[]").split(",")]
    except ValueError:
        return []
    return numbers * blocks if len(numbers) == 1 else numbers


def _file_type(value: str | None) -> str | None:
    """`general.file_type` as people write it, e.g. `Q4_K_M`."""
    if value is None or not value.isdecimal():
        return None
    from gguf.constants import LlamaFileType  # lazily, see header.py

    try:
        return str(LlamaFileType(int(value)).name).removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        return None
