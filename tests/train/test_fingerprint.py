"""The fingerprint holds exactly what was drawn, is small, and names every repetition of 40 tokens."""

import gzip
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lsp_server.modelstore.provenance import FILE, Fingerprint
from models.train.__main__ import main
from models.train.stage import Workplace
from tests.train.artefacts import source, wheel


def corpus(place: Workplace, packages: Mapping[str, Mapping[str, str]], drawn: Mapping[str, list[str]]) -> None:
    """A finished corpus of such packages, and the list of files that were drawn from it."""
    folder = place.folder("corpus") / "packages"
    folder.mkdir(exist_ok=True)
    for name, files in packages.items():
        with gzip.open(folder / f"pypi-{name}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps({"path": path, "text": text}) + "\n" for path, text in files.items())
    listed = [{"kind": "pypi", "name": name, "version": "1.0", "licence": "MIT"} for name in packages]
    (place.root / "corpus" / "packages.json").write_text(json.dumps(listed))
    place.finish("corpus")
    with gzip.open(place.folder("pack") / "sources.jsonl.gz", "wt", encoding="utf-8") as out:
        for name, paths in drawn.items():
            out.writelines(json.dumps({"package": f"pypi-{name}", "path": path}) + "\n" for path in paths)
    place.finish("pack")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "work")


def made(place: Workplace, *options: str) -> Fingerprint:
    assert main(["fingerprint", "--work", str(place.root), *options]) == 0
    return Fingerprint.load(place.root / "fingerprint" / FILE)


def names(fingerprint: Fingerprint, text: str) -> list[str]:
    return [origin.name for origin in fingerprint.origins(text)]


def words(topic: str, first: int, count: int) -> str:
    return " ".join(f"{topic}{number}" for number in range(first, first + count))


def test_every_repetition_of_forty_tokens_is_named(place: Workplace) -> None:
    corpus(place, {"boats": {"a.py": words("boat", 0, 600)}}, {"boats": ["a.py"]})
    fingerprint = made(place)
    for start in range(560):
        text = f"{words('before', start, 17)}\n{words('boat', start, 40)}\n{words('after', start, 17)}"
        assert names(fingerprint, text) == ["boats"]


def test_fewer_than_twenty_tokens_are_no_repetition(place: Workplace) -> None:
    corpus(place, {"boats": {"a.py": words("boat", 0, 600)}}, {"boats": ["a.py"]})
    fingerprint = made(place)
    for start in range(0, 500, 19):
        assert names(fingerprint, f"{words('x', 0, 60)} {words('boat', start, 19)} {words('y', 0, 60)}") == []


def test_only_drawn_files_are_in_it(place: Workplace) -> None:
    corpus(place, {"boats": {"a.py": source("sail"), "b.py": source("oar")}}, {"boats": ["a.py"]})
    fingerprint = made(place)
    assert names(fingerprint, source("sail")) == ["boats"]
    assert names(fingerprint, source("oar")) == []


def test_a_text_of_two_packages_names_both_and_one_of_many_packages_none(place: Workplace) -> None:
    everybody = {f"lib{number}": {"a.py": source("licence")} for number in range(5)}
    packages = {"boats": {"a.py": source("sail")}, "ships": {"a.py": source("sail")}, **everybody}
    corpus(place, packages, {name: ["a.py"] for name in packages})
    fingerprint = made(place)
    assert names(fingerprint, source("sail")) == ["boats", "ships"]
    assert names(fingerprint, source("licence")) == []
    assert sorted(names(made(place, "--most-packages", "5"), source("licence"))) == sorted(everybody)


def test_other_text_is_rarely_named(place: Workplace) -> None:
    """33 bits: 4 of 10,000 kept hashes hit one of 2.7 million by chance, so of these few none does."""
    drawn = random.Random(0)
    corpus(place, {"boats": {"a.py": words("boat", 0, 9000)}}, {"boats": ["a.py"]})
    fingerprint = made(place)
    assert names(fingerprint, " ".join(f"other{drawn.randrange(10**6)}" for _ in range(20_000))) == []


def test_a_longer_window_finds_longer_repetitions_with_fewer_hashes(place: Workplace) -> None:
    corpus(place, {"boats": {"a.py": words("boat", 0, 3000)}}, {"boats": ["a.py"]})
    whole, sparse = made(place), made(place, "--window", "81")
    assert sparse.shortest == 100
    assert len(sparse.hashes) < len(whole.hashes) / 3
    assert all(names(sparse, words("boat", start, 100)) == ["boats"] for start in range(0, 2900, 13))


def test_the_share_of_held_out_text_that_is_named_is_measured(place: Workplace) -> None:
    """Half of the held-out text is a copy here."""
    corpus(place, {"boats": {"a.py": words("boat", 0, 600)}}, {"boats": ["a.py"]})
    held = {"held/a.py": words("boat", 0, 600), "held/b.py": words("other", 0, 600)}
    wheel(place.folder("corpus") / "artefacts" / "heldout", "held", "1.0", held)
    made(place)
    shares = json.loads((place.root / "fingerprint" / "receipt.json").read_text())["heldout_pieces_named"]
    assert set(shares) == {"40", "60", "100", "200"}
    assert all(0.45 < share < 0.55 for share in shares.values())


def test_equal_text_makes_equal_bytes(place: Workplace) -> None:
    corpus(place, {"boats": {"a.py": source("sail")}}, {"boats": ["a.py"]})
    made(place)
    first = (place.root / "fingerprint" / FILE).read_bytes()
    made(place)
    assert (place.root / "fingerprint" / FILE).read_bytes() == first


def test_it_is_copied_beside_the_model(place: Workplace, tmp_path: Path) -> None:
    corpus(place, {"boats": {"a.py": source("sail")}}, {"boats": ["a.py"]})
    made(place, "--into", str(tmp_path / "embedded"))
    assert (tmp_path / "embedded" / FILE).read_bytes() == (place.root / "fingerprint" / FILE).read_bytes()


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda root: (root / "pack" / "receipt.json").unlink(), "Stage `pack` has not been finished"),
        (lambda root: (root / "pack" / "sources.jsonl.gz").write_bytes(b"x"), "sources.jsonl.gz cannot be read"),
        (
            lambda root: (root / "corpus" / "packages.json").write_text("[]"),
            "has files of pypi-boats, which the corpus",
        ),
        (
            lambda root: (root / "corpus" / "packages" / "pypi-boats.jsonl.gz").write_bytes(gzip.compress(b"")),
            "has a.py of pypi-boats, which the corpus lacks",
        ),
    ],
)
def test_what_does_not_fit_the_training_stops_with_a_sentence(
    place: Workplace, capsys: pytest.CaptureFixture[str], break_it: Callable[[Path], object], sentence: str
) -> None:
    corpus(place, {"boats": {"a.py": source("sail")}}, {"boats": ["a.py"]})
    break_it(place.root)
    assert main(["fingerprint", "--work", str(place.root)]) == 1
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (place.root / "fingerprint" / "receipt.json").exists()


def test_too_large_a_fingerprint_stops_with_a_sentence(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    corpus(place, {"boats": {"a.py": source("sail")}}, {"boats": ["a.py"]})
    assert main(["fingerprint", "--work", str(place.root), "--megabytes", "0.0001"]) == 1
    assert "more than 0.0001 MB" in " ".join(capsys.readouterr().err.split())
    assert not (place.root / "fingerprint" / FILE).exists()
