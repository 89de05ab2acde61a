"""Texts are compared with a fingerprint as lexical tokens; a damaged fingerprint is told."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from lsp_server.errors import ServerError
from lsp_server.modelstore import provenance
from lsp_server.modelstore.provenance import TOKEN, Fingerprint, kept, run_hashes, shipped, stored, token_hashes

BOATS = ("pypi", "boats", "1.0", "MIT")


def words(topic: str, first: int, count: int) -> str:
    return " ".join(f"{topic}{number}" for number in range(first, first + count))


def fingerprint_of(text: str) -> Fingerprint:
    runs = run_hashes(token_hashes(TOKEN.findall(text)), provenance.RUN)
    hashes = np.unique(stored(runs[kept(runs, provenance.WINDOW)]))
    return Fingerprint((BOATS,), hashes, np.zeros(len(hashes), np.uint16))


def test_the_repeated_part_of_a_text_is_located() -> None:
    """The offsets span whole tokens of the repetition, never one outside."""
    before = f"# ours\n{words('x', 0, 30)}\n"
    text = f"{before}{words('boat', 100, 80)}\n{words('y', 0, 30)}\n"
    [origin] = fingerprint_of(words("boat", 0, 300)).origins(text)
    assert (origin.kind, origin.name, origin.version, origin.licence) == BOATS
    assert len(before) <= origin.start < origin.end <= len(before) + len(words("boat", 100, 80))
    assert text[origin.start : origin.end].count(" ") >= provenance.RUN - 1


def test_white_space_and_rulers_do_not_matter() -> None:
    fingerprint = fingerprint_of(words("boat", 0, 60) + " # " + "-" * 70)
    assert fingerprint.origins(words("boat", 0, 60).replace(" ", "\n\t") + "\n#" + "-" * 40)


def test_a_short_text_has_no_origin() -> None:
    assert fingerprint_of(words("boat", 0, 60)).origins(words("boat", 0, 39)) == []
    assert fingerprint_of(words("boat", 0, 60)).origins("") == []


def test_an_empty_fingerprint_names_nothing() -> None:
    assert fingerprint_of("").origins(words("boat", 0, 60)) == []


def test_a_fingerprint_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = fingerprint_of(words("boat", 0, 5000))
    written.save(tmp_path / "f.bin")
    read = Fingerprint.load(tmp_path / "f.bin")
    assert read.packages == written.packages
    assert (read.hashes == written.hashes).all()
    assert (read.owners == written.owners).all()


def test_a_model_without_a_fingerprint_has_none(tmp_path: Path) -> None:
    assert shipped(tmp_path / "model.gguf") is None


@pytest.mark.parametrize("damage", ["cut", "bytes", "format", "lengths"])
def test_a_damaged_fingerprint_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / provenance.FILE
    written = fingerprint_of(words("boat", 0, 5000))
    written.save(path)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "bytes":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :])
    elif damage == "format":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("about.json", '{"format": 2, "run": 20, "window": 21, "packages": []}')
    else:
        Fingerprint(written.packages, written.hashes, written.owners[:-1]).save(path)
    with pytest.raises(ServerError, match=r"The fingerprint of the training text, fingerprint\.bin, cannot be read"):
        shipped(tmp_path / "model.gguf")


def test_hashes_stay_what_shipped_fingerprints_were_made_with() -> None:
    """Another value here would make every fingerprint that was ever shipped blind."""
    runs = run_hashes(token_hashes(TOKEN.findall(words("boat", 0, 45) + " = ( ---- )")), provenance.RUN)
    assert [hex(value) for value in stored(runs[kept(runs, provenance.WINDOW)])] == ["0xcd675ea0", "0xd9cc41a1"]
