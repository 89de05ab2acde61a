"""Which families fill in the middle, and how. Recognises them by their tokens, architecture, tokenizer and the name in
their metadata, never by the name of the file. Measures nothing: what stays ambiguous is decided by `selftest.py`.

The order of prefix and suffix is not in the tokens: Mellum puts the suffix first, StarCoder last, with the same names.
It is taken from `codehearth.fim.order` in the GGUF, else from the family, else left open as `Ambiguous`.

A GGUF of our own says in its metadata:

    codehearth.fim.order        string   `spm` or `psm`; what makes it one of our own
    codehearth.prompt_format    integer  version of the prompts it was trained on; a model of another one is refused
    codehearth.prompt_tokens    integer  how many tokens of prompt are worth reading (optional); an upper bound
    codehearth.random_weights   boolean  true where the weights are random (`evaluate/shapes.py`): it says nothing
"""

import re
from typing import Literal

import attrs

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore.card import FimFormat
from lsp_server.modelstore.facts import GgufFacts

PROMPT_FORMAT = 1
"""Version of the prompts this product builds, as models of our own declare it in `codehearth.prompt_format`."""

UNVERSIONED = 0
"""The format of models made before there was a version; they are accepted."""

ORDER_KEY = "codehearth.fim.order"
FORMAT_KEY = "codehearth.prompt_format"
PROMPT_TOKENS_KEY = "codehearth.prompt_tokens"
RANDOM_KEY = "codehearth.random_weights"

Tested = Literal["own", "vocabulary", "synthetic"]


@attrs.frozen
class Ambiguous:
    """The tokens are known but not the order; `selftest.decide` asks the model. The likelier format comes first."""

    candidates: tuple[FimFormat, FimFormat]


@attrs.frozen
class Family:
    """One row of the catalogue. A model belongs to it when it has the tokens and one of the architectures, and, where
    any are given, when one of `names` is found in its metadata's names or `tokenizers` has its pre-tokenizer.

    names: regular expressions over the metadata's names in lower case without punctuation.
    tested_with: the family's true tokenizer ("vocabulary"), or one made for the test ("synthetic").
    """

    name: str
    fim: FimFormat
    architectures: frozenset[str]
    names: tuple[str, ...] = ()
    tokenizers: tuple[str, ...] = ()
    tested_with: Tested = "synthetic"


def resolve(facts: GgufFacts) -> FimFormat | Ambiguous:
    """How the model fills in the middle. Raises ModelUnavailable with a sentence when it cannot or must not."""
    stated = facts.metadata.get(ORDER_KEY)
    if stated is not None:
        return _stated(facts, stated)
    family = recognise(facts)
    if family is not None:
        return _fitted(family.fim, facts)
    relatives = _same_tokens(facts)
    if not relatives:
        raise _cannot(facts)
    first = relatives[0].fim
    others = [known.fim for known in relatives if known.fim.order != first.order]
    second = others[0] if others else _reordered(first, "spm" if first.order == "psm" else "psm")
    return Ambiguous((_fitted(first, facts), _fitted(second, facts)))


def recognise(facts: GgufFacts) -> Family | None:
    """The family a model belongs to, if it is in the catalogue; models of our own state their order and are in none."""
    if ORDER_KEY in facts.metadata:
        return None
    names = _names(facts)
    tokenizer = facts.metadata.get("tokenizer.ggml.pre", "")
    for family in _same_tokens(facts):
        if facts.architecture not in family.architectures:
            continue
        named = any(re.search(pattern, name) for pattern in family.names for name in names)
        if named or tokenizer in family.tokenizers or not (family.names or family.tokenizers):
            return family
    return None


def tested_with(facts: GgufFacts) -> Tested:
    """How the format was checked: see `ModelCard.tested_with`."""
    if ORDER_KEY in facts.metadata:
        return "own"
    family = recognise(facts)
    return family.tested_with if family else "synthetic"


def prompt_format(facts: GgufFacts) -> int | None:
    """Version of the prompts a model of our own was trained on; None for other people's models."""
    if ORDER_KEY not in facts.metadata:
        return None
    value = facts.metadata.get(FORMAT_KEY, str(UNVERSIONED))
    return int(value) if value.isdecimal() else -1


def prompt_tokens(facts: GgufFacts) -> int | None:
    """How many tokens of prompt a model of our own says are worth reading; None where it does not.

    Anything but a positive whole number says nothing: unlike a format, it decides how long an answer takes and not
    whether it can be right, and so it is no reason to refuse a model.
    """
    value = facts.metadata.get(PROMPT_TOKENS_KEY, "")
    return int(value) or None if ORDER_KEY in facts.metadata and value.isdecimal() else None


