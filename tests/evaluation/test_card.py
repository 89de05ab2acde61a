"""The block of figures in a model's card."""

from pathlib import Path

import pytest

pytest.importorskip("rapidfuzz")

from models.evaluation import card, figures
from models.evaluation.asking import ARMS
from models.evaluation.baselines import BASELINES
from models.evaluation.crosscode import CONDITIONS
from models.evaluation.holes import KINDS
from models.train.stage import TrainingError


def answer(kind: str, arm: str, number: int, right: bool) -> dict[str, object]:
    model = arm in ARMS
    return {
        "key": f"{kind}{number}",
        "package": f"package{number % 2}",
        "kind": kind,
        "position": "dot",
        "inserts": True,
        "exact": right,
        "exact_inserted": right,
        "similarity": 100.0 if right else 20.0,
        "identifier": right,
        "parses": True,
        "text": "x",
        "arm": arm,
        **(
            {"shown": right, "ended": True, "stop": True, "loss": 3.0, "bytes": 10, "in_prompt": right} if model else {}
        ),
    }


@pytest.fixture
def summed() -> dict[str, object]:
    """Context has everything right, the file alone half of it, the rest nothing."""
    rights = {"context": lambda number: True, "file": lambda number: number % 2 == 0}
    answers = [
        answer(kind, arm, number, rights.get(arm, lambda number: False)(number))
        for kind in KINDS
        for arm in (*ARMS, *BASELINES)
        for number in range(8)
    ]
    rate = {"prefill": 1000.0, "decode": 200.0}
    return {
        "model": {"file": "m.gguf", "sha256": "0" * 64},
        "settings": {"packages": {"shelf": "1.0"}, "holes": 24, "prompt_tokens": 1024},
        "machine": {"processor": "a processor"},
        "seconds": 60.0,
        "speed": {"engine": rate, "llama_bench": rate},
        **figures.summed(
            {
                "holes": [each for each in answers if each["arm"] in ARMS],
                "baselines": [each for each in answers if each["arm"] in BASELINES],
                "check": [{"check": "truth survives", "items": 24, "right": 24}],
                "crosscode": [
                    {
                        "task": "t",
                        "repository": "r",
                        "condition": number,
                        "em": True,
                        "es": 90.0,
                        "id_em": True,
                        "id_f1": 1.0,
                    }
                    for number in range(len(CONDITIONS))
                ],
                "infilling": [{"task": "t", "passes": True, "exact": False}],
            }
        ),
    }


def test_arms_are_compared_on_the_same_holes(
    summed: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]],
) -> None:
    found = summed["holes"]["line"]["differences"]["context - file"]
    assert found["exact"]["value"] == 50.0  # type: ignore[index]
    assert (found["exact"]["only_first"], found["exact"]["only_second"]) == (4, 0)  # type: ignore[index]


def test_the_block_replaces_what_stood_between_the_markers(tmp_path: Path, summed: dict[str, object]) -> None:
    path = tmp_path / "CARD.md"
    path.write_text(f"# Card\n\n{card.BEGIN}\nold\n{card.END}\n\n## Limits\n", encoding="utf-8")
    card.rewrite(path, summed)
    card.rewrite(path, summed)
    text = path.read_text(encoding="utf-8")
    assert "old" not in text
    assert text.startswith("# Card\n")
    assert text.endswith("\n\n## Limits\n")
    assert text.count(card.BEGIN) == 1
    assert "| rest of a line (8) | with repository context | 100.0 (67.6 … 100.0) |" in text
    assert "+50.0 (+0.0 … +100.0) | 4 / 0 | 0.125" in text
    assert "| codehearth's engine | 1,000 | 200 |" in text


def test_a_card_without_markers_is_left_alone(tmp_path: Path, summed: dict[str, object]) -> None:
    path = tmp_path / "CARD.md"
    path.write_text("# Card\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="no place for the figures"):
        card.rewrite(path, summed)
    assert path.read_text(encoding="utf-8") == "# Card\n"
