"""Filters for what is not code at all: tokens of the prompt's own format, broken characters, the question repeated."""

import re

from lsp_server.completion.situation import Quiet, Situation

_DEBRIS = re.compile(
    r"<\|[a-z_▁]+\|>"  # Qwen, StarCoder 2, GPT-NeoX: <|fim_middle|>, <|endoftext|>
    r"|<｜[^｜\n]{1,40}｜>"  # DeepSeek writes its tokens with full-width bars
    r"|</?(?:fim|file|repo|gh|jupyter|issue|commit)_[a-z_]+>"  # StarCoder, Granite, SantaCoder
    r"|<(?:PRE|SUF|MID|EOT|EOM|EOS)>|\[(?:PREFIX|SUFFIX|MIDDLE)\]"  # CodeLlama, Codestral
    r"|<(?:start|end)_of_turn>|<(?:eos|bos|pad|unk)>"  # Gemma
    r"|</s>\s*\Z"  # also a tag of HTML, so only where it ends the answer
    r"|<[|｜]?(?:fim[a-z_]*|end[a-z]*)?\|?\Z"  # any of them, cut off by the token limit
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffd]")
_FENCE = re.compile(r"\A\s*```[\w+-]*\n|^[ \t]*```", re.MULTILINE)
_FENCED_LANGUAGES = frozenset({"markdown", "restructuredtext", "mdx", "plaintext", "latex"})
_WORD = re.compile(r"[A-Za-z_]\w{2,}\Z")
_ECHO_LEAST = 4
"""Characters of the typed line that an answer must begin with to be taken for its repetition."""


def special_tokens(text: str, situation: Situation) -> str | Quiet:
    """Ends the text at the first token that belongs to a prompt format; a wrong template produces nothing else."""
    found = _DEBRIS.search(text)
    if found is not None and found.end() == len(text) and found.group() == "<" and len(text) > 1:
        found = None  # an ordinary comparison
    return text if found is None else text[: found.start()]


def code_fences(text: str, situation: Situation) -> str | Quiet:
    """Takes the code out of a Markdown fence, which models trained to chat put around it."""
    if situation.place.language in _FENCED_LANGUAGES or situation.around.kind != "code":
        return text
    opening = _FENCE.match(text)
    if opening is not None and opening.group().endswith("\n"):
        text = text[opening.end() :]
    closing = _FENCE.search(text)
    return text if closing is None else text[: closing.start()]


def broken_characters(text: str, situation: Situation) -> str | Quiet:
    """Ends the text at the first control or replacement character; line ends become `\\n` for the filters below."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = _CONTROL.search(text)
    return text if found is None else text[: found.start()]


def typed_again(text: str, situation: Situation) -> str | Quiet:
    """Drops the typed line, or the typed beginning of a word, where the answer says it again (neovim#36529)."""
    before = situation.place.before
    line, answer = before.strip(), text.lstrip(" \t")
    if len(line) >= _ECHO_LEAST and answer.startswith(line):
        rest = answer[len(line) :]
        return rest if rest.strip() else Quiet("duplicate", "The answer repeats what was typed.")
    word = _WORD.search(before)
    if situation.around.kind == "code" and word is not None and text.startswith(word.group()):
        rest = text[len(word.group()) :]
        return rest if rest.strip() else Quiet("duplicate", "The answer repeats what was typed.")
    return text
