"""The shipped editing trace, its generator and its file."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from lsp_server.errors import ServerError
from lsp_server.evaluate import keystrokes, record


def test_the_shipped_trace_holds_what_a_person_does() -> None:
    """At least 300 keys that ask, in a file of at least 500 lines, with every kind of key."""
    trace = keystrokes.load(keystrokes.shipped())
    assert sum(key.asks for key in trace.keys) >= 300
    assert trace.text.count("\n") >= 500
    assert {key.kind for key in trace.keys} == set(get_args(keystrokes.KeyKind))
    assert len({key.run for key in trace.keys}) >= 10


def test_a_licence_notice_lies_beside_the_trace() -> None:
    notice = keystrokes.shipped().with_name("LICENSE.attrs.txt").read_text(encoding="utf-8")
    assert "Permission is hereby granted" in notice


@pytest.mark.skipif(
    importlib.metadata.version(record.PACKAGE) != record.VERSION, reason="another version of attrs is installed"
)
def test_the_generator_makes_the_shipped_bytes(tmp_path: Path) -> None:
    """Seed and plan in the package are those that made the trace."""
    trace, notice = record.make()
    keystrokes.save(trace, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == keystrokes.shipped().read_bytes()
    assert notice == keystrokes.shipped().with_name("LICENSE.attrs.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_typing_arrives_at_the_truth(seed: int) -> None:
    """Whatever is taken out of a file and however it is typed again, the keys lead back to the file."""
    truth = Path(record.__file__).read_text(encoding="utf-8")
    text, typist = record.record(truth, seed)
    assert text != truth
    for key in typist.keys:
        text = key.applied(text)
    assert text == truth


def test_a_trace_survives_saving_and_loading(tmp_path: Path) -> None:
    trace = keystrokes.load(keystrokes.shipped())
    keystrokes.save(trace, tmp_path / "copy.jsonl")
    assert keystrokes.load(tmp_path / "copy.jsonl") == trace


def test_laying_out_leaves_equal_files_alone(tmp_path: Path) -> None:
    """A second run finds an unchanged workspace, so that its index is warm."""
    trace = keystrokes.load(keystrokes.shipped())
    edited = trace.lay_out(tmp_path)
    before = edited.stat().st_mtime_ns
    other = tmp_path / "src/attr/setters.py"
    other.write_text("changed", encoding="utf-8")
    assert trace.lay_out(tmp_path) == edited
    assert edited.stat().st_mtime_ns == before
    assert other.read_text(encoding="utf-8") == trace.files["src/attr/setters.py"]


DAMAGES: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "not a trace": lambda text: "[]\n",
    "cut short": lambda text: text[:-200],
    "from the future": lambda text: text.replace('"trace":1', '"trace":9'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_trace_is_a_sentence(tmp_path: Path, damage: Callable[[str], str]) -> None:
    text = keystrokes.shipped().read_text(encoding="utf-8")
    (tmp_path / "bad.jsonl").write_text(damage(text), encoding="utf-8")
    with pytest.raises(ServerError):
        keystrokes.load(tmp_path / "bad.jsonl")
