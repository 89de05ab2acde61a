"""A piece of the repository that goes into a prompt, with the reason a person is shown."""

from typing import Literal

import attrs

Source = Literal["outline", "definition", "similar", "recent"]


@attrs.frozen
class Snippet:
    """Text of one file for the prompt. `lines` are the first and last line in that file, counted from 0, or None for
    text that is not a run of lines, such as an outline of signatures."""

    path: str
    text: str
    source: Source
    reason: str
    """For a person, e.g. "defines Cart, imported here"; at most 80 characters, no source text but names."""
    lines: tuple[int, int] | None
    score: float
