"""CrossCodeEval: finish a statement whose line names something of another file. Scored as its authors score it.

The answer ends at the first line end at which prompt and answer together parse; comments are taken out; EM compares
stripped lines, ES is `fuzz.ratio` of both, identifiers are words that are no keywords, outside strings: EM of their
list, F1 of their set. Reimplemented from `scripts/eval_metric.py` and `eval_utils.py` of amazon-science/cceval.
"""

import gzip
import json
import keyword
import re
from collections.abc import Sequence
from pathlib import Path

import attrs
from rapidfuzz import fuzz

from lsp_server.completion import prompt
from lsp_server.completion.prompt import Parts
from lsp_server.context.gather import cost
from lsp_server.context.snippet import Snippet
from lsp_server.engine.protocol import GenerateRequest
from lsp_server.modelstore.card import ModelCard
from lsp_server.settings import ContextSettings
from lsp_server.syntax import grammars
from lsp_server.syntax.languages import by_name
from models.evaluation.engine import MeasuredModel

DATA = Path(__file__).parent / "data" / "crosscodeeval" / "python-100.jsonl.gz"

MOST_TOKENS = 50
"""As in the paper."""

_STRING = re.compile(r'"([^"\\]*(\\.[^"\\]*)*)"|\'([^\'\\]*(\\.[^\'\\]*)*)\'')
_NAME = re.compile("[_a-zA-Z][_a-zA-Z0-9]*")
_KEYWORDS = frozenset(keyword.kwlist) - {"True", "False"}


@attrs.frozen
class Item:
    task: str
    repository: str
    path: str
    before: str
    truth: str
    after: str
    related: tuple[tuple[str, str], ...]
    """(path, text) of the retrieved code, best first."""


@attrs.frozen
class Condition:
    """suffix: the text after the cursor is in the prompt (else the model continues the prefix from left to right, as
    in the paper). retrieved: so is the authors' retrieved code."""

    suffix: bool
    retrieved: bool

    @property
    def name(self) -> str:
        side = "prefix and suffix" if self.suffix else "prefix only"
        return f"{side}, {'retrieved code' if self.retrieved else 'in-file'}"


CONDITIONS = tuple(Condition(suffix, retrieved) for suffix in (False, True) for retrieved in (False, True))


@attrs.frozen
class Score:
    """em, id_em: right or not. es: 0 to 100. id_f1: 0 to 1."""

    em: bool
    es: float
    id_em: bool
    id_f1: float


def items(path: Path = DATA) -> list[Item]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_item(json.loads(line)) for line in lines]


def answer(model: MeasuredModel, item: Item, condition: Condition) -> str:
    """At most 50 tokens, greedy, without the product's stops and post-processing."""
    segments = prompt.render(_card(model.card, condition), parts(model.card, item, condition))
    stop = model.card.fim.stop_tokens
    request = GenerateRequest("cceval", segments, MOST_TOKENS, stop_tokens=stop, heal=True)
    return model.write(request).text


def parts(card: ModelCard, item: Item, condition: Condition) -> Parts:
    """The prompt's parts in the product's own division of room."""
    budget = prompt.budget(card, ContextSettings().share)
    snippets = _snippets(item, budget.snippets) if condition.retrieved else ()
    suffix = item.after[: budget.suffix] if condition.suffix else ""
    if len(item.after) > len(suffix) and "\n" in suffix:
        suffix = suffix[: suffix.rfind("\n") + 1]
    room = budget.total - sum(cost(snippet) for snippet in snippets) - len(suffix)
    prefix = item.before
    if len(prefix) > room:
        start = prefix.find("\n", len(prefix) - room)
        prefix = prefix[start + 1 :] if start >= 0 else prefix[-room:]
    return Parts(item.repository, item.path, snippets, "", prefix, suffix, "")


def score(item: Item, said: str) -> Score:
    said = _without_comments(statement(item.before, said))
    truth = _without_comments(item.truth)
    said_names, true_names = names(said), names(truth)
    both = len(set(said_names) & set(true_names))
    all_names = len(set(said_names)) + len(set(true_names))
    return Score(
        em=_lines(said) == _lines(truth),
        es=float(round(fuzz.ratio(said.strip(), truth.strip()))),  # rounded by the library that the authors used
        id_em=said_names == true_names,
        id_f1=2 * both / all_names if all_names else 0.0,
    )


def statement(before: str, said: str) -> str:
    """The answer up to the first line end at which all of it parses, whole where there is none."""
    for end in (found.start() for found in re.finditer("\n", said)):
        if end and _parses(before + said[:end]):
            return said[:end].rstrip()
    return said


def names(code: str) -> list[str]:
    return [word for word in re.findall(r"\w+", _STRING.sub("", code)) if _NAME.match(word) and word not in _KEYWORDS]


def _item(raw: dict[str, object]) -> Item:
    metadata, related = raw["metadata"], raw["crossfile_context"]
    assert isinstance(metadata, dict)
    assert isinstance(related, dict)
    chunks = sorted(related["list"], key=lambda chunk: -chunk["score"])
    return Item(
        task=str(metadata["task_id"]),
        repository=str(metadata["repository"]),
        path=str(metadata["file"]),
        before=str(raw["prompt"]),
        truth=str(raw["groundtruth"]),
        after=str(raw["right_context"]),
        related=tuple((chunk["filename"], chunk["retrieved_chunk"]) for chunk in chunks),
    )


def _card(card: ModelCard, condition: Condition) -> ModelCard:
    if condition.suffix:
        return card
    return attrs.evolve(card, fim=attrs.evolve(card.fim, order="spm", layout=("prefix",)))


def _snippets(item: Item, room: int) -> tuple[Snippet, ...]:
    """The best first until the room is full; the last one in the prompt is the best, as the authors put it nearest."""
    chosen: list[Snippet] = []
    for path, text in item.related:
        snippet = Snippet(path, text, "similar", "retrieved", None, 0.0)
        if cost(snippet) > room:
            cut = text.rfind("\n", 0, max(0, room - len(path) - 8))
            snippet = attrs.evolve(snippet, text=text[: max(cut, 0)])
        if snippet.text.strip():
            room -= cost(snippet)
            chosen.append(snippet)
    return tuple(reversed(chosen))


def _without_comments(code: str) -> str:
    return re.sub(r"//.*", "", re.sub(r"#.*", "", code))


def _lines(code: str) -> Sequence[str]:
    return [line.strip() for line in code.split("\n") if line.strip()]


def _parses(code: str) -> bool:
    python = by_name("python")
    assert python is not None
    root = grammars.parse_bytes(python, code.encode()).root_node
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR":
            return False
        waiting += node.children
    return True
