"""How the likelihood of what a repository says itself is measured, and its weights are found."""

import attrs
import pytest

from lsp_server.context.continuations import Attested
from lsp_server.context.likelihood import WEIGHTS
from lsp_server.engine.protocol import Continuation
from models.evaluation.calibrate_continuations import (
    Asked,
    by_match,
    compared,
    crossed,
    fitted,
    reliability,
    weights,
)
from models.train.stage import TrainingError


def found(probability: float, **features: float) -> Attested:
    row = tuple(features.get(name, 0.0) for name in WEIGHTS)
    return Attested(Continuation("x\n", probability), "a.py", 0, features=row)


def asked(package: str, *told: Attested, right: int | None, way: str = "line") -> Asked:
    return Asked(package, way, 0, told, right, 0.001)


def test_the_longest_match_is_the_first_that_is_not_behind() -> None:
    assert by_match(asked("a", found(0.6, behind=-1.0), found(0.3, behind=0.0), right=1))
    assert not by_match(asked("b", right=None))


def test_the_longest_of_equal_matches_is_the_first_by_its_text() -> None:
    """Not the one that the product thinks likeliest, which would compare it with itself."""
    later, first = (attrs.evolve(found(0.5), continuation=Continuation(text, 0.5)) for text in ("z\n", "a\n"))
    assert by_match(asked("a", later, first, right=1))


def test_weights_are_found() -> None:
    """Where the same sign is right everywhere, all lines are."""
    lines = [asked(str(number), found(0.5), found(0.5, next_line=1.0), right=1) for number in range(20)]
    lines += [asked(str(number), found(0.5), right=None) for number in range(20)]
    assert list(crossed(lines, "1")) == [True] * 20 + [False] * 20
    assert fitted(lines)[0].weights[list(WEIGHTS).index("next_line")] > 1


def test_weights_are_judged_on_packages_that_they_were_not_found_on() -> None:
    """Where the sign is right everywhere but in one package, it is wrong there."""
    told = found(0.5), found(0.5, next_line=1.0)
    lines = [asked(str(number), *told, right=1) for number in range(4)]
    lines += [asked("other", *told, right=0)] * 50
    assert list(crossed(lines, "1"))[4:] == [False] * 50


def test_one_package_is_too_few() -> None:
    with pytest.raises(TrainingError, match="one"):
        list(crossed([asked("a", found(0.5), right=0)], "1"))


def test_ways_of_opening_are_told_apart() -> None:
    told = [found(0.5, behind=0.0), found(0.5, behind=-1.0, next_line=1.0)]
    lines = [asked(str(number), *told, right=1) for number in range(8)]
    lines += [asked("none", right=None, way="block, being written")]
    rows = compared(lines, "1").splitlines()
    assert rows[1].split() == ["line", "8", "0.0", "%", "100.0", "%"]
    assert rows[2].split() == ["block,", "being", "written", "1", "0.0", "%", "0.0", "%"]


def test_reliability_has_a_row_for_each_band() -> None:
    rows = reliability([asked("a", found(0.96), found(0.01), right=0)]).splitlines()
    assert rows[1].split() == ["from", "0", "1", "0.0", "%"]
    assert rows[-1].split() == ["from", "0.95", "1", "100.0", "%"]


def test_each_situation_has_weights_of_its_own() -> None:
    told = found(0.5, next_line=1.0), found(0.5)
    lines = [asked("a", *told, right=0), attrs.evolve(asked("a", *told, right=1), situation=2)]
    inside, block = (fitted(lines * 9)[situation].weights[list(WEIGHTS).index("next_line")] for situation in (0, 2))
    assert inside > 1
    assert block < -1


def test_weights_are_told_by_name() -> None:
    told = weights(fitted([asked("a", found(0.5, match=0.5), right=0)]))
    assert all(f'"{name}": (' in told for name in WEIGHTS)
