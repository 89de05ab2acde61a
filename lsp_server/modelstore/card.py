"""What the product must know of a model to ask it for a middle."""

from typing import Literal

import attrs


@attrs.frozen
class FimFormat:
    """How one family fills in the middle; every field is the text of a special token unless said otherwise.

    order: `spm` puts the suffix first and the prefix last, so that typing appends; `psm` the other way round.
    layout: the sequence of parts of the hole, e.g. ("PRE", "prefix", "SUF", "suffix", "MID") for PSM as Qwen has it or
    ("PRE", "SUF", "suffix", "MID", "prefix") for SPM; capitals are tokens, lower case is text.
    """

    order: Literal["spm", "psm"]
    layout: tuple[str, ...]
    prefix_token: str
    suffix_token: str
    middle_token: str | None
    repository: Literal["tokens", "comments", "none"]
    """How other files go before the hole: `repo_token NAME\\n file_token PATH\\n TEXT…`, as comments, or not at all."""
    repo_token: str | None
    file_token: str | None
    stop_tokens: tuple[str, ...]
    path_mark: str = "#"
    """What begins the line with a file's path where `repository` is "comments"."""


@attrs.frozen
class ModelCard:
    """A model that can complete. `prompt_format` is `codehearth.prompt_format` of the GGUF, for our own models."""

    name: str
    path: str
    fim: FimFormat
    prompt_format: int | None
    context_tokens: int
    """Longest prompt plus answer worth using: trained length, engine's room and the machine's speed considered."""
    characters_per_token: float
    prefill_rate: float
    decode_rate: float
    tested_with: Literal["own", "vocabulary", "synthetic"]
    """How this format was checked here: our own model, the family's true tokenizer, or a synthetic one."""
    prompt_tokens: int = attrs.field(default=attrs.Factory(lambda card: card.context_tokens, takes_self=True))
    """Longest prompt worth reading, however much more the context holds."""
    random_weights: bool = False
    """Whether it was made for measuring speed: what it says is noise."""
