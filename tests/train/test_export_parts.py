"""A model in parts, and put together again."""

import json
from pathlib import Path

import pytest

from models.train.export import parts as export_parts
from models.train.stage import TrainingError, sha256


def split(tmp_path: Path) -> Path:
    """2,500 bytes in parts of 1,000."""
    model = tmp_path / "m.gguf"
    model.write_bytes(bytes(number % 251 for number in range(2_500)))
    export_parts.split(model, tmp_path / "parts", {"facts": {"tokens": 5}}, part_bytes=1_000)
    return tmp_path / "parts"


def test_parts_make_up_the_same_file(tmp_path: Path) -> None:
    """Every part is as small as asked; joined they are the file, and the notes have come along."""
    folder = split(tmp_path)
    assert [path.stat().st_size for path in sorted(folder.glob("*.part-*"))] == [1_000, 1_000, 500]
    (tmp_path / "there").mkdir()
    path, index = export_parts.join(folder, tmp_path / "there")
    assert path.read_bytes() == (tmp_path / "m.gguf").read_bytes()
    assert index.notes == {"facts": {"tokens": 5}}
    assert index.sha256 == sha256(path)


def test_a_missing_and_a_damaged_part_are_named(tmp_path: Path) -> None:
    """Whoever carries the parts learns which one to carry again; no half file is left."""
    folder = split(tmp_path)
    second = folder / "m.gguf.part-002"
    good = second.read_bytes()
    second.write_bytes(good[:-1] + b"x")
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(TrainingError, match=r"m\.gguf\.part-002 is damaged"):
        export_parts.join(folder, target)
    second.unlink()
    with pytest.raises(TrainingError, match=r"1 of the 3 parts of m\.gguf are missing: m\.gguf\.part-002"):
        export_parts.join(folder, target)
    assert list(target.iterdir()) == []
    second.write_bytes(good)
    assert export_parts.join(folder, target)[0].is_file()


def test_without_an_index_nothing_is_joined(tmp_path: Path) -> None:
    """The index is written last: its absence means that the parts are not complete."""
    folder = split(tmp_path)
    (folder / "m.gguf.parts.json").unlink()
    with pytest.raises(TrainingError, match=r"the index .* is missing"):
        export_parts.join(folder, tmp_path)


def test_an_index_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    """A damaged or foreign index writes nothing outside the folder it is given."""
    folder = split(tmp_path)
    index = folder / "m.gguf.parts.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"name": "../m.gguf"}), encoding="utf-8")
    with pytest.raises(TrainingError, match="outside its folder"):
        export_parts.join(folder, tmp_path)


def test_splitting_again_leaves_no_old_part(tmp_path: Path) -> None:
    """A smaller model of the same name does not leave the last parts of the larger one."""
    folder = split(tmp_path)
    model = tmp_path / "m.gguf"
    model.write_bytes(b"short")
    export_parts.split(model, folder, {})
    assert [path.name for path in sorted(folder.iterdir())] == ["m.gguf.part-001", "m.gguf.parts.json"]


def test_two_models_in_one_folder_are_refused(tmp_path: Path) -> None:
    """Which one is meant must be clear."""
    folder = split(tmp_path)
    (folder / "other.gguf.parts.json").write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match="2 models"):
        export_parts.join(folder, tmp_path)
