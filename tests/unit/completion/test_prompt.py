"""Prompts in each family's own format, shown on golden pages, and the division of a prompt's room."""

import attrs
import pytest

from lsp_server.completion import prompt
from lsp_server.completion.prompt import Parts
from lsp_server.context.gather import cost
from lsp_server.context.snippet import Snippet
from lsp_server.engine.protocol import Segment
from lsp_server.modelstore.card import FimFormat, ModelCard
from lsp_server.modelstore.catalogue import FAMILIES, SPM
from tests.house import Golden, goldens, inserted

QWEN = next(family.fim for family in FAMILIES if family.name.startswith("Qwen2.5"))
OWN = attrs.evolve(QWEN, order="spm", layout=SPM)
"""A model of our own: Qwen's tokens, suffix first."""


def card(fim: FimFormat, tokens: int = 2048) -> ModelCard:
    return ModelCard("test", "test.gguf", fim, None, tokens, 3.0, 1000.0, 100.0, "synthetic")


def fim_of(name: str) -> FimFormat:
    return OWN if name == "own" else next(family.fim for family in FAMILIES if family.name.startswith(name))


def page_parts(page: Golden) -> Parts:
    """`├…┤` is what was typed since the anchor; blocks of kind `snippet` and `header` are what their names say."""
    source = page.source()
    text, offset, typed = inserted(source.text)
    snippets = tuple(
        Snippet(block.options["path"], block.text, "similar", "", None, 0.0)
        for block in page.blocks
        if block.kind == "snippet"
    )
    header = "".join(block.text for block in page.blocks if block.kind == "header")
    repository = source.options.get("repository", "")
    return Parts(repository, source.options["path"], snippets, header, text[:offset], text[offset:], typed)


def shown(segments: tuple[Segment, ...]) -> str:
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("page", goldens("prompt"), ids=lambda page: page.path.stem)
def test_golden(page: Golden, update: bool) -> None:
    """Each page shows the prompt of one family."""
    fim = fim_of(page.source().options["model"])
    page.check(shown(prompt.render(card(fim), page_parts(page))), update=update)


PARTS = Parts("repo", "a.py", (), "", "def f():\n    return ", "\n\nf()\n", "")


def test_tokens_in_source_code_stay_text() -> None:
    """Only the format's own marks are special, whatever the file contains."""
    parts = attrs.evolve(PARTS, prefix="mark = '<|fim_middle|>'\n")
    segments = prompt.render(card(OWN), parts)
    assert [part.text for part in segments if part.special] == [
        "<|repo_name|>",
        "<|file_sep|>",
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
    ]


def test_a_lone_file_has_no_head() -> None:
    """Outside every workspace there is no repository to name."""
    segments = prompt.render(card(OWN), attrs.evolve(PARTS, repository=""))
    assert shown(segments).startswith("<|fim_prefix|>")


def test_typed_text_goes_behind_the_hole_in_psm_order() -> None:
    """What was typed since the anchor is forced text after the middle token."""
    segments = prompt.render(card(QWEN), attrs.evolve(PARTS, typed="x + "))
    assert segments[-2:] == (Segment("<|fim_middle|>", True), Segment("x + "))


def test_typed_text_continues_the_prefix_in_spm_order() -> None:
    """Prefix and typed text are one segment, so that they are tokenised as one."""
    segments = prompt.render(card(OWN), attrs.evolve(PARTS, typed="x + "))
    assert segments[-1] == Segment("def f():\n    return x + ")


def test_line_ends_become_plain() -> None:
    """A CRLF file looks to the model like any other."""
    segments = prompt.render(card(OWN), attrs.evolve(PARTS, prefix="a = 1\r\n", suffix="\r\nb = 2\r\n"))
    assert "\r" not in shown(segments)


def test_secrets_stay_out() -> None:
    """A token assigned to a secret name is blanked, in the file itself too."""
    parts = attrs.evolve(PARTS, prefix='API_KEY = "abcd1234efgh5678ijkl"\n')
    text = shown(prompt.render(card(OWN), parts))
    assert "abcd1234" not in text
    assert 'API_KEY = "…"\n' in text


@pytest.mark.parametrize("tokens", [256, 512, 2048, 16_384])
def test_the_budget_is_kept(tokens: int) -> None:
    """All parts at their largest, and the answer, fit into the context."""
    model = card(OWN, tokens)
    budget = prompt.budget(model, 0.35)
    snippet = Snippet("p", "x" * max(0, budget.snippets - 9), "similar", "", None, 0.0)
    prefix = budget.prefix(cost(snippet), budget.suffix)
    parts = Parts(
        "repository", "path/of/a/file.py", (snippet,), "h" * budget.header, "x" * prefix, "y" * budget.suffix, ""
    )
    segments = prompt.render(model, parts)
    texts = sum(len(part.text) for part in segments if not part.special) / model.characters_per_token
    assert texts + sum(part.special for part in segments) + budget.answer_tokens <= tokens
    assert prefix >= budget.total * 0.3


def test_a_prompt_is_no_longer_than_worth_reading() -> None:
    """Where a model says so the prompt shrinks; the answer keeps its room."""
    whole, short = prompt.budget(card(OWN), 0.35), prompt.budget(attrs.evolve(card(OWN), prompt_tokens=512), 0.35)
    assert short.total <= 512 * 3.0 < whole.total
    assert short.answer_tokens == whole.answer_tokens


def test_no_room_for_snippets_where_the_format_has_none() -> None:
    """A family without repository context keeps all its room for the file."""
    assert prompt.budget(card(fim_of("CodeLlama")), 0.35).snippets == 0


@pytest.mark.parametrize("fim", [OWN, QWEN], ids=["spm", "psm"])
@pytest.mark.parametrize("cut", [8, 14, 20, 30, 40])
def test_a_secret_across_a_border_is_blanked(fim: FimFormat, cut: int) -> None:
    """Wherever the cursor stands in it, and whatever of it was typed since the anchor."""
    line = 'api_key = "9f8e7d6c5b4a39281706f5e4"'
    parts = Parts("", "a.py", (), "", line[:8], line[cut:] + "\n", line[8:cut])
    text = shown(prompt.render(card(fim), parts))
    assert not any(value in text for value in ("9f8", "4a3", "5e4"))
    assert "…" in text
