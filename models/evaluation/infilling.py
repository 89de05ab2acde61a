"""HumanEval-infilling, random spans, light: 164 holes in small programs, judged by running the programs' own tests."""

import gzip
import json
from pathlib import Path

import attrs

from lsp_server.completion import prompt
from lsp_server.completion.prompt import Parts
from lsp_server.engine.protocol import GenerateRequest
from models.evaluation import execution
from models.evaluation.engine import MeasuredModel

DATA = Path(__file__).parent / "data" / "human-eval-infilling" / "HumanEval-RandomSpanInfillingLight.jsonl.gz"


@attrs.frozen
class Item:
    task: str
    before: str
    truth: str
    after: str
    test: str
    entry_point: str


@attrs.frozen
class Score:
    passes: bool
    exact: bool


def items(path: Path = DATA) -> list[Item]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_item(json.loads(line)) for line in lines]


def answer(model: MeasuredModel, item: Item) -> str:
    """The hole of a file that stands alone, greedy, to the model's own end: no stop and no post-processing of ours."""
    parts = Parts("", "", (), "", item.before, item.after, "")
    request = GenerateRequest(
        lane="infilling",
        segments=prompt.render(model.card, parts),
        max_tokens=prompt.answer_tokens(model.card),
        stop_tokens=model.card.fim.stop_tokens,
        heal=True,
    )
    return model.write(request).text


def score(item: Item, said: str) -> Score:
    """pass@1 of one greedy answer, and whether it is the canonical one, white space around it not counted."""
    program = f"{item.before}{said}{item.after}\n{item.test}\ncheck({item.entry_point})\n"
    return Score(execution.passes(program), said.strip() == item.truth.strip())


def _item(raw: dict[str, str]) -> Item:
    return Item(
        task=raw["task_id"],
        before=raw["prompt"],
        truth=raw["canonical_solution"],
        after=raw["suffix"],
        test=raw["test"],
        entry_point=raw["entry_point"],
    )
