"""How long a prompt may be, and what fits into memory."""

from pathlib import Path

import attrs
import pytest

from lsp_server.modelstore import budget, facts
from lsp_server.modelstore.facts import GgufFacts
from tests.unit.modelstore.ggufs import write


@pytest.mark.parametrize(
    ("trained", "rate", "room", "expected"),
    [
        (32_768, 5_000.0, 8_192, 2_000),  # a small GPU: what it reads in 400 ms
        (512, 3_800.0, 2_048, 512),  # never more than it was trained on
        (32_768, 50_000.0, 4_096, 4_096),  # never more than the engine holds
        (32_768, 50.0, 4_096, budget.LEAST_TOKENS),  # a slow machine waits rather than guesses
        (128, 50.0, 4_096, 128),
        (0, 5_000.0, 4_096, 2_000),  # unknown training length
        (2_048, 0.0, 0, 0),
    ],
)
def test_the_budget_follows_the_machine(trained: int, rate: float, room: int, expected: int) -> None:
    """What the machine evaluates in 400 ms, within training and room, and not uselessly short."""
    assert budget.context_budget(trained, rate, room) == expected


@pytest.mark.parametrize(
    ("context", "worth", "expected"),
    [
        (2_048, None, 2_048),
        (2_048, 1_024, 1_024),
        (768, 1_024, 768),  # a slower machine reads less
        (2_048, 1, budget.LEAST_TOKENS),
        (128, 1, 128),
    ],
)
def test_a_model_may_shorten_its_prompts(context: int, worth: int | None, expected: int) -> None:
    """What it says is worth reading is an upper bound: it raises nothing, and leaves room for a useful prompt."""
    assert budget.prompt_budget(context, worth) == expected


@pytest.fixture
def seven_b(tmp_path: Path) -> GgufFacts:
    """Qwen2.5-Coder-7B Q4_K_M by its figures: 28 layers, 28 heads, 4 KV heads of 128."""
    prefix = "qwen2"
    metadata = {
        f"{prefix}.block_count": "28",
        f"{prefix}.embedding_length": "3584",
        f"{prefix}.attention.head_count": "28",
        f"{prefix}.attention.head_count_kv": "4",
    }
    small = facts.read(write(tmp_path / "a.gguf"))
    return attrs.evolve(
        small,
        architecture="qwen2",
        metadata=metadata,
        file_bytes=4_680_000_000,
        trained_context=32_768,
        vocabulary_size=152_064,
    )


def test_the_cache_of_a_known_model_has_its_known_size(seven_b: GgufFacts) -> None:
    """57 kB per token in 16 bits and 30 kB in 8, as published for this model."""
    assert budget.kv_bytes_per_token(seven_b) == 57_344
    assert budget.kv_bytes_per_token(seven_b, "q8_0") == 30_464


def test_seven_billion_fit_an_eight_gigabyte_card_with_the_narrow_cache(seven_b: GgufFacts) -> None:
    """With 6.2 GB free there is room for 16k tokens in 8 bits, not in 16."""
    fit = budget.memory_fit(seven_b, 6_200_000_000, context_tokens=8_192, sequences=2)
    assert (fit.fits, fit.cache, fit.context_tokens) == (True, "q8_0", 16_384)
    assert fit.needed <= fit.free


def test_memory_that_is_nearly_full_shortens_the_context(seven_b: GgufFacts) -> None:
    """Less memory means fewer tokens before it means no."""
    fit = budget.memory_fit(seven_b, 5_500_000_000)
    assert fit.fits
    assert budget.LEAST_TOKENS <= fit.context_tokens < 16_384
    assert fit.needed <= fit.free


def test_a_model_larger_than_the_memory_does_not_fit(seven_b: GgufFacts) -> None:
    """What does not fit says how much it would need."""
    fit = budget.memory_fit(seven_b, 4_000_000_000)
    assert not fit.fits
    assert fit.context_tokens == 0
    assert fit.needed > 4_680_000_000


def test_plenty_of_memory_gives_the_wide_cache(seven_b: GgufFacts) -> None:
    """Where 16 bits fit, nothing is saved."""
    assert budget.memory_fit(seven_b, 24_000_000_000).cache == "f16"


def test_an_unknown_cache_size_is_absent(tmp_path: Path) -> None:
    """An encoder's metadata does not say, and nothing is invented."""
    unknown = attrs.evolve(facts.read(write(tmp_path / "a.gguf")), metadata={})
    assert budget.kv_bytes_per_token(unknown) is None
