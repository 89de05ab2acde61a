"""Which family a model belongs to, and in which order it fills in the middle."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import catalogue, facts
from lsp_server.modelstore.card import FimFormat
from lsp_server.modelstore.catalogue import FAMILIES, Ambiguous
from tests.unit.modelstore.ggufs import DEEPSEEK, QWEN, QWEN_HOLE, STARCODER, STARCODER2, write


def resolve(tmp_path: Path, **model: Any) -> FimFormat | Ambiguous:
    return catalogue.resolve(facts.read(write(tmp_path / "a.gguf", **model)))


CODELLAMA = ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>")
SEED = ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", "<[end▁of▁sentence]>", "<[file_sep]>")
CODEGEEX = ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>", "<|assistant|>", "<|user|>", "<|endoftext|>")


@pytest.mark.parametrize(
    ("model", "layout", "files"),
    [
        ({"architecture": "qwen2", "name": "Qwen2.5 Coder 1.5B", "special": QWEN}, "PRE p SUF s MID", "<|file_sep|>"),
        (
            {"architecture": "qwen3moe", "name": "Qwen3-Coder-30B-A3B", "special": QWEN},
            "PRE p SUF s MID",
            "<|file_sep|>",
        ),
        ({"architecture": "starcoder2", "special": STARCODER2}, "PRE p SUF s MID", "<file_sep>"),
        ({"architecture": "starcoder", "special": STARCODER}, "PRE p SUF s MID", "<filename>"),
        ({"architecture": "refact", "special": STARCODER}, "PRE p SUF s MID", "<filename>"),
        ({"architecture": "stablelm", "special": STARCODER}, "PRE p SUF s MID", "<filename>"),
        (
            {"architecture": "llama", "name": "Granite 8b Code Base", "special": STARCODER},
            "PRE p SUF s MID",
            "<filename>",
        ),
        ({"architecture": "llama", "name": "Mellum 4b Base", "special": STARCODER}, "SUF s PRE p MID", "<filename>"),
        (
            {"architecture": "llama", "name": "x", "special": STARCODER, "strings": {"tokenizer.ggml.pre": "mellum"}},
            "SUF s PRE p MID",
            "<filename>",
        ),
        (
            {"architecture": "starcoder", "special": ("<fim-prefix>", "<fim-suffix>", "<fim-middle>")},
            "PRE p SUF s MID",
            None,
        ),
        ({"architecture": "llama", "special": DEEPSEEK}, "PRE p SUF s MID", None),
        ({"architecture": "deepseek2", "special": DEEPSEEK}, "PRE p SUF s MID", None),
        ({"architecture": "llama", "special": ("</s>",), "normal": CODELLAMA}, "PRE SUF s MID p", None),
        (
            {"architecture": "gemma", "special": (*QWEN_HOLE, "<|file_separator|>")},
            "PRE p SUF s MID",
            "<|file_separator|>",
        ),
        ({"architecture": "granitehybrid", "special": (*QWEN_HOLE, "<|filename|>")}, "PRE p SUF s MID", "<|filename|>"),
        ({"name": "Codestral 22B v0.1", "special": ("[PREFIX]", "[SUFFIX]", "</s>")}, "SUF s PRE p", None),
        ({"architecture": "llama", "special": SEED}, "SUF s PRE p MID", "<[file_sep]>"),
        ({"architecture": "chatglm", "special": CODEGEEX}, "SUF s PRE p MID <|assistant|>", None),
    ],
)
def test_a_family_is_recognised_by_what_is_in_the_file(
    tmp_path: Path, model: dict[str, Any], layout: str, files: str | None
) -> None:
    """Tokens, architecture, pre-tokenizer and the name in the metadata give the family's layout and file token."""
    found = resolve(tmp_path, **model)
    assert isinstance(found, FimFormat)
    short = {"prefix": "p", "suffix": "s"}
    assert " ".join(short.get(part, part) for part in found.layout) == layout
    assert found.file_token == files


def test_starcoder_and_mellum_stay_ambiguous_without_a_known_name(tmp_path: Path) -> None:
    """The same names in a Llama model with an unknown name: both orders are candidates, and nothing is guessed."""
    found = resolve(tmp_path, architecture="llama", name="My Fine-tune", special=STARCODER)
    assert isinstance(found, Ambiguous)
    first, second = found.candidates
    assert (first.order, first.layout) == ("psm", catalogue.PSM)
    assert (second.order, second.layout) == ("spm", catalogue.SUFFIX_FIRST)


def test_a_file_called_mellum_proves_nothing(tmp_path: Path) -> None:
    """The name of the file is not evidence."""
    path = write(tmp_path / "mellum-4b.gguf", name="My Fine-tune", special=STARCODER)
    assert isinstance(catalogue.resolve(facts.read(path)), Ambiguous)


def test_a_chat_qwen_is_not_taken_for_a_coder(tmp_path: Path) -> None:
    """Every Qwen2.5 has the tokens; only the coders were trained on them, so the others are asked first."""
    assert isinstance(resolve(tmp_path, architecture="qwen2", name="Qwen2.5 7B Instruct", special=QWEN), Ambiguous)


@pytest.mark.parametrize(
    ("order", "layout"),
    [("spm", ("PRE", "SUF", "suffix", "MID", "prefix")), ("psm", ("PRE", "prefix", "SUF", "suffix", "MID"))],
)
def test_a_model_of_our_own_states_its_order(tmp_path: Path, order: str, layout: tuple[str, ...]) -> None:
    """`codehearth.fim.order` decides, with the layout our training uses."""
    found = resolve(tmp_path, special=QWEN, strings={catalogue.ORDER_KEY: order})
    assert isinstance(found, FimFormat)
    assert (found.order, found.layout, found.repository) == (order, layout, "tokens")


