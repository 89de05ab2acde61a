"""Asking a model in which order it fills in the middle. The models here are functions that know one layout."""

import attrs
import pytest

from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import catalogue, selftest
from lsp_server.modelstore.card import FimFormat
from lsp_server.modelstore.selftest import QUESTIONS, Part, hole

TOKENS = {"prefix_token": "<fim_prefix>", "suffix_token": "<fim_suffix>", "middle_token": "<fim_middle>"}
PSM = FimFormat(
    order="psm", layout=catalogue.PSM, repository="none", repo_token=None, file_token=None, stop_tokens=(), **TOKENS
)
SPM = attrs.evolve(PSM, order="spm", layout=catalogue.SUFFIX_FIRST)


class Model:
    """Answers holes of the formats it knows, as far as it is clever, and rambles otherwise."""

    def __init__(self, *knows: FimFormat, clever: int = len(QUESTIONS), after: str = "") -> None:
        self.asked = 0
        self._answers = {
            hole(fim, question.prefix, question.suffix): question.middle + after
            for fim in knows
            for question in QUESTIONS[:clever]
        }

    async def __call__(self, parts: tuple[Part, ...], max_tokens: int, stop_tokens: tuple[str, ...]) -> str:
        self.asked += 1
        return self._answers.get(parts, "\n    return self.something_else(")


@pytest.mark.parametrize("knows", [PSM, SPM], ids=["psm", "spm"])
@pytest.mark.parametrize("candidates", [(PSM, SPM), (SPM, PSM)])
async def test_the_order_that_the_model_knows_is_found(knows: FimFormat, candidates: tuple[FimFormat, ...]) -> None:
    """Whichever candidate comes first, the answers decide."""
    assert await selftest.decide("m", candidates, Model(knows)) == knows


async def test_the_likelier_order_is_kept_when_both_work() -> None:
    """CodeLlama knows both: the catalogue's first choice stands."""
    assert await selftest.decide("m", (SPM, PSM), Model(SPM, PSM)) == SPM


async def test_an_answer_may_go_on_with_a_new_line() -> None:
    """Base models rarely stop by themselves after a line."""
    assert await selftest.decide("m", (PSM, SPM), Model(SPM, after="\n\nprint(1)\n")) == SPM


async def test_a_model_that_answers_nothing_is_refused() -> None:
    """OpenCoder has StarCoder's tokens and was never trained on them: it must not be used to complete."""
    with pytest.raises(ModelUnavailable, match="OpenCoder has tokens for filling in the middle but does not do it"):
        await selftest.decide("OpenCoder", (PSM, SPM), Model())


async def test_luck_is_not_enough() -> None:
    """One right answer less than needed refuses the model; as many as needed accept it."""
    with pytest.raises(ModelUnavailable):
        await selftest.decide("m", (PSM, SPM), Model(PSM, clever=selftest.ENOUGH - 1))
    assert await selftest.decide("m", (PSM, SPM), Model(PSM, clever=selftest.ENOUGH)) == PSM


def test_a_hole_is_laid_out_as_its_format_says() -> None:
    """Tokens are special parts, code is text, and empty code is no part at all."""
    assert hole(SPM, "a =", "\n") == (
        Part("<fim_suffix>", True),
        Part("\n", False),
        Part("<fim_prefix>", True),
        Part("a =", False),
        Part("<fim_middle>", True),
    )
    assert [part.text for part in hole(PSM, "a", "")] == ["<fim_prefix>", "a", "<fim_suffix>", "<fim_middle>"]


def test_a_layout_may_name_a_token_by_its_text() -> None:
    """CodeGeeX4 ends its hole with the assistant's token."""
    fim = attrs.evolve(SPM, layout=(*catalogue.SUFFIX_FIRST, "<|assistant|>"))
    assert hole(fim, "a", "b")[-1] == Part("<|assistant|>", True)
