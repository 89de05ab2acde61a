"""The packed parts: their form, going on after an interruption, and what is said when they do not fit."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tokenizers")

from models.train import __main__ as stages
from models.train.examples import packing
from models.train.examples.drawing import LONGEST
from models.train.examples.masks import KINDS
from models.train.examples.parts import write_part
from models.train.stage import TrainingError, Workplace
from models.train.tokenizer.special import END
from tests.train import small_corpus

QUICK = ("--workers", "1", "--tokens", "1e6", "--valid-tokens", "800", "--part-tokens", "1000")
DENSE = ("--characters-per-hole", "400")


def run(workplace: Workplace, *options: str) -> int:
    return stages.main(["pack", "--work", str(workplace.root), *QUICK, *DENSE, *options])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    workplace = small_corpus.shops(tmp_path_factory.mktemp("work"))
    assert stages.main(["tokenizer", "--work", str(workplace.root)]) == 0
    assert run(workplace) == 0
    return workplace


@pytest.fixture
def copied(packed: Workplace, tmp_path: Path) -> Workplace:
    shutil.copytree(packed.root, tmp_path / "work")
    return Workplace(tmp_path / "work")


def part(workplace: Workplace, name: str) -> dict[str, NDArray[Any]]:
    with np.load(workplace.root / "pack" / name) as found:
        return dict(found)


def test_a_part_has_the_form_that_training_reads(packed: Workplace) -> None:
    for name in ("train-0000.npz", "valid-0000.npz"):
        found = part(packed, name)
        count = len(found["kinds"])
        kinds = {name: str(array.dtype) for name, array in found.items()}
        assert kinds == {"tokens": "uint16", "starts": "int64", "middles": "int32", "kinds": "uint8"}
        assert len(found["starts"]) == count + 1
        assert len(found["middles"]) == count
        assert found["starts"][0] == 0
        assert found["starts"][-1] == len(found["tokens"])
        lengths = np.diff(found["starts"])
        assert lengths.min() > 0
        assert lengths.max() <= LONGEST
        holes = found["kinds"] != KINDS.index("plain")
        assert (found["tokens"][found["starts"][1:] - 1][holes] == END).all()
        assert (found["middles"][holes] < lengths[holes]).all()
        assert (found["middles"][~holes] == lengths[~holes]).all()


def test_the_receipt_counts_what_the_parts_hold(packed: Workplace) -> None:
    receipt = packed.need("pack")
    parts = [part(packed, f"train-{number:04}.npz") for number in range(receipt["parts"])]
    assert receipt["tokens"] == sum(len(found["tokens"]) for found in parts)
    assert receipt["examples"] == sum(len(found["kinds"]) for found in parts)
    assert receipt["tokenizer"] == packed.need("tokenizer")["digest"]
    assert receipt["prompt_format"] == 1


def test_the_files_that_were_drawn_are_listed(packed: Workplace) -> None:
    with gzip.open(packed.root / "pack" / packing.SOURCES, "rt", encoding="utf-8") as lines:
        sources = [json.loads(line) for line in lines]
    assert {source["package"] for source in sources} <= {"pypi-shop", "pypi-kiosk_x", "npm-@shop/page"}
    assert sources
    assert all(set(source) == {"package", "path"} for source in sources)


def test_a_finished_pack_is_left_alone(packed: Workplace) -> None:
    before = (packed.root / "pack" / "train-0000.npz").stat().st_mtime_ns
    assert run(packed) == 0
    assert (packed.root / "pack" / "train-0000.npz").stat().st_mtime_ns == before


def test_another_configuration_is_refused_until_told_otherwise(
    copied: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(copied, "--mix", "line=1") == 1
    assert "--force" in capsys.readouterr().err
    assert copied.receipt("pack") is not None
    assert run(copied, "--mix", "line=1", "--force") == 0


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(
    copied: Workplace, packed: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that were finished are kept, and the rest becomes what it would have been."""
    whole = packed.need("pack")
    assert whole["parts"] >= 2
    shutil.rmtree(copied.root / "pack")

    def interrupted(path: Path, *arguments: Any) -> None:
        if path.name == "train-0001.npz":
            raise KeyboardInterrupt
        write_part(path, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(packing, "write_part", interrupted)
        assert run(copied) == 130
    assert copied.receipt("pack") is None
    first = (copied.root / "pack" / "train-0000.npz").stat().st_mtime_ns
    assert run(copied) == 0
    assert (copied.root / "pack" / "train-0000.npz").stat().st_mtime_ns == first
    for number in range(whole["parts"]):
        name = f"train-{number:04}.npz"
        assert (part(copied, name)["tokens"] == part(packed, name)["tokens"]).all()
    assert copied.need("pack") == whole


def test_the_number_of_processes_changes_nothing(copied: Workplace, packed: Workplace) -> None:
    assert run(copied, "--workers", "2", "--force") == 0
    assert copied.need("pack") == packed.need("pack")
    assert (part(copied, "train-0000.npz")["tokens"] == part(packed, "train-0000.npz")["tokens"]).all()


def test_the_files_of_an_earlier_model_are_drawn_again(copied: Workplace, packed: Workplace) -> None:
    """And no others, so that its fingerprint stays true; validation is as it was."""
    drawn = [("pypi-shop", "shop/store.py")]
    with gzip.open(copied.root / "drawn.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"package": package, "path": path}) + "\n" for package, path in drawn)
    made = ["fingerprint", "--work", str(copied.root), "--sources", str(copied.root / "drawn.jsonl.gz")]
    assert stages.main(made) == 0
    fingerprint = copied.root / "fingerprint" / "fingerprint.bin"
    assert run(copied, "--force", "--of", str(fingerprint)) == 0
    with gzip.open(copied.root / "pack" / packing.SOURCES, "rt", encoding="utf-8") as lines:
        assert {(each["package"], each["path"]) for each in map(json.loads, lines)} == set(drawn)
    assert len(part(copied, "valid-0000.npz")["kinds"])


def test_missing_parts_are_noticed(copied: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    (copied.root / "pack" / "train-0000.npz").unlink()
    assert run(copied) == 1
    assert "Parts are missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mix", "line"), "--mix cannot be read"),
        (("--mix", "word=1"), "no kind `word`"),
        (("--contexts", "9000=1"), "sizes from 128"),
        (("--contexts", "big=1"), "sizes from 128"),
    ],
)
def test_an_option_that_cannot_be_read_is_explained(
    packed: Workplace, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert run(packed, *options) == 1
    assert words in capsys.readouterr().err


def test_a_damaged_package_stops_with_its_name(copied: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (copied.root / "corpus" / "packages").iterdir():
        path.write_bytes(path.read_bytes()[:40])
    assert run(copied, "--force") == 1
    assert "cannot be read: packages/" in capsys.readouterr().err


def test_it_asks_for_the_stages_before_it(tmp_path: Path) -> None:
    workplace = small_corpus.shops(tmp_path)
    with pytest.raises(TrainingError, match="tokenizer"):
        workplace.need("tokenizer")
    assert run(workplace) == 1