def random_weights(facts: GgufFacts) -> bool:
    """Whether the model was made for measuring speed: what it says is noise."""
    return facts.metadata.get(RANDOM_KEY) == "true"


def _stated(facts: GgufFacts, order: str) -> FimFormat:
    version = prompt_format(facts)
    if version not in (UNVERSIONED, PROMPT_FORMAT):
        older = version is not None and version < PROMPT_FORMAT
        raise ModelUnavailable(
            f"{facts.name} was trained on prompts of version {facts.metadata[FORMAT_KEY]}, and this codehearth "
            f"writes version {PROMPT_FORMAT}.",
            "Use a newer model." if older else "Update codehearth or use an older model.",
        )
    relatives = _same_tokens(facts)
    if not relatives:
        raise _cannot(facts)
    if order == "psm":
        return _fitted(_first(relatives, "psm"), facts)
    if order == "spm":
        return _fitted(_first(relatives, "spm"), facts)
    raise ModelUnavailable(
        f"{facts.name} states the unknown fill-in-the-middle order `{order}`.",
        f"Write `spm` or `psm` into {ORDER_KEY} of the GGUF, or use another model.",
    )


def _first(relatives: list[Family], order: Literal["psm", "spm"]) -> FimFormat:
    for family in relatives:
        if family.fim.order == order:
            return family.fim
    return _reordered(relatives[0].fim, order)


def _same_tokens(facts: GgufFacts) -> list[Family]:
    """The families whose tokens for the hole are all in the vocabulary, first those whose file token is there too."""
    texts = _texts(facts)
    found = []
    for family in FAMILIES:
        fim = family.fim
        if {fim.prefix_token, fim.suffix_token, fim.middle_token or fim.suffix_token} <= texts:
            found.append(family)
    return sorted(found, key=lambda family: family.fim.file_token is not None and family.fim.file_token not in texts)


def _fitted(fim: FimFormat, facts: GgufFacts) -> FimFormat:
    """The format without the tokens that this vocabulary lacks."""
    texts = _texts(facts)
    repo = fim.repo_token if fim.repo_token in texts else None
    file = fim.file_token if fim.file_token in texts else None
    repository = fim.repository if fim.repository != "tokens" or file is not None else "comments"
    stop = tuple(token for token in fim.stop_tokens if token in texts)
    return attrs.evolve(fim, repository=repository, repo_token=repo, file_token=file, stop_tokens=stop)


def _reordered(fim: FimFormat, order: Literal["psm", "spm"]) -> FimFormat:
    """The same tokens in the usual layout of the other order."""
    layout: tuple[str, ...] = PSM if order == "psm" else SPM
    if fim.middle_token is None:
        layout = tuple(part for part in layout if part != "MID")
    return attrs.evolve(fim, order=order, layout=layout)


def _texts(facts: GgufFacts) -> frozenset[str]:
    return frozenset((*facts.special_tokens, *facts.fim_tokens.values()))


def _names(facts: GgufFacts) -> list[str]:
    keys = ("general.name", "general.basename", "general.base_model.0.name", "general.finetune")
    return [re.sub(r"[^a-z0-9]", "", facts.metadata.get(key, "").lower()) for key in keys]


def _cannot(facts: GgufFacts) -> ModelUnavailable:
    if "tokenizer.chat_template" in facts.metadata:
        why = "it is a chat model, and its vocabulary has no tokens for a prefix and a suffix"
    else:
        why = "its vocabulary has no tokens for a prefix and a suffix"
    return ModelUnavailable(
        f"{facts.name} cannot fill in the middle: {why}.",
        "Use a code model that can, e.g. Qwen2.5-Coder, StarCoder2, DeepSeek-Coder or CodeLlama 7B.",
    )


PSM = ("PRE", "prefix", "SUF", "suffix", "MID")
SPM = ("PRE", "SUF", "suffix", "MID", "prefix")
SUFFIX_FIRST = ("SUF", "suffix", "PRE", "prefix", "MID")
"""Suffix before prefix, with the middle token after both: what is typed stands before that one token."""


def _format(
    order: Literal["spm", "psm"],
    layout: tuple[str, ...],
    tokens: tuple[str, str, str | None],
    stop: tuple[str, ...],
    repository: Literal["tokens", "comments", "none"] = "none",
    repo: str | None = None,
    file: str | None = None,
    path_mark: str = "#",
) -> FimFormat:
    prefix, suffix, middle = tokens
    return FimFormat(order, layout, prefix, suffix, middle, repository, repo, file, stop, path_mark)


_QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
_STARCODER = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")
_QWEN_STOPS = ("<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>")
_STARCODER_STOPS = ("<|endoftext|>", "<file_sep>", "<repo_name>", "<filename>", "<reponame>", "<fim_pad>")
_GRANITE = frozenset({"granite", "granitemoe", "granitehybrid"})

_QWEN_FORMAT = _format("psm", PSM, _QWEN, _QWEN_STOPS, "tokens", "<|repo_name|>", "<|file_sep|>")
_STARCODER_FORMAT = _format("psm", PSM, _STARCODER, _STARCODER_STOPS, "tokens", "<reponame>", "<filename>")

FAMILIES: tuple[Family, ...] = (
    Family(
        "Qwen2.5-Coder, Qwen3-Coder",
        _QWEN_FORMAT,
        frozenset({"qwen2", "qwen3", "qwen3moe", "qwen3next"}),
        # Every Qwen2.5 and Qwen3 has these tokens; only the coders were trained on them.
        names=(r"qwen[0-9]*(next)?coder",),
        tested_with="vocabulary",
    ),
    Family(
        "CodeGemma",
        _format(
            "psm", PSM, _QWEN, ("<|file_separator|>", "<eos>", "<end_of_turn>"), "tokens", None, "<|file_separator|>"
        ),
        frozenset({"gemma"}),
    ),
    Family(
        "Granite 3.3 and 4",
        _format("psm", PSM, _QWEN, ("<|end_of_text|>", "<|fim_pad|>", "<|filename|>"), "tokens", None, "<|filename|>"),
        _GRANITE,
    ),
    Family(
        "StarCoder2",
        _format("psm", PSM, _STARCODER, _STARCODER_STOPS, "tokens", "<repo_name>", "<file_sep>"),
        frozenset({"starcoder2"}),
        tested_with="vocabulary",
    ),
    Family("StarCoder, Granite-Code 20B and 34B", _STARCODER_FORMAT, frozenset({"starcoder"})),
    Family("Granite-Code 3B and 8B", _STARCODER_FORMAT, frozenset({"llama", *_GRANITE}), names=(r"granite.*(code|3)",)),
    Family("Refact", _STARCODER_FORMAT, frozenset({"refact"}), tested_with="vocabulary"),
    Family("Stable-Code", _STARCODER_FORMAT, frozenset({"stablelm"})),
    Family(
        "Mellum",
        _format("spm", SUFFIX_FIRST, _STARCODER, _STARCODER_STOPS, "tokens", None, "<filename>"),
        frozenset({"llama"}),
        names=("mellum",),
        tokenizers=("mellum",),
    ),
    Family(
        "SantaCoder",
        _format("psm", PSM, ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"), ("<|endoftext|>", "<fim-pad>")),
        frozenset({"starcoder", "gpt2"}),
    ),
    Family(
        "DeepSeek-Coder",
        _format(
            "psm",
            PSM,
            ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
            ("<｜end▁of▁sentence｜>", "<|EOT|>"),
            "comments",
        ),
        frozenset({"llama", "deepseek", "deepseek2"}),
        tested_with="vocabulary",
    ),
    Family(
        # Trained on both orders in equal parts; with the suffix first, what is typed appends by nature.
        "CodeLlama 7B and 13B",
        _format("spm", SPM, ("▁<PRE>", "▁<SUF>", "▁<MID>"), ("▁<EOT>",)),
        frozenset({"llama"}),
        tested_with="vocabulary",
    ),
    Family(
        "Codestral",
        _format(
            "spm",
            ("SUF", "suffix", "PRE", "prefix"),
            ("[PREFIX]", "[SUFFIX]", None),
            ("</s>",),
            "comments",
            path_mark="+++++ ",
        ),
        frozenset({"llama"}),
        # Other models of Mistral have the tokens in their vocabulary and have never been trained on them.
        names=("codestral",),
    ),
    Family(
        "Seed-Coder",
        _format(
            "spm",
            SUFFIX_FIRST,
            ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
            ("<[end▁of▁sentence]>", "<[file_sep]>"),
            "tokens",
            None,
            "<[file_sep]>",
        ),
        frozenset({"llama"}),
    ),
    Family(
        "CodeGeeX4",
        _format(
            "spm",
            (*SUFFIX_FIRST, "<|assistant|>"),
            ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
            ("<|endoftext|>", "<|user|>"),
            "comments",
        ),
        frozenset({"chatglm"}),
    ),
)
"""Most specific first among families with the same tokens; the first is also the likeliest for a model nobody knows."""
