"""Does the file say what the trained model says? Compares a GGUF, run by the product's own engine, with the answers
that PyTorch gave when it was written.

The answers are a small JSON file beside the model, so that a model trained on another machine is checked where it
arrives. Knows nothing of PyTorch; llama.cpp is loaded only by `verify`.
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

from lsp_server.engine.protocol import Segment
from lsp_server.errors import ModelUnavailable
from lsp_server.modelstore import store
from lsp_server.modelstore.card import FimFormat
from models.train.examples.rendering import FORMAT
from models.train.stage import TrainingError, console

BEST = 20
"""So many of the likeliest tokens are kept for each place."""

TOLERANCE: Mapping[str, float] = {"F32": 0.05, "F16": 0.05, "Q8_0": 0.15}
"""Nats by which the log probability of the file's own choice may be off, on average over the prompt: what rounding
explains. A wrong rotation, a transposed matrix or a missing norm costs whole nats."""

COARSE = 0.6
"""The same for quantisations of fewer bits."""

PROMPT = (
    Segment("<|repo_name|>", special=True),
    Segment("shop\n"),
    Segment("<|file_sep|>", special=True),
    Segment("shop/basket.py\n"),
    Segment("<|fim_prefix|>", special=True),
    Segment("<|fim_suffix|>", special=True),
    Segment("\n        return total\n\n    def clear(self) -> None:\n        self.items.clear()\n"),
    Segment("<|fim_middle|>", special=True),
    Segment(
        '"""What a customer is about to buy."""\n\nfrom collections.abc import Iterable\n\n\nclass Basket:\n'
        "    def __init__(self, items: Iterable[Item] = ()) -> None:\n        self.items = list(items)\n\n"
        "    def total(self) -> int:\n        total = 0\n        for item in self.items:\n            total += "
    ),
)
"""One hole in the product's own format."""

TEXTS = (
    "def f(x, y=1024):\n\treturn x**2 if y else None  # naïve\n",
    "    \n\n\n        self.assertEqual(response.status_code, 200)\r\n",
    "it's 'quoted' \"text\" they'll THEY'LL   keep…  日本語 été 🙂\n",
    "0x1F 3.14159 1_000_000 a1b2c3 CamelCaseName snake_case_name __dunder__ @decorator(…)",
    "const f = async (x) => `${x}`; // <|not_a_token|> \\n \t\t end  ",
)
"""Texts on which pre-tokenizers differ: digits, contractions, runs of white space, other scripts."""


@attrs.frozen
class Expected:
    """What PyTorch and the tokenizer say.

    prompt: the tokens of `PROMPT`. answers: for each of them the likeliest next tokens and their log probabilities,
    the likeliest first. texts: tokens of each of `TEXTS`.
    """

    prompt: tuple[int, ...]
    answers: tuple[tuple[tuple[int, float], ...], ...]
    texts: tuple[tuple[int, ...], ...]

    def as_json(self) -> dict[str, Any]:
        return dict(cattrs.unstructure(self))


@attrs.frozen
class Agreement:
    """How near the file comes. same: share of places with the same likeliest token. off: mean difference in nats."""

    same: float
    off: float

    def __str__(self) -> str:
        return f"the same next token at {self.same:.0%} of the places, {self.off:.4f} nats apart"


def expected_file(model: Path) -> Path:
    """Where the answers for a model lie."""
    return model.with_name(f"{model.name}.expected.json")


def read(path: Path) -> Expected:
    """Raises TrainingError when the file is missing or damaged."""
    try:
        return cattrs.structure(json.loads(path.read_text(encoding="utf-8")), Expected)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, cattrs.BaseValidationError) as error:
        raise TrainingError(
            f"The recorded answers {path.name} cannot be read.", "Run `python -m models.train export` again."
        ) from error


def can_verify() -> bool:
    """Whether llama.cpp is installed; on a training machine it need not be."""
    return importlib.util.find_spec("llama_cpp") is not None


def verify(model: Path, expected: Expected, quantisation: str) -> Agreement:
    """Runs the file and compares. Raises TrainingError when it does not load, reads text as other tokens, is not used
    by the product in the format it was trained in, or answers differently than rounding explains."""
    again = "The file was not released. Report this: exporting and llama.cpp no longer fit together."
    _check_format(model, again)
    agreement = _compare(model, expected, again)
    tolerance = TOLERANCE.get(quantisation, COARSE)
    if not agreement.off <= tolerance:
        raise TrainingError(
            f"{model.name} does not answer as the trained model does: {agreement}, and at most {tolerance} nats are "
            "explained by rounding.",
            again,
        )
    console.print(f"{model.name} answers as the trained model does: {agreement}.", highlight=False)
    return agreement


def _check_format(model: Path, again: str) -> None:
    try:
        fim = store.check(model).fim
    except ModelUnavailable as error:
        raise TrainingError(f"The product refuses the file: {error.sentence}", again) from error
    names = (
        "order",
        "layout",
        "prefix_token",
        "suffix_token",
        "middle_token",
        "repository",
        "repo_token",
        "file_token",
    )
    if not isinstance(fim, FimFormat) or any(getattr(fim, name) != getattr(FORMAT, name) for name in names):
        raise TrainingError(f"The product would not ask {model.name} in the format it was trained in.", again)


def _compare(path: Path, expected: Expected, again: str) -> Agreement:
    from lsp_server.engine import llama

    try:
        model = llama.Model(str(path), gpu_layers=0)
    except llama.LoadFailure as error:
        raise TrainingError(f"llama.cpp does not load {path.name}: {error}.", again) from error
    try:
        assert model.vocabulary is not None
        found = [model.vocabulary.tokens(PROMPT), *(model.vocabulary.tokens([Segment(text)]) for text in TEXTS)]
        for tokens, wanted in zip(found, (expected.prompt, *expected.texts), strict=True):
            if tuple(tokens) != wanted:
                raise TrainingError(f"llama.cpp reads a text as other tokens than {path.name} was trained on.", again)
        context = llama.Context(model, tokens=512, sequences=1, threads=1)
        try:
            same, off = 0, 0.0
            for position, (token, answers) in enumerate(zip(expected.prompt, expected.answers, strict=True)):
                context.evaluate(0, [token], position)
                best, probability = context.greedy()
                same += best == answers[0][0]
                # What is not among the likeliest has at most the probability of the last of them.
                off += abs(probability - dict(answers).get(best, answers[-1][1]))
        finally:
            context.close()
    finally:
        model.close()
    return Agreement(same / len(expected.prompt), off / len(expected.prompt))
