"""The question and the answer of one inline completion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from lsp_server.context.snippet import Snippet
from lsp_server.documents.document import Document
from lsp_server.settings import Settings
from lsp_server.text import Span


@attrs.frozen
class Query:
    """One request, taken before the first await. `popup` is the editor's selected completion item, if any."""

    document: Document
    offset: int
    settings: Settings
    folder: Path | None
    """The workspace folder that holds the document, or None."""
    automatic: bool
    popup: str | None = None
    repository: str = ""
    """Name of the repository for the prompt; the folder's own name is used where it is empty."""


@attrs.frozen
class Completion:
    """Text to insert at `span`, which is empty and stands at the cursor in the portable answer shape."""

    text: str
    span: Span
    from_cache: bool


Silence = Literal[
    "disabled", "paused", "language", "secret", "too_large", "binary", "position", "comment", "no_model", "engine",
    "superseded", "empty", "duplicate", "unsure", "broken", "deadline", "selected",
]  # fmt: skip
"""Why nothing is shown; `SENTENCES` in `completion/ledger.py` has a sentence for each."""


@attrs.frozen
class Explanation:
    """What one answer was built from: for `codehearth/why`, the demo and the benchmark. Milliseconds, and tokens."""

    mode: Literal["none", "line", "block"]
    snippets: tuple[Snippet, ...]
    from_cache: bool
    reanchored: str | None
    """Why the prompt was begun anew, e.g. "first request", "edit elsewhere"; None when it was appended to."""
    reused: int
    evaluated: int
    generated: int
    milliseconds: Mapping[str, float]
    """Per hop: trigger, cache, debounce, tree, context, continuations, prompt, queue, prefill, decode, postprocess,
    total."""
    logprob: float | None
    """Mean natural log-probability per generated token."""
    silence: Silence | None
    detail: str
    """A sentence for a person where `silence` alone does not say it; never source text."""
    also_at: str | None = None
    """Where in the repository the answer stands already, as PATH:LINE from 1; None where the model wrote it anew."""
    like_at: str | None = None
    """Where it stands but for some names."""


@attrs.frozen
class Answer:
    """Items to show (none means nothing here), or `superseded`, which the protocol answers with null."""

    items: tuple[Completion, ...]
    superseded: bool
    explanation: Explanation
