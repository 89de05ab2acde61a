"""Choosing places in real code and judging what was suggested there."""

from pathlib import Path

import pytest

from lsp_server.evaluate import places

CODE = '''\
"""A module."""

import os


def area(width, height):
    if width < 0:
        raise ValueError("negative width")
    return compute_area(width, height)


def compute_area(width, height):
    product = width * height
    return product
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "shapes.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "other.py").write_text(CODE.replace("area", "volume"), encoding="utf-8")
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")
    return tmp_path


def test_the_truth_fits_its_hole(package: Path) -> None:
    """Putting the truth back gives the file again, for every kind of place."""
    found = places.choose(package, seed=1, count=8)
    assert {place.kind for place in found} == {"line", "arguments", "body"}
    for place in found:
        whole = place.text[: place.offset] + place.truth + place.text[place.offset :]
        assert whole == place.path.read_text(encoding="utf-8")


def test_the_same_seed_chooses_the_same_places(package: Path) -> None:
    assert places.choose(package, 7, 5) == places.choose(package, 7, 5)
    assert places.choose(package, 7, 5) != places.choose(package, 8, 5)


def test_the_rest_of_a_line_is_worth_completing(package: Path) -> None:
    for seed in range(20):
        for place in places.choose(package, seed, 5):
            if place.kind == "line":
                assert len(place.truth) >= places.LEAST_REST
                assert place.text[place.offset] == "\n"


def test_places_spread_over_files(package: Path) -> None:
    assert {place.path.name for place in places.choose(package, 3, 2)} == {"shapes.py", "other.py"}


def test_no_code_gives_no_places(tmp_path: Path) -> None:
    assert places.choose(tmp_path, 1, 10) == []


@pytest.mark.parametrize(
    ("shown", "truth", "expected"),
    [
        ("width, height", "width, height", "hit"),
        ("return x  ", "return x", "hit"),
        ("width", "width, height", "start"),
        ("a = 1\nb = 3", "a = 1\nb = 2", "start"),
        ("width, depth", "width, height", "miss"),
        ("a = 1\nb = 3", "a = 1", "miss"),
        (None, "x", "nothing"),
        ("  \n", "x", "nothing"),
    ],
)
def test_verdicts(shown: str | None, truth: str, expected: str) -> None:
    assert places.verdict(shown, truth) == expected
