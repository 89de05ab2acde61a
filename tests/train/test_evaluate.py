"""The stage `evaluate`, from the command line to the card, on a package of three files and the embedded model."""

import hashlib
import json
import zipfile
from pathlib import Path

import attrs
import pytest

pytest.importorskip("rapidfuzz")

from lsp_server.modelstore import store
from models.evaluation import card, crosscode, holes, infilling, measure, packages, selftest, speed, units
from models.evaluation.packages import Package
from models.evaluation.selftest import Formats
from models.evaluation.speed import Speed, Speeds
from models.train.__main__ import main

SHELF = '''\
"""Shelves and what lies on them."""

from shelf.entries import Entry, find_entry


class Shelf:
    """Holds entries."""

    def __init__(self, name: str, capacity: int = 100) -> None:
        self.name = name
        self.capacity = capacity
        self.entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        if len(self.entries) >= self.capacity:
            raise ValueError("the shelf is full")
        self.entries.append(entry)

    def find(self, name: str) -> Entry | None:
        return find_entry(self.entries, name=name)
'''

ENTRIES = '''\
"""Entries."""


class Entry:
    """Has a name."""

    def __init__(self, name: str) -> None:
        self.name = name


def find_entry(entries: list[Entry], name: str) -> Entry | None:
    for entry in entries:
        if entry.name == name:
            return entry
    return None


def sort_entries(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.name)
'''


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workplace whose package is fetched already, and lists that are short enough for a test."""
    folder = tmp_path / "work"
    cache = folder / "evaluate" / "packages"
    cache.mkdir(parents=True)
    wheel = cache / "shelf-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (("shelves.py", SHELF), ("entries.py", ENTRIES), ("__init__.py", "")):
            archive.writestr(f"shelf/{path}", text)
    package = Package("shelf", "1.0", wheel.name, packages.sha256_of(wheel))
    repositories = packages.fetched([package], cache)
    drawn = holes.draw(repositories, 1, {"line": 3, "arguments": 1, "block": 1})
    assert len(drawn) == 5
    monkeypatch.setattr(packages, "listed", lambda: (package,))
    monkeypatch.setattr(holes, "listed", lambda: tuple(drawn))
    some_items, some_programs = crosscode.items()[:4], infilling.items()[:4]
    monkeypatch.setattr(crosscode, "items", lambda: some_items)
    monkeypatch.setattr(infilling, "items", lambda: some_programs)
    rate = Speeds(Speed(1000.0, 200.0), None)
    monkeypatch.setattr(speed, "measure", lambda model, llama_bench: rate)
    # What two holes say of a format is chance.
    monkeypatch.setattr(selftest, "formats", lambda model, cases: Formats("spm", len(cases), 0.5, 0.6, 0.7))
    return folder


def evaluate(work: Path, *more: str) -> int:
    model = str(store.embedded())
    return main(
        ["evaluate", "--work", str(work), "--model", model, "--processes", "1", "--prompt-tokens", "256", *more]
    )


def test_every_figure_is_written_and_the_card_is_rewritten(work: Path, tmp_path: Path) -> None:
    page = tmp_path / "CARD.md"
    page.write_text(f"{card.BEGIN}\n{card.END}\n", encoding="utf-8")
    assert evaluate(work, "--card", str(page), "--out", str(tmp_path / "figures.json")) == 0
    found = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert found["model"]["sha256"] == hashlib.sha256(store.embedded().read_bytes()).hexdigest()
    for kind, items in (("line", 3), ("arguments", 1), ("block", 1)):
        its = found["holes"][kind]
        assert its["items"] == items
        assert its["arms"]["empty"]["exact"]["value"] == 0.0
        assert its["arms"]["context"]["loss"]["value"] > 0
        assert "stop" in its["arms"]["context"]
    assert found["self_test"]["formats"]["wrong_order_detected"]
    assert found["self_test"]["truth survives"] == {"items": 5, "right": 5}
    assert found["crosscodeeval"]["items"] == 4
    assert found["human_eval_infilling"]["pass@1"]["items"] == 4
    assert "| rest of a line (3) |" in page.read_text(encoding="utf-8")
    assert json.loads((work / "evaluate" / "receipt.json").read_text(encoding="utf-8"))["seconds"] > 0


def test_quick_tells_one_figure_and_leaves_no_receipt(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "quick_holes", lambda found, count: found[:2])
    assert evaluate(work, "--quick") == 0
    found = json.loads((work / "evaluate" / "quick.json").read_text(encoding="utf-8"))
    assert found["holes"] == 2
    assert found["exact"]["items"] == 2
    assert not (work / "evaluate" / "receipt.json").exists()


def test_what_was_finished_is_not_done_again(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted at its third unit, the second run does the rest."""
    plan = measure._plan(store.embedded(), work / "evaluate", None, 256, quick=False)
    every = [unit.name for unit in units.units_of(plan)]
    asked: list[str] = []

    def done(given: units.Plan, unit: units.Unit) -> units.Records:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(unit.name)
        return []

    monkeypatch.setattr(units, "done", done)
    with pytest.raises(KeyboardInterrupt):
        measure._all_done(plan, work / "evaluate", 1, lambda what, finished, total: None)
    monkeypatch.setattr(units, "done", lambda given, unit: asked.append(unit.name) or [])
    measure._all_done(plan, work / "evaluate", 1, lambda what, finished, total: None)
    assert asked == every


def test_another_prompt_size_begins_anew(work: Path) -> None:
    plan = measure._plan(store.embedded(), work / "evaluate", None, 256, quick=False)
    assert measure._state(plan) == measure._state(attrs.evolve(plan))
    assert measure._state(plan) != measure._state(attrs.evolve(plan, prompt_tokens=512))


def test_a_file_that_is_no_model_is_a_sentence(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.gguf").write_bytes(b"nothing")
    assert main(["evaluate", "--work", str(work), "--model", str(tmp_path / "model.gguf"), "--quick"]) == 1
    assert "model.gguf" in capsys.readouterr().err