def test_a_stated_order_picks_the_family_with_that_layout(tmp_path: Path) -> None:
    """A Mellum under a name nobody knows becomes usable when its order is written into the file."""
    found = resolve(tmp_path, name="My Fine-tune", special=STARCODER, strings={catalogue.ORDER_KEY: "spm"})
    assert isinstance(found, FimFormat)
    assert found.layout == catalogue.SUFFIX_FIRST


def test_an_unknown_order_is_refused(tmp_path: Path) -> None:
    """A typing error in the metadata is told, not ignored."""
    with pytest.raises(ModelUnavailable, match="unknown fill-in-the-middle order `mps`"):
        resolve(tmp_path, strings={catalogue.ORDER_KEY: "mps"})


@pytest.mark.parametrize("version", [None, catalogue.PROMPT_FORMAT])
def test_our_models_are_accepted_with_this_format_or_none(tmp_path: Path, version: int | None) -> None:
    """The first models carry no version and are format 0."""
    numbers = {} if version is None else {catalogue.FORMAT_KEY: version}
    read = facts.read(write(tmp_path / "a.gguf", strings={catalogue.ORDER_KEY: "spm"}, numbers=numbers))
    assert isinstance(catalogue.resolve(read), FimFormat)
    assert catalogue.prompt_format(read) == (version or 0)
    assert catalogue.tested_with(read) == "own"


def test_a_model_of_another_prompt_format_is_refused(tmp_path: Path) -> None:
    """Model and product cannot drift apart: a newer format needs a newer product."""
    with pytest.raises(ModelUnavailable, match="trained on prompts of version 7") as raised:
        resolve(tmp_path, strings={catalogue.ORDER_KEY: "spm"}, numbers={catalogue.FORMAT_KEY: 7})
    assert "Update codehearth" in raised.value.next_step


def test_other_peoples_models_have_no_prompt_format(tmp_path: Path) -> None:
    """The version belongs to models of our own only."""
    assert catalogue.prompt_format(facts.read(write(tmp_path / "a.gguf", architecture="qwen2"))) is None


def test_a_model_of_random_weights_says_so(tmp_path: Path) -> None:
    """What it says is noise, and a benchmark has to know; nobody else's file says it."""
    read = facts.read(write(tmp_path / "a.gguf"))
    assert not catalogue.random_weights(read)
    said = attrs.evolve(read, metadata={**read.metadata, catalogue.RANDOM_KEY: "true"})
    assert catalogue.random_weights(said)


@pytest.mark.parametrize(
    ("numbers", "strings", "expected"),
    [
        ({catalogue.PROMPT_TOKENS_KEY: 1024}, {catalogue.ORDER_KEY: "spm"}, 1024),
        ({}, {catalogue.ORDER_KEY: "spm"}, None),
        ({catalogue.PROMPT_TOKENS_KEY: 0}, {catalogue.ORDER_KEY: "spm"}, None),
        ({}, {catalogue.ORDER_KEY: "spm", catalogue.PROMPT_TOKENS_KEY: "many"}, None),
        ({catalogue.PROMPT_TOKENS_KEY: 1024}, {}, None),
    ],
    ids=["stated", "absent", "zero", "no number", "not of our own"],
)
def test_a_model_of_our_own_says_how_long_a_prompt_is_worth_reading(
    tmp_path: Path, numbers: dict[str, int], strings: dict[str, str], expected: int | None
) -> None:
    """`codehearth.prompt_tokens`; what is no positive number says nothing and refuses nothing."""
    read = facts.read(write(tmp_path / "a.gguf", architecture="qwen2", strings=strings, numbers=numbers))
    assert catalogue.prompt_tokens(read) == expected


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"architecture": "gpt2", "name": "gpt-2", "special": ("<|endoftext|>",)}, "gpt-2 cannot fill in the middle"),
        (
            {"architecture": "phi3", "special": ("<|end|>",), "strings": {"tokenizer.chat_template": "{{ messages }}"}},
            "it is a chat model",
        ),
        ({"special": ("<fim_prefix>",)}, "no tokens for a prefix and a suffix"),
    ],
)
def test_a_model_without_the_tokens_is_refused_with_what_to_use(
    tmp_path: Path, model: dict[str, Any], why: str
) -> None:
    """General and chat models cannot complete; the sentence says so and the next step names models that can."""
    with pytest.raises(ModelUnavailable, match=why) as raised:
        resolve(tmp_path, **model)
    assert "Qwen2.5-Coder" in raised.value.next_step


def test_only_tokens_of_the_vocabulary_end_an_answer(tmp_path: Path) -> None:
    """The engine refuses a stop token that the model does not have."""
    found = resolve(tmp_path, architecture="qwen2", name="Qwen2.5-Coder", special=(*QWEN_HOLE, "<|endoftext|>"))
    assert isinstance(found, FimFormat)
    assert found.stop_tokens == ("<|endoftext|>",)
    assert (found.repository, found.repo_token, found.file_token) == ("comments", None, None)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_layout_names_the_tokens_it_uses(family: catalogue.Family) -> None:
    """A row of the catalogue holds each part of the hole once, and has a token for each it names."""
    fim = family.fim
    assert fim.layout.count("prefix") == fim.layout.count("suffix") == 1
    assert ("MID" in fim.layout) == (fim.middle_token is not None)
    suffix_first = fim.layout.index("suffix") < fim.layout.index("prefix")
    assert suffix_first == (fim.order == "spm")
