"""The stage from a manifest to the corpus, on small packages that lie in a folder."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from models.train.__main__ import main
from models.train.packages import licences
from models.train.packages.heldout import is_held, read_heldout, read_pinned
from models.train.packages.manifest import Entry, read_manifest, write_manifest
from models.train.packages.stdlib import digest_of_library
from models.train.stages import corpus
from tests.train.artefacts import debian_source, entry, npm_tarball, source, wheel

HELD = "pypi harbour\nstdlib json\nany lighthouse\n"


class Place:
    """A workplace with a manifest, a list of held-out names and artefacts that are already fetched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.artefacts = self.work / "corpus" / "artefacts"
        self.packages = self.work / "corpus" / "packages"
        self.entries: list[Entry] = []
        (root / "evaluation").mkdir()
        (root / "heldout.txt").write_text(HELD)
        held = wheel(self.artefacts / "heldout", "harbour", "3.0", {"harbour/pier.py": source("harbour", 40)})
        write_manifest(root / "heldout.jsonl", [entry("pypi", "harbour", "3.0", held)])

    def add(self, name: str, files: dict[str, str], licence: str = "MIT", stated: str | None = None) -> Entry:
        made = entry("pypi", name, "1.0", wheel(self.artefacts, name, "1.0", files, stated or licence), licence)
        self.entries.append(made)
        return made

    def run(self, *options: str) -> int:
        write_manifest(self.root / "manifest.jsonl", self.entries)
        names = {"manifest": "manifest.jsonl", "heldout": "heldout.txt", "exclude": "evaluation"}
        given = [part for name, file in names.items() for part in (f"--{name}", str(self.root / file))]
        return main(["corpus", "--work", str(self.work), "--jobs", "1", *given, *options])

    def texts(self, name: str) -> dict[str, str]:
        with gzip.open(self.packages / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            return {file["path"]: file["text"] for file in map(json.loads, lines)}

    def described(self) -> dict[str, dict[str, Any]]:
        listed = json.loads((self.work / "corpus" / "packages.json").read_text())
        return {package["name"]: package for package in listed}

    @property
    def receipt(self) -> Path:
        return self.work / "corpus" / "receipt.json"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What the stage printed, in one line."""
    return lambda: re.sub(r"\s+", " ", capsys.readouterr().err)


def test_a_corpus_has_the_files_and_their_description(place: Place) -> None:
    place.add("boats", {"boats/sail.py": source("sail"), "boats/oar.py": source("oar"), "boats/x_pb2.py": source("x")})
    assert place.run() == 0
    assert place.texts("pypi-boats") == {"boats/sail.py": source("sail"), "boats/oar.py": source("oar")}
    assert place.described()["boats"] == {
        "kind": "pypi",
        "name": "boats",
        "version": "1.0",
        "licence": "MIT",
        "language": "python",
        "files": 2,
        "characters": len(source("sail")) + len(source("oar")),
        "split": "train",
    }
    receipt = json.loads(place.receipt.read_text())
    assert receipt["files_seen"] == {"kept": 2, "generated": 1}


def test_what_is_held_out_by_name_is_not_in_the_corpus(place: Place) -> None:
    place.add("harbour", {"harbour/crane.py": source("crane")})
    place.add("lighthouse", {"lighthouse/lamp.py": source("lamp")})
    place.add("boats", {"boats/sail.py": source("sail"), "harbour/copy.py": source("copy")})
    assert place.run() == 0
    assert list(place.described()) == ["boats"]
    assert list(place.texts("pypi-boats")) == ["boats/sail.py"]


@pytest.mark.parametrize(
    ("kind", "name", "held"),
    [
        ("pypi", "Harbour", True),
        ("npm", "harbour", False),
        ("debian", "python-harbour", True),
        ("debian", "rust-lighthouse", True),
        ("npm", "@sea/lighthouse", True),
        ("debian", "rust-json", False),
        ("debian", "harbour", False),
    ],
)
def test_a_package_is_held_out_under_every_name_it_has(place: Place, kind: str, name: str, held: bool) -> None:
    assert is_held(Entry(kind, name, "1"), read_heldout(place.root / "heldout.txt")) == held


def test_worker_processes_make_the_same_corpus(place: Place) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run("--jobs", "2") == 0
    assert place.texts("pypi-boats") == {"boats/sail.py": source("sail")}


def test_what_shares_text_with_held_out_or_evaluation_data_is_not_in_the_corpus(place: Place) -> None:
    (place.root / "evaluation" / "items.json").write_text(json.dumps([source("puzzle", 40)]))
    copied = source("other") + "\n".join(source("harbour", 40).split("\n")[20:50])
    solved = source("another") + "\n".join(source("puzzle", 40).split("\n")[20:50])
    place.add("boats", {"boats/sail.py": source("sail"), "boats/copied.py": copied, "boats/solved.py": solved})
    assert place.run() == 0
    assert list(place.texts("pypi-boats")) == ["boats/sail.py"]
    assert json.loads(place.receipt.read_text())["files_seen"]["overlap"] == 2


def test_the_standard_library_leaves_out_its_held_out_modules(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    for inside in ("shelve.py", "json/decoder.py", "site-packages/boats.py"):
        (library / inside).parent.mkdir(parents=True, exist_ok=True)
        (library / inside).write_text(source(inside.split("/")[-1].removesuffix(".py")))
    shelf = Entry("stdlib", "python", "3.11.0", "PSF-2.0")
    monkeypatch.setattr("models.train.packages.stdlib.standard_library", lambda: (shelf, library))
    place.entries = [attrs.evolve(shelf, sha256=digest_of_library(shelf, library))]
    assert place.run() == 0
    assert list(place.texts("stdlib-python")) == ["shelve.py"]


def test_the_same_text_is_learnt_once(place: Place) -> None:
    sail = source("sail", 30)
    place.add("aboats", {"boats/sail.py": sail})
    place.add("bboats", {"boats/sail.py": sail.replace("    ", "  "), "boats/near.py": sail + "\nVERSION = 2\n"})
    place.add("cboats", {"boats/sail.py": source("mast")})
    assert place.run() == 0
    assert sorted(place.described()) == ["aboats", "cboats"]
    assert json.loads(place.receipt.read_text())["files_left_out"] == {
        "exact duplicates": 1,
        "near duplicates": 1,
        "over the cap": 0,
    }


def test_no_package_has_more_than_its_cap_and_a_quarter_of_it_tests(place: Place) -> None:
    files = {f"boats/part{number}.py": source(f"part{number}") for number in range(10)}
    files |= {f"tests/test_part{number}.py": source(f"check{number}") for number in range(10)}
    place.add("boats", files)
    size = len(source("part0"))
    assert place.run("--cap", str(8.9 * size / 1e6)) == 0
    paths = list(place.texts("pypi-boats"))
    assert 7 <= len(paths) <= 8
    assert sum(path.startswith("tests/") for path in paths) <= 2


def test_the_order_of_packages_is_drawn_by_the_seed(place: Place) -> None:
    for number in range(8):
        place.add(f"boats{number}", {f"boats{number}.py": source(f"boats{number}")})
    assert place.run() == 0
    first = list(place.described())
    assert place.run() == 0
    assert list(place.described()) == first
    assert place.run("--seed", "1") == 0
    assert list(place.described()) != first


def test_what_an_interrupted_run_had_finished_is_not_done_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run() == 0
    candidates = place.work / "corpus" / "candidates" / "pypi-boats.npz"
    before = candidates.stat().st_mtime_ns
    monkeypatch.setattr(corpus, "choose", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    place.add("trees", {"trees/oak.py": source("oak")})
    assert place.run() == 130
    assert not place.receipt.exists()
    monkeypatch.undo()
    assert place.run() == 0
    assert candidates.stat().st_mtime_ns == before
    assert sorted(place.described()) == ["boats", "trees"]


def test_a_package_that_left_the_manifest_leaves_the_corpus(place: Place) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    place.add("trees", {"trees/oak.py": source("oak")})
    assert place.run() == 0
    place.entries.pop()
    assert place.run() == 0
    assert [path.name for path in place.packages.iterdir()] == ["pypi-boats.jsonl.gz"]


def test_a_licence_that_is_not_the_manifest_s_stops_with_a_sentence(place: Place, said: Callable[[], str]) -> None:
    place.add("boats", {"boats/sail.py": source("sail")}, licence="MIT", stated="GPL-3.0-or-later")
    assert place.run() == 1
    assert "The manifest says that pypi boats 1.0 is under MIT, and the package says GPL-3.0-or-later." in said()
    assert not place.receipt.exists()


def test_a_licence_outside_the_list_stops_with_a_sentence(place: Place, said: Callable[[], str]) -> None:
    place.add("boats", {"boats/sail.py": source("sail")}, licence="MPL-2.0")
    assert place.run() == 1
    assert "pypi boats 1.0 is under MPL-2.0, which is not among the licences to learn from." in said()


def test_missing_evaluation_data_stops_with_a_sentence(place: Place, said: Callable[[], str]) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run("--exclude", str(place.root / "nowhere")) == 1
    assert "There is no evaluation data at" in said()


def test_a_held_out_package_without_a_version_stops_with_a_sentence(place: Place, said: Callable[[], str]) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    (place.root / "heldout.txt").write_text(HELD + "pypi buoy\n")
    assert place.run() == 1
    assert "heldout.jsonl has no version of pypi buoy" in said()


def test_another_python_stops_with_a_sentence(place: Place, said: Callable[[], str]) -> None:
    place.entries = [Entry("stdlib", "python", "3.4.0", "PSF-2.0", "00")]
    assert place.run() == 1
    assert "The manifest names the standard library of Python 3.4.0" in said()


def test_a_full_disk_stops_with_a_sentence_and_no_receipt(
    place: Place, said: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run() == 0

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", str(place.packages / "pypi-boats.jsonl.gz"))

    monkeypatch.setattr(corpus, "write", full)
    assert place.run() == 1
    assert "pypi-boats.jsonl.gz cannot be written: No space left on device." in said()
    assert not place.receipt.exists()
    assert (place.artefacts / "boats-1.0-py3-none-any.whl").exists()


def test_npm_and_debian_packages_join_the_corpus(place: Place) -> None:
    files = {
        "src/sail.ts": source("sail", 30),
        "harbour/deck.js": source("deck"),
        "dist/sail.js": source("dist"),
        "index.d.ts": source("types"),
    }
    npm = npm_tarball(place.artefacts, "@harbour/boats", "1.0.0", files)
    rules = "Format: https://example.invalid/\n\nFiles: *\nLicense: Expat\n\nFiles: gpl/* oar?.c\nLicense: GPL-2+\n"
    files = {"sail.c": source("mast"), "gpl/deep/x.c": source("gpl"), "oar1.c": source("oar"), "doc.md": source("doc")}
    debian = debian_source(place.artefacts, "boats", "1.0", files, rules)
    place.entries = [entry("npm", "@harbour/boats", "1.0.0", npm), entry("debian", "boats", "1.0-1", debian)]
    assert place.run() == 0
    assert list(place.texts("npm-harbour-boats")) == ["harbour/deck.js", "src/sail.ts"]
    assert list(place.texts("debian-boats")) == ["sail.c"]
    assert {name: package["language"] for name, package in place.described().items()} == {
        "@harbour/boats": "typescript",
        "boats": "c",
    }


def test_pinning_writes_versions_licences_and_hashes(place: Place, said: Callable[[], str]) -> None:
    kept = place.add("boats", {"boats/sail.py": source("sail")})
    place.add("trees", {"trees/oak.py": source("oak")}, licence="GPL-3.0")
    (place.root / "names.txt").write_text("# ours\npypi boats==1.0\npypi trees==1.0\npypi harbour==3.0\n")
    assert place.run("--pin", str(place.root / "names.txt")) == 0
    assert read_manifest(place.root / "manifest.jsonl") == [kept]
    assert [held.name for held in read_manifest(place.root / "heldout.jsonl")] == ["harbour"]
    assert "Left out: trees is under GPL-3.0." in said()


def test_pinning_finds_the_version_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    index = place.root / "index"
    wheel(index, "boats", "1.9", {"boats.py": source("sail")})
    wheel(index, "boats", "1.10", {"boats.py": source("sail")})
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    (place.root / "names.txt").write_text("pypi boats\npypi nothing-of-the-kind\n")
    assert place.run("--pin", str(place.root / "names.txt")) == 0
    assert [found.version for found in read_manifest(place.root / "manifest.jsonl")] == ["1.10"]


def test_a_line_that_names_no_package_is_told(place: Place, said: Callable[[], str]) -> None:
    (place.root / "names.txt").write_text("boats\n")
    assert place.run("--pin", str(place.root / "names.txt")) == 1
    assert "`boats` in names.txt names no package." in said()


def test_a_bundle_unpacks_to_the_same_corpus(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.train.corpus.bundle.write.__defaults__", (400,))
    for number in range(5):
        place.add(f"boats{number}", {f"boats{number}.py": source(f"boats{number}")})
    assert place.run() == 0
    assert place.run("--bundle", str(place.root / "bundle")) == 0
    parts = sorted((place.root / "bundle").glob("corpus.tar.xz.*"))
    assert len(parts) > 2
    assert all(part.stat().st_size <= 400 for part in parts)
    other = Path(f"{place.work}-elsewhere")
    assert main(["corpus", "--work", str(other), "--unbundle", str(place.root / "bundle")]) == 0
    for name in ("receipt.json", "packages.json"):
        assert (other / "corpus" / name).read_text() == (place.work / "corpus" / name).read_text()
    for path in place.packages.iterdir():
        copied = other / "corpus" / "packages" / path.name
        assert gzip.decompress(copied.read_bytes()) == gzip.decompress(path.read_bytes())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda part: part.unlink(), "lacks its part corpus.tar.xz.00"),
        (lambda part: part.write_bytes(part.read_bytes()[:-1]), "corpus.tar.xz.00 is not the one that was written"),
        (lambda part: part.with_name("bundle.json").unlink(), "There is no complete bundle"),
    ],
)
def test_an_incomplete_bundle_stops_with_a_sentence(
    place: Place, said: Callable[[], str], change: Callable[[Path], object], sentence: str
) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run() == 0
    assert place.run("--bundle", str(place.root / "bundle")) == 0
    change(place.root / "bundle" / "corpus.tar.xz.00")
    other = Path(f"{place.work}-elsewhere")
    assert main(["corpus", "--work", str(other), "--unbundle", str(place.root / "bundle")]) == 1
    assert sentence in said()
    assert not (other / "corpus" / "receipt.json").exists()


def test_only_a_finished_corpus_is_bundled(place: Place, said: Callable[[], str]) -> None:
    assert place.run("--bundle", str(place.root / "bundle")) == 1
    assert "Stage `corpus` has not been finished" in said()


def test_an_interrupted_fetch_leaves_an_earlier_stage_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.add("boats", {"boats/sail.py": source("sail")})
    assert place.run() == 0
    before = {path: path.read_bytes() for path in place.packages.iterdir()}
    place.entries.append(Entry("pypi", "trees", "1.0", "MIT", "00"))
    ended = subprocess.CompletedProcess("pip", 1, stdout="", stderr="Network is unreachable")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: ended)
    assert place.run() == 1
    assert {path: path.read_bytes() for path in place.packages.iterdir()} == before


def test_the_committed_manifest_is_free_of_what_is_held_out_and_of_other_licences() -> None:
    held = read_heldout(corpus.HERE / "heldout.txt")
    for path in corpus.HERE.glob("manifest*.jsonl"):
        entries = read_manifest(path)
        assert entries
        assert not [listed.label for listed in entries if is_held(listed, held)]
        assert not [listed.label for listed in entries if not licences.allowed(listed.licence)]
        assert all(re.fullmatch("[0-9a-f]{64}", listed.sha256) for listed in entries)
        assert len({listed.key for listed in entries}) == len(entries)
    assert read_pinned(corpus.HERE / "heldout.jsonl", held, {"pypi", "npm"})
