"""Batches: every example once per epoch, rows of one length, weights that mark the answer."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models.train.network.batches import Batch, Part, Plan, batches, cut, padded
from models.train.stage import TrainingError
from tests.train.packed import examples, workplace, write

PLAN = Plan(batch_tokens=128, buckets=(16, 32, 64))


def _part(tmp_path: Path, count: int = 40) -> Part:
    write(tmp_path / "part.npz", examples(count))
    return Part.read(tmp_path / "part.npz")


def _rows(batch: Batch) -> list[tuple[int, ...]]:
    return [tuple(row[weights > 0].tolist()) for row, weights in zip(batch.targets, batch.weights, strict=True)]


def test_every_example_comes_once(tmp_path: Path) -> None:
    """The rows of one pass over a part are its examples, no more and no less."""
    part = _part(tmp_path)
    found = sorted(row for batch in cut(part, PLAN, np.random.default_rng(0)) for row in _rows(batch))
    assert found == sorted(tuple(tokens[1:]) for tokens, _ in examples(40))


def test_a_batch_keeps_its_budget(tmp_path: Path) -> None:
    """Rows times length stays within the batch's tokens."""
    part = _part(tmp_path)
    assert all(batch.tokens.size <= PLAN.batch_tokens for batch in cut(part, PLAN, np.random.default_rng(0)))


def test_the_answer_is_weighted_from_its_first_token(tmp_path: Path) -> None:
    """The weight begins at the position that predicts the middle's first token."""
    part = _part(tmp_path)
    batch = padded(part, np.array([0]), 64, answer_weight=3.0)
    tokens, middle = examples(40)[0]
    assert batch.weights[0, : middle - 1].tolist() == [1.0] * (middle - 1)
    assert batch.weights[0, middle - 1 : len(tokens) - 1].tolist() == [3.0] * (len(tokens) - middle)
    assert batch.weights[0, len(tokens) - 1 :].sum() == 0
    assert batch.targets[0, middle - 1] == tokens[middle]


def test_too_long_an_example_loses_its_beginning(tmp_path: Path) -> None:
    """The end of an example holds the answer, so the beginning goes."""
    part = _part(tmp_path)
    number = max(range(40), key=lambda each: len(examples(40)[each][0]))
    batch = padded(part, np.array([number]), 8, answer_weight=1.0)
    assert batch.targets[0].tolist() == examples(40)[number][0][-8:]


def test_the_order_is_repeatable(tmp_path: Path) -> None:
    """A resumed run skips as many batches as it had read and finds the same next one."""
    place = workplace(tmp_path, parts=2)
    first, again = (list(itertools.islice(batches(place, PLAN, seed=1), 30)) for _ in range(2))
    assert all(np.array_equal(one.tokens, other.tokens) for one, other in zip(first, again, strict=True))


def test_following_reads_parts_as_they_come(tmp_path: Path) -> None:
    """Training beside packing goes over what is there, again and again, until there is more."""
    place = workplace(tmp_path, parts=1, count=4, finished=False)
    source = batches(place, PLAN, seed=0, follow=True)
    first = {tuple(tokens[1:]) for tokens, _ in examples(4, 0)}
    seen = [row for batch in itertools.islice(source, 9) for row in _rows(batch)]
    assert set(seen) == first
    assert len(seen) > 4
    write(place.folder("pack") / "train-0001.npz", examples(4, 1))
    later = {row for batch in itertools.islice(source, 9) for row in _rows(batch)}
    assert later & {tuple(tokens[1:]) for tokens, _ in examples(4, 1)}


def test_following_waits_for_the_first_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training may start before packing has made anything."""
    place = workplace(tmp_path, parts=0, finished=False)

    def packed(seconds: float) -> None:
        write(place.folder("pack") / "train-0000.npz", examples(4, 0))

    monkeypatch.setattr("models.train.network.batches.time", SimpleNamespace(sleep=packed))
    assert next(batches(place, PLAN, seed=0, follow=True)).tokens_read > 0


def test_finished_parts_are_mixed(tmp_path: Path) -> None:
    """What is read first comes from every part, not from the packages of one."""
    place = workplace(tmp_path, parts=3)
    of_part = [{tuple(tokens[1:]) for tokens, _ in examples(64, number)} for number in range(3)]
    first = {row for batch in itertools.islice(batches(place, PLAN, seed=0), 12) for row in _rows(batch)}
    assert all(first & part for part in of_part)


def test_an_unfinished_pack_is_named(tmp_path: Path) -> None:
    """Without `--follow` training does not start on half a corpus."""
    with pytest.raises(TrainingError, match="`pack` has not been finished"):
        list(batches(workplace(tmp_path, finished=False), PLAN, seed=0))


def test_an_empty_pack_is_named(tmp_path: Path) -> None:
    """No parts are a sentence, not an endless loop."""
    with pytest.raises(TrainingError, match="No examples"):
        list(batches(workplace(tmp_path, parts=0), PLAN, seed=0))


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    """A part that was cut off says which and what to do."""
    path = tmp_path / "train-0000.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(TrainingError, match=r"train-0000\.npz is damaged"):
        Part.read(path)
