"""Renders one prompt in a model's own fill-in-the-middle format, and divides its room. Pure text in, segments out.

Never asks the engine, the index or the clock: equal parts give byte-equal segments, which is what lets the engine
reuse what it has already read.

The parts, from the slowest to the fastest to change:

    repository, snippets, path    the head, in the model's repository tokens (or comment lines, or left out)
    header, prefix                the file above the cursor, as far as it fits
    suffix                        the file below the cursor, frozen with the burst
    typed                         what was typed since the anchor: the end of the prefix in SPM order, behind the
                                  whole hole in PSM order
"""

import attrs

from lsp_server.context.secrets import redacted_parts
from lsp_server.context.snippet import Snippet
from lsp_server.engine.protocol import Segment
from lsp_server.modelstore.card import FimFormat, ModelCard

SAFETY = 0.9
"""Share of the context that is planned for: characters per token is an average and dense code has fewer."""

HEAD_TOKENS = 24
"""Special tokens, the repository's name and the file's own path."""

SUFFIX_SHARE = 0.2
HEADER_SHARE = 0.1

LEAST_PREFIX = 600
"""Characters, about 15 lines, that the file itself keeps above the cursor before related code gets any room."""


@attrs.frozen
class Budget:
    """Room for each part, in characters, but for `answer_tokens`."""

    total: int
    snippets: int
    header: int
    suffix: int
    answer_tokens: int

    def prefix(self, snippets: int, suffix: int) -> int:
        """Room for prefix and typed text once the other parts have taken what they take."""
        return self.total - snippets - self.header - suffix


@attrs.frozen
class Parts:
    """What goes into one prompt. `repository` is empty for files outside every workspace folder."""

    repository: str
    path: str
    snippets: tuple[Snippet, ...]
    header: str
    prefix: str
    suffix: str
    typed: str


def budget(card: ModelCard, share: float, *, scale: float = 1.0) -> Budget:
    """Divides a prompt's room; `share` is the setting for related code.

    `scale` below 1 makes everything smaller, for text so dense that the prompt did not fit.
    """
    answer = answer_tokens(card)
    tokens = min(card.context_tokens - answer, card.prompt_tokens)
    total = int((tokens - HEAD_TOKENS) * card.characters_per_token * SAFETY * scale)
    header, suffix = int(total * HEADER_SHARE), int(total * SUFFIX_SHARE)
    spare = max(0, total - header - suffix - LEAST_PREFIX)
    snippets = min(int(total * share), spare) if card.fim.repository != "none" else 0
    return Budget(total, snippets, header, suffix, answer)


def answer_tokens(card: ModelCard) -> int:
    """Tokens kept free for the answer: a sixth of the context, and never more than a long block needs."""
    return min(max(card.context_tokens // 6, 32), 320)


def render(card: ModelCard, parts: Parts) -> tuple[Segment, ...]:
    """The prompt. Line ends become `\\n`, which models know best; strings that look like secrets are blanked."""
    fim = card.fim
    # Together, because a secret may begin before the cursor and end after it.
    file = (parts.header, parts.prefix, parts.typed, parts.suffix)
    header, prefix, typed, suffix = redacted_parts([text.replace("\r\n", "\n") for text in file])
    prefix = header + prefix
    if fim.order == "spm":
        prefix, typed = prefix + typed, ""
    if fim.repository == "comments":
        prefix = _comment_head(fim, parts) + prefix
    slots = {
        "PRE": Segment(fim.prefix_token, special=True),
        "SUF": Segment(fim.suffix_token, special=True),
        "MID": Segment(fim.middle_token or "", special=True),
        "prefix": Segment(prefix),
        "suffix": Segment(suffix),
    }
    # A layout may name further special tokens by their own text (CodeGeeX4 ends with one).
    hole = [slots.get(name) or Segment(name, special=True) for name in fim.layout]
    segments = [*_token_head(fim, parts), *hole, Segment(typed)]
    return tuple(segment for segment in segments if segment.text)


def _token_head(fim: FimFormat, parts: Parts) -> list[Segment]:
    """`REPO NAME\\n (FILE PATH\\n TEXT\\n)* FILE PATH\\n`; nothing for a file that stands alone."""
    if fim.repository != "tokens" or fim.file_token is None or not (parts.repository or parts.snippets):
        return []
    head: list[Segment] = []
    if fim.repo_token is not None and parts.repository:
        head += [Segment(fim.repo_token, special=True), Segment(f"{parts.repository}\n")]
    for snippet in parts.snippets:
        head += [Segment(fim.file_token, special=True), Segment(f"{snippet.path}\n{_body(snippet)}")]
    return [*head, Segment(fim.file_token, special=True), Segment(f"{parts.path}\n")]


def _comment_head(fim: FimFormat, parts: Parts) -> str:
    """Other files as plain text below a line with their path, as DeepSeek-Coder has read whole repositories."""
    if not parts.snippets:
        return ""
    mark = fim.path_mark
    blocks = "".join(f"{mark}{snippet.path}\n{_body(snippet)}\n" for snippet in parts.snippets)
    return f"{blocks}{mark}{parts.path}\n"


def _body(snippet: Snippet) -> str:
    return snippet.text.rstrip("\n") + "\n"
