"""`codehearth origin`: what it says about a text, in words and as JSON."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lsp_server.cli import main
from lsp_server.modelstore import provenance, store
from lsp_server.modelstore.provenance import TOKEN, Fingerprint, kept, run_hashes, stored, token_hashes


def words(topic: str, count: int) -> str:
    return "\n".join(f"{topic}{number}" for number in range(count))


@pytest.fixture(autouse=True)
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that learnt the words boat0, boat1 and so on, one a line, from a package named boats."""
    folder = tmp_path / "embedded"
    folder.mkdir()
    monkeypatch.setattr(store, "embedded", lambda: folder / "model.gguf")
    runs = run_hashes(token_hashes(TOKEN.findall(words("boat", 200))), provenance.RUN)
    hashes = np.unique(stored(runs[kept(runs, provenance.WINDOW)]))
    packages = (("pypi", "boats", "1.0", "MIT"),)
    Fingerprint(packages, hashes, np.zeros(len(hashes), np.uint16)).save(folder / provenance.FILE)
    return folder


def test_a_repetition_is_named_with_lines_and_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text(f"{words('x', 30)}\n{words('boat', 200)}\n")
    assert main.main(["origin", str(tmp_path / "a.py")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Lines 3")
    assert said.endswith("repeat text of boats 1.0 (pypi), licence MIT.\n")


def test_a_single_hash_in_common_is_told_with_care(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fingerprint = provenance.shipped(store.embedded())
    assert fingerprint is not None
    texts = (" ".join(f"boat{number}" for number in range(first, first + 40)) for first in range(100))
    text = next(text for text in texts if [origin.runs for origin in fingerprint.origins(text)] == [1])
    (tmp_path / "a.py").write_text(text)
    assert main.main(["origin", str(tmp_path / "a.py")]) == 0
    assert capsys.readouterr().out == "Line 1 may repeat text of boats 1.0 (pypi), licence MIT.\n"


def test_text_of_one_s_own_repeats_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text(words("ours", 200))
    assert main.main(["origin", str(tmp_path / "a.py")]) == 0
    assert capsys.readouterr().out == "Repeats none of the 1 packages that the embedded model learnt from.\n"


def test_a_short_text_is_told_to_be_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text(words("boat", 39))
    assert main.main(["origin", str(tmp_path / "a.py")]) == 0
    assert "39 words and signs, and only repetitions of 40 or more" in capsys.readouterr().out


@pytest.mark.parametrize("words_of_command", [["origin", "--json"], ["origin", "-", "--json"]])
def test_the_standard_input_is_read(
    words_of_command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(words("boat", 200).encode())))
    assert main.main(words_of_command) == 0
    said = json.loads(capsys.readouterr().out)
    [origin] = said["origins"]
    assert said["tokens"] == 200
    assert 1 <= origin.pop("lines")[0] <= 20
    assert origin.pop("runs") > 5
    assert origin == {"kind": "pypi", "name": "boats", "version": "1.0", "licence": "MIT"}


def test_a_model_without_a_fingerprint_is_told(embedded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (embedded / provenance.FILE).unlink()
    assert main.main(["origin", "x.py"]) == 1
    assert "came without the fingerprint of its training text" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read"), (b"\xff\xfe\x00", "is not text in UTF-8")])
def test_what_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "a.py").write_bytes(content)
    assert main.main(["origin", str(tmp_path / "a.py")]) == 1
    assert sentence in capsys.readouterr().err
